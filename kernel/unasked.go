package kernel

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// unasked names, as ErrServerSet, what a body names and the route does not take, where it
// is a field of the record that the route is about or answers: a payment's kind, an
// invoice's status. As on the CRUD paths, a client that sends back what it read does no harm.
func unasked(c *Call, r Route, body map[string]json.RawMessage) (bad Invalid, err error) {
	taken := fieldNames(r.in)
	own := fieldNames(r.out)
	for _, name := range []string{r.Returns, r.Record} {
		if name == "" {
			continue
		}
		about, err := c.App.FindCachedCollectionByNameOrId(name)
		if err != nil {
			return nil, err
		}
		own = append(own, about.Fields.FieldNames()...)
	}
	for name, sent := range body {
		if !slices.Contains(taken, name) && slices.Contains(own, name) && !sentBack(c, name, sent) {
			bad = append(bad, ErrServerSet.At(name))
		}
	}
	return bad, nil
}

// sentBack reports whether a client sent what it had read: a field of the record in the
// path as it is, or that record's id.
func sentBack(c *Call, name string, sent json.RawMessage) bool {
	var v any
	if c.Record == nil || json.Unmarshal(sent, &v) != nil {
		return false
	}
	if v == c.Record.Id {
		return true
	}
	f := c.Record.Collection().Fields.GetByName(name)
	if f == nil || f.GetHidden() {
		return false
	}
	if text, ok := v.(string); ok && (f.Type() == core.FieldTypeDate || f.Type() == core.FieldTypeAutodate) {
		present := c.Record.GetString(name)
		return text == present || sameInstant(text, present)
	}
	raw, err := json.Marshal(c.Record.Get(name))
	var present any
	if err != nil || json.Unmarshal(raw, &present) != nil {
		return false
	}
	return reflect.DeepEqual(v, present)
}

// fieldNames returns the names that a type has in JSON, those of embedded types included.
func fieldNames(t reflect.Type) (names []string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == recordType.Elem() {
		return nil
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-", f.Tag.Get("path") != "", f.Tag.Get("query") != "":
		case name != "":
			names = append(names, name)
		case f.Anonymous:
			names = append(names, fieldNames(f.Type)...)
		case f.IsExported():
			names = append(names, f.Name)
		}
	}
	return names
}
