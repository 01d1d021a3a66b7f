package kernel

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// readFields fills a struct from a JSON object, field by field, and names each that is bad.
// encoding/json would stop at the first, and take "AMOUNT" for "amount".
func readFields(v reflect.Value, body map[string]json.RawMessage) (bad Invalid) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-", f.Tag.Get("path") != "", f.Tag.Get("query") != "":
			continue
		case name == "" && f.Anonymous && f.Type.Kind() == reflect.Struct:
			bad = append(bad, readFields(v.Field(i), body)...)
			continue
		case !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		raw, sent := body[name]
		if !sent {
			continue
		}
		if err := readValue(v.Field(i), raw); err != nil {
			bad = append(bad, readError(name, err))
		} else if !isSecret(name) && hasHiddenIn(raw) {
			bad = append(bad, ErrCharacters.At(name))
		}
	}
	return bad
}

// readValue is json.Unmarshal with names as they are written, and with whole numbers however
// they are written.
func readValue(v reflect.Value, raw json.RawMessage) error {
	if _, own := v.Addr().Interface().(json.Unmarshaler); own || string(raw) == "null" {
		return json.Unmarshal(raw, v.Addr().Interface())
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return readValue(v.Elem(), raw)
	case reflect.Struct:
		var body map[string]json.RawMessage
		if err := json.Unmarshal(raw, &body); err != nil {
			return err
		}
		if bad := readFields(v, body); len(bad) > 0 {
			return bad[0]
		}
		return nil
	case reflect.Map:
		return readMap(v, raw)
	case reflect.Slice:
		return readList(v, raw)
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint32:
		return readWhole(v, raw)
	}
	return json.Unmarshal(raw, v.Addr().Interface())
}

func readMap(v reflect.Value, raw json.RawMessage) error {
	var body map[string]json.RawMessage
	if err := json.Unmarshal(raw, &body); err != nil {
		return err
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(body)))
	for name, raw := range body {
		one := reflect.New(v.Type().Elem()).Elem()
		if err := readValue(one, raw); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), one)
	}
	return nil
}

func readList(v reflect.Value, raw json.RawMessage) error {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
	for i, raw := range list {
		if err := readValue(v.Index(i), raw); err != nil {
			return err
		}
	}
	return nil
}

// readWhole takes 1, 1.0 and 1e0: JSON has one kind of number. From 2^53 on a float64 no
// longer holds every whole number.
func readWhole(v reflect.Value, raw json.RawMessage) error {
	wrong := &json.UnmarshalTypeError{Value: "number", Type: v.Type()}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
			return wrong
		}
		n = int64(f)
	}
	switch {
	case v.CanInt() && !v.OverflowInt(n):
		v.SetInt(n)
	case v.CanUint() && n >= 0 && !v.OverflowUint(uint64(n)):
		v.SetUint(uint64(n))
	default:
		return wrong
	}
	return nil
}

// readError blames the field of the body, however deep in it the value is.
func readError(field string, err error) *Error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own.At(field)
	}
	if wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return Bad(field, "validation_invalid_type", "Must be "+kindText(wrongType.Type)+".")
	}
	return Bad(field, "validation_invalid_type", "Could not be read.")
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

func hasHiddenIn(raw json.RawMessage) bool {
	var v any
	return json.Unmarshal(raw, &v) == nil && HasHiddenIn(v)
}

// isSecret names what nobody is shown: somebody's password may have any sign in it.
func isSecret(field string) bool {
	return strings.Contains(strings.ToLower(field), core.FieldNamePassword)
}
