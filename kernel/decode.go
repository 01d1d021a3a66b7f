package kernel

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Validator is implemented by inputs that check themselves: shape, ranges, formats.
// Return Invalid to name several fields at once.
type Validator interface{ Validate() error }

// decode fills in from path (`path:"id"`), query (`query:"from"`) and JSON body, then
// validates it. A body field that In does not have is refused where the server sets what it
// names, see unasked, and else ignored, as API.md has it; one of the wrong type is named.
func decode(c *Call, r Route, in any) error {
	e := c.RequestEvent
	v := reflect.ValueOf(in).Elem()
	if v.Kind() != reflect.Struct {
		return nil
	}
	if e.Request.Body != nil && e.Request.Method != http.MethodGet {
		if err := decodeBody(c, r, in); err != nil {
			return err
		}
	}
	if _, list := in.(*Page); list {
		// Better refused than ignored: the client would take everything for what it asked for.
		for _, p := range []string{"filter", "sort", "expand", "q"} {
			if e.Request.URL.Query().Has(p) {
				return ErrQuery.At(p).Saying("This list takes page, perPage, fields and skipTotal.")
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

func decodeBody(c *Call, r Route, in any) error {
	if r.Form && !strings.HasPrefix(c.Request.Header.Get("Content-Type"), "application/json") {
		if err := c.BindBody(in); err != nil {
			return ErrBadInput
		}
		return nil
	}
	body, err := io.ReadAll(c.Request.Body)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return ErrTooLarge
	}
	if err != nil {
		return readError(err)
	}
	if again, ok := c.Request.Body.(router.Rereader); ok {
		again.Reread() // for PocketBase's RequestInfo
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(in); errors.Is(err, io.EOF) {
		return nil // no body
	} else if err != nil {
		return readError(err)
	}
	return unasked(c, r, body)
}

func readError(err error) error {
	if wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field, _, _ := strings.Cut(wrongType.Field, ".")
		return Bad(field, "validation_invalid_type", "Must be "+kindText(wrongType.Type)+".")
	}
	if own, ok := errors.AsType[*Error](err); ok {
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
