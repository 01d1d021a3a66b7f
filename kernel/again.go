package kernel

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// An answer is kept without what its records say: in the place of each stands which it was.
// A repeat is given the records as they are, through the rules, those of expand too, and
// through the audit trail, as if they were asked for. A key lasts a day; within one, care
// ends, roles change, and patients leave.

const (
	placeCollection = "collectionName" // as PocketBase calls it in its answers
	placeID         = "id"
)

// bare returns a JSON answer with nothing of its records but where they stood.
func (k *Kernel) bare(r *http.Request, answer string) string {
	var v any
	if err := decodeNumbers(answer, &v); err != nil {
		return answer
	}
	of := r.PathValue("collection")
	if of == "" {
		of = k.routes[r.Pattern].Returns
	}
	items, _ := v.([]any)
	batch := r.Pattern == "POST /api/batch"
	if batch {
		for _, item := range items {
			bareItem(item)
		}
	}
	v, found := places(v, of)
	switch top, _ := place(v, of); {
	case top == nil && r.URL.Query().Has("fields"):
		return "{}" // a part does not say of which record it is
	case !found && !batch:
		return answer
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return "{}" // it was JSON a moment ago
	}
	return string(raw)
}

// bareItem empties one answer of a batch whose "fields" left out which record it was.
func bareItem(item any) {
	m, _ := item.(map[string]any)
	if body, ok := m["body"].(map[string]any); ok && body[placeCollection] == nil {
		m["body"] = map[string]any{}
	}
}

// place returns where a record stood, and those in its fields that a route put there; nil
// for what is no record. of is the collection of one that does not name it.
func place(v any, of string) (map[string]any, bool) {
	m, _ := v.(map[string]any)
	if name, ok := m[placeCollection].(string); ok {
		of = name
	}
	id, _ := m[placeID].(string)
	if of == "" || id == "" {
		return nil, false
	}
	out := map[string]any{placeCollection: of, placeID: id}
	for name, v := range m {
		if below, is := place(v, ""); is && name != "expand" {
			out[name] = below
		}
	}
	return out, true
}

// places puts a place where each record stood, and reports whether there was one.
func places(v any, of string) (out any, found bool) {
	if p, is := place(v, of); is {
		return p, true
	}
	out, found, _ = within(v, func(v any) (any, bool, error) { p, is := places(v, ""); return p, is, nil }) // it never fails
	return out, found
}

// within puts fn of each value into the place of the value, one level down.
func within(v any, fn func(any) (any, bool, error)) (out any, found bool, err error) {
	put := func(v any) any {
		if err != nil {
			return nil
		}
		made, is, failed := fn(v)
		found, err = found || is, failed
		return made
	}
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = put(v[name])
		}
	case []any:
		for i := range v {
			v[i] = put(v[i])
		}
	}
	return v, found, err
}

// asNow returns a kept answer with the records as they are, and whether it has any.
func asNow(e *core.RequestEvent, kept string) (answer any, ofRecords bool, err error) {
	if err := decodeNumbers(kept, &answer); err != nil {
		return nil, false, nil // no JSON
	}
	return filled(e, answer)
}

func filled(e *core.RequestEvent, v any) (any, bool, error) {
	if p, is := place(v, ""); is {
		r, err := recordNow(e, p)
		return r, true, err
	}
	return within(v, func(v any) (any, bool, error) { return filled(e, v) })
}

// recordNow returns the record of a place as the caller sees it now: the id alone where they
// do not, and where it is gone.
func recordNow(e *core.RequestEvent, place map[string]any) (any, error) {
	idAlone := map[string]any{placeID: place[placeID]}
	collection, id := place[placeCollection].(string), place[placeID].(string)
	r, err := e.App.FindRecordById(collection, id)
	if err != nil {
		return idAlone, nil
	}
	info, err := e.RequestInfo()
	if err != nil {
		return nil, err
	}
	if ok, err := e.App.CanAccessRecord(r, info, r.Collection().ViewRule); !ok || err != nil {
		return idAlone, err
	}
	if err := apis.EnrichRecord(e, r); err != nil {
		return nil, err
	}
	for name, v := range place {
		if name == placeCollection || name == placeID {
			continue
		}
		below, _, err := filled(e, v)
		if err != nil {
			return nil, err
		}
		r.SetRaw(name, below)
		r.WithCustomData(true)
	}
	return r, nil
}

// decodeNumbers reads JSON and keeps its numbers as they are written.
func decodeNumbers(text string, v *any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d.Decode(v)
}
