package kernel

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

var (
	nothingType = reflect.TypeFor[Nothing]()
	recordType  = reflect.TypeFor[*core.Record]()
	rawType     = reflect.TypeFor[json.RawMessage]()

	timeType     = reflect.TypeFor[time.Time]()
	dateTimeType = reflect.TypeFor[types.DateTime]()
)

// recordSchema describes a record as it is answered (View) or sent (Create, Update).
func recordSchema(c *core.Collection, a Access, v Verb) object {
	props := object{}
	var required []string
	for _, f := range c.Fields {
		name := f.GetName()
		server := slices.Contains(a.ServerSet, name) || f.Type() == core.FieldTypeAutodate || name == core.FieldNameId
		switch {
		case name == SearchColumn, f.GetHidden() && name != core.FieldNamePassword, v != View && server, v == Update && slices.Contains(a.CreateOnly, name):
			continue
		case v == View && name == core.FieldNamePassword:
			continue
		}
		s := fieldSchema(f)
		if server {
			s["readOnly"] = true
		}
		props[name] = s
		if v == Create && isRequired(f) {
			required = append(required, name)
		}
	}
	if v == View {
		props["collectionId"], props["collectionName"] = object{"type": "string"}, object{"type": "string"}
	}
	out := object{"type": "object", "properties": props}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func isRequired(f core.Field) bool {
	v := reflect.Indirect(reflect.ValueOf(f)).FieldByName("Required")
	return v.IsValid() && v.Kind() == reflect.Bool && v.Bool() && !f.GetSystem()
}

func fieldSchema(f core.Field) object {
	switch f := f.(type) {
	case *core.NumberField:
		s := object{"type": "number"}
		if f.OnlyInt {
			s["type"] = "integer"
		}
		if f.Min != nil {
			s["minimum"] = *f.Min
		}
		if f.Max != nil {
			s["maximum"] = *f.Max
		}
		return s
	case *core.BoolField:
		return object{"type": "boolean"}
	case *core.DateField, *core.AutodateField:
		return object{"type": "string", "format": "date-time"}
	case *core.EmailField:
		return object{"type": "string", "format": "email"}
	case *core.SelectField:
		one := object{"type": "string", "enum": f.Values}
		if f.MaxSelect > 1 {
			return object{"type": "array", "items": one}
		}
		return one
	case *core.RelationField:
		one := object{"type": "string", "description": "id of a record"}
		if f.MaxSelect > 1 {
			return object{"type": "array", "items": one}
		}
		return one
	case *core.FileField:
		if f.MaxSelect > 1 {
			return object{"type": "array", "items": object{"type": "string"}}
		}
	case *core.JSONField:
		return object{"description": "JSON"}
	case *core.TextField:
		s := object{"type": "string"}
		if f.Max > 0 {
			s["maxLength"] = f.Max
		}
		if f.Pattern != "" && f.Name != core.FieldNameId {
			s["pattern"] = f.Pattern
		}
		return s
	}
	return object{"type": "string"}
}

// typeSchema describes a Go type by its json and doc tags. A body without fields is nil.
func typeSchema(t reflect.Type, body bool) object {
	switch {
	case t == recordType:
		return object{"type": "object"}
	case t == timeType, t == dateTimeType:
		return object{"type": "string", "format": "date-time"}
	case t == rawType, t.Kind() == reflect.Interface:
		return object{}
	case t == nothingType:
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeSchema(t.Elem(), body)
	case reflect.String:
		return object{"type": "string"}
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint32:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Slice:
		return object{"type": "array", "items": typeSchema(t.Elem(), false)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": typeSchema(t.Elem(), false)}
	case reflect.Struct:
		return structSchema(t, body)
	}
	return object{}
}

func structSchema(t reflect.Type, body bool) object {
	props := object{}
	var required []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			if inner := typeSchema(f.Type, body); inner != nil {
				if p, ok := inner["properties"].(object); ok {
					for key, v := range p {
						props[key] = v
					}
				}
			}
			continue
		}
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		s := typeSchema(f.Type, false)
		if s == nil {
			s = object{}
		}
		if d := f.Tag.Get("doc"); d != "" {
			s["description"] = d
		}
		props[name] = s
		if body && strings.Contains(options, "required") || f.Tag.Get("required") == "true" {
			required = append(required, name)
		}
	}
	if body && len(props) == 0 {
		return nil
	}
	out := object{"type": "object", "properties": props}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func inParams(r Route) (out []any) {
	if r.in.Kind() != reflect.Struct {
		return nil
	}
	for i := range r.in.NumField() {
		f := r.in.Field(i)
		if n := f.Tag.Get("query"); n != "" {
			p := query(n, f.Tag.Get("doc"))
			p["schema"] = typeSchema(f.Type, false)
			out = append(out, p)
		}
	}
	return out
}

func pathParams(path string) (out []any) {
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			out = append(out, object{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": object{"type": "string"}})
		}
	}
	return out
}

func query(name, doc string) object {
	return object{"name": name, "in": "query", "description": doc, "schema": object{"type": "string"}}
}

func header(name, doc string) object {
	return object{"name": name, "in": "header", "description": doc, "schema": object{"type": "string"}}
}

func listParams(a Access, r Resource) []any {
	fields := strings.Join(append([]string{"id", "created", "updated"}, a.Queryable...), ", ")
	out := []any{
		query("page", "1 is the first"), query("perPage", "30 by default, 200 at most"),
		query("sort", "a field, - for descending: "+fields), query("filter", "PocketBase's filter language over "+fields),
		query("expand", "relations to include, separated by commas"), query("fields", "fields to answer with"), query("skipTotal", "true: do not count"),
	}
	if len(r.Search) > 0 {
		out = append(out, query("q", "plain text, looked for in "+strings.Join(r.Search, ", ")))
	}
	return out
}

func listSchema(item object) object {
	n := object{"type": "integer"}
	return object{"type": "object", "properties": object{
		"page": n, "perPage": n, "totalItems": n, "totalPages": n, "items": object{"type": "array", "items": item},
	}}
}

func jsonBody(schema object) object {
	return object{"required": true, "content": object{"application/json": object{"schema": schema}}}
}

func jsonAnswer(doc string, schema object) object {
	return object{"description": doc, "content": object{"application/json": object{"schema": schema}}}
}
