package kernel

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Validator is implemented by inputs that check themselves: shape, ranges, formats.
// Return Invalid to name several fields at once.
type Validator interface{ Validate() error }

// decode fills in from path (`path:"id"`), query (`query:"from"`) and JSON body, then
// validates it. A body field that In does not have is ignored, as API.md has it; one of
// the wrong type is named.
func decode(e *core.RequestEvent, in any) error {
	v := reflect.ValueOf(in).Elem()
	if v.Kind() != reflect.Struct {
		return nil
	}
	if e.Request.Body != nil && e.Request.Method != http.MethodGet {
		if err := decodeBody(e.Request.Body, in); err != nil {
			return err
		}
		if r, ok := e.Request.Body.(router.Rereader); ok {
			r.Reread() // for PocketBase's RequestInfo
		}
	}
	if _, list := in.(*Page); list {
		// Better refused than ignored: the client would take everything for what it asked for.
		for _, p := range []string{"filter", "sort", "q"} {
			if e.Request.URL.Query().Has(p) {
				return ErrQuery.At(p)
			}
		}
	}
	for i := range v.NumField() {
		f, src := v.Type().Field(i), ""
		if n := f.Tag.Get("path"); n != "" {
			src = e.Request.PathValue(n)
		} else if n := f.Tag.Get("query"); n != "" {
			src = e.Request.URL.Query().Get(n)
		}
		if src == "" {
			continue
		}
		if err := setText(v.Field(i), src); err != nil {
			return Bad(f.Tag.Get("query"), "validation_invalid_number", "Must be a whole number.")
		}
	}
	val, ok := in.(Validator)
	if !ok {
		return nil
	}
	err := val.Validate()
	var fields validation.Errors
	if errors.As(err, &fields) {
		return router.NewBadRequestError("Some fields are not valid.", err)
	}
	return err
}

func decodeBody(body io.Reader, in any) error {
	d := json.NewDecoder(body)
	err := d.Decode(in)
	var wrongType *json.UnmarshalTypeError
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &wrongType):
		field, _, _ := strings.Cut(wrongType.Field, ".")
		return Bad(field, "validation_invalid_type", "Must be "+kindText(wrongType.Type)+".")
	case errors.As(err, &tooLarge):
		return ErrTooLarge
	}
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	return ErrBadInput
}

func kindText(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint32:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "text"
}

func setText(v reflect.Value, src string) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(src)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(src, 10, 64)
		if err != nil {
			return err
		}
		v.SetInt(n)
	case reflect.Bool:
		v.SetBool(src == "true" || src == "1")
	}
	return nil
}
