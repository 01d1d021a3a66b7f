package kernel

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/tools/router"
)

// Validator is implemented by inputs that check themselves: shape, ranges, formats.
// Return Invalid to name several fields at once.
type Validator interface{ Validate() error }

// Completer is implemented by inputs of which only the database tells whether they hold. It
// is asked once an input is refused, so that one answer names every bad field; of a good
// input the handler finds out.
type Completer interface{ Complete(c *Call) error }

// decode fills in from path (`path:"id"`), query (`query:"from"`) and JSON body, then
// validates it. A body field that In does not have is refused where the server sets what it
// names, see unasked, and else ignored, as API.md has it. Every bad field is named: what is of
// the wrong type does not hide what else is wrong.
func decode(c *Call, r Route, in any) error {
	e := c.RequestEvent
	v := reflect.ValueOf(in).Elem()
	if v.Kind() != reflect.Struct {
		return nil
	}
	var bad Invalid
	if e.Request.Body != nil && e.Request.Method != http.MethodGet {
		var err error
		if bad, err = decodeBody(c, r, in); err != nil {
			return err
		}
	}
	if err := onlyTaken(e.Request.URL.Query(), v.Type()); err != nil {
		return err
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
			bad = append(bad, Bad(f.Tag.Get("query"), "validation_invalid_number", "Must be a whole number."))
		}
	}
	return complete(c, in, bad)
}

// onlyTaken refuses, of a list that no collection stands behind, what it does not take. Better
// refused than ignored: the client would take everything for what it asked for.
func onlyTaken(asked url.Values, in reflect.Type) error {
	var taken []string
	for i := range in.NumField() {
		if name := in.Field(i).Tag.Get("query"); name != "" {
			taken = append(taken, name)
		}
	}
	if !slices.Contains(taken, "page") {
		return nil
	}
	taken = append(taken, "fields")
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if !slices.Contains(taken, name) {
			return ErrQuery.At(name).Saying("This list takes " + strings.Join(taken, ", ") + ".")
		}
	}
	return nil
}

// complete returns what was found wrong with an input, and what the input says of itself.
func complete(c *Call, in any, bad Invalid) (err error) {
	if val, ok := in.(Validator); ok {
		err = val.Validate()
	}
	if err == nil && len(bad) == 0 {
		return nil
	}
	all := bad.And(c.K.FieldErrors(err))
	if more, ok := in.(Completer); ok && len(all) > 0 {
		err := more.Complete(c)
		found := c.K.FieldErrors(err)
		if err != nil && len(found) == 0 {
			return err
		}
		all = all.And(found)
	}
	switch {
	case len(all) > 1:
		return all
	case len(bad) == 1:
		return bad[0] // in its own words
	}
	return err
}

// decodeBody fills in from the body and returns what is wrong with single fields.
func decodeBody(c *Call, r Route, in any) (bad Invalid, err error) {
	if r.Form && !strings.HasPrefix(c.Request.Header.Get("Content-Type"), "application/json") {
		if err := c.BindBody(in); err != nil {
			return nil, ErrBadInput
		}
		return hiddenTexts(reflect.ValueOf(in).Elem()), nil
	}
	raw, err := io.ReadAll(c.Request.Body)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, ErrTooLarge
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return nil, own
	}
	if err != nil {
		return nil, ErrBadInput
	}
	if again, ok := c.Request.Body.(router.Rereader); ok {
		again.Reread() // for PocketBase's RequestInfo
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, ErrBadInput // a list, say
	}
	bad = readFields(reflect.ValueOf(in).Elem(), body)
	notAsked, err := unasked(c, r, body)
	return bad.And(notAsked), err
}

// hiddenTexts names the texts of a form that show something else than they are.
func hiddenTexts(v reflect.Value) (bad Invalid) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if name := f.Tag.Get("form"); name != "" && f.Type.Kind() == reflect.String && !isSecret(name) && HasHidden(v.Field(i).String()) {
			bad = append(bad, ErrCharacters.At(name))
		}
	}
	return bad
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
