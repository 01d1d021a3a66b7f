package kernel

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// A repeat gets the first answer, as long as the caller may still see every record in it. A
// key lasts a day; within one, care ends, roles change, and patients leave. Then only what
// records are still theirs to see is shown, as it is now, and of the others the id. Either
// way the audit trail is told of the records as if they were asked for.

const (
	placeCollection = "collectionName" // as PocketBase calls it in its answers
	placeID         = "id"
)

// asFirst reports whether an answer may be given again as it was.
func (k *Kernel) asFirst(e *core.RequestEvent, answer string) (bool, error) {
	var v any
	if decodeNumbers(answer, &v) != nil {
		return true, nil // no JSON
	}
	of := k.collectionOf(e.Request)
	if _, is := place(v, of); !is && e.Request.URL.Query().Has("fields") {
		return false, nil // a part does not say of which record it is
	}
	if e.Request.Pattern == batchPattern {
		items, _ := v.([]any)
		for _, item := range items {
			if !saysWhich(item) {
				return false, nil
			}
		}
	}
	return stillShown(e, v, of)
}

// keptAnswer returns what is kept of an answer: not the part that does not say of which record
// it is. No repeat is shown that, and ForgetAnswers would not find it.
func (k *Kernel) keptAnswer(r *http.Request, answer string) string {
	var v any
	if decodeNumbers(answer, &v) != nil {
		return answer // no JSON
	}
	if _, is := place(v, k.collectionOf(r)); !is && r.URL.Query().Has("fields") {
		return "{}"
	}
	items, _ := v.([]any)
	if r.Pattern == batchPattern && slices.ContainsFunc(items, func(item any) bool { return !saysWhich(item) }) {
		return k.bare(r, answer)
	}
	return answer
}

const (
	batchPattern   = "POST /api/batch"
	recordsPattern = "POST /api/collections/{collection}/records"
)

// saysWhich reports whether one answer of a batch says of which record it is.
func saysWhich(item any) bool {
	m, _ := item.(map[string]any)
	body, is := m["body"].(map[string]any)
	return !is || body[placeCollection] != nil
}

// collectionOf is that of an answer's record which does not name it.
func (k *Kernel) collectionOf(r *http.Request) string {
	return cmp.Or(r.PathValue("collection"), k.routes[r.Pattern].Returns)
}

// stillShown reports whether the caller may see every record of an answer, as the rules are
// now. A record of which the answer does not say which it is counts as one that they may not.
func stillShown(e *core.RequestEvent, v any, of string) (bool, error) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			if ok, err := stillShown(e, one, of); !ok || err != nil {
				return false, err
			}
		}
	case map[string]any:
		if p, is := place(v, of); is {
			if _, shown, err := shownNow(e, p); !shown || err != nil {
				return false, err
			}
		}
		for name, below := range v {
			if name == "expand" && !named(below) {
				return false, nil
			}
			if ok, err := stillShown(e, below, ""); !ok || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// named reports whether all that expand added says which record it is.
func named(expanded any) bool {
	relations, _ := expanded.(map[string]any)
	for _, v := range relations {
		list, many := v.([]any)
		if !many {
			list = []any{v}
		}
		for _, one := range list {
			if _, is := place(one, ""); !is {
				return false
			}
		}
	}
	return true
}

// shownNow returns the record of a place, enriched, so that the trail knows. shown is false
// when it is gone or the caller may not see it.
func shownNow(e *core.RequestEvent, place map[string]any) (r *core.Record, shown bool, err error) {
	r, err = e.App.FindRecordById(place[placeCollection].(string), place[placeID].(string))
	if err != nil {
		return nil, false, nil // gone is as hidden
	}
	info, err := e.RequestInfo()
	if err != nil {
		return nil, false, err
	}
	if ok, err := e.App.CanAccessRecord(r, info, r.Collection().ViewRule); !ok || err != nil {
		return nil, false, err
	}
	return r, true, apis.EnrichRecord(e, r)
}

// bare returns a JSON answer with nothing of its records but where they stood.
func (k *Kernel) bare(r *http.Request, answer string) string {
	var v any
	if err := decodeNumbers(answer, &v); err != nil {
		return answer
	}
	of := k.collectionOf(r)
	items, _ := v.([]any)
	batch := r.Pattern == batchPattern
	if batch {
		for _, item := range items {
			if m, is := item.(map[string]any); is && !saysWhich(item) {
				m["body"] = map[string]any{}
			}
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

// answerNow gives a kept answer with its records as they are, as far as the caller sees them.
func (k *Kernel) answerNow(e *core.RequestEvent, row keyRow) error {
	var v any
	if err := decodeNumbers(k.bare(e.Request, row.Answer), &v); err != nil {
		return err
	}
	now, _, err := filled(e, v)
	if err != nil {
		return err
	}
	return e.JSON(row.Status, now)
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
	r, shown, err := shownNow(e, place)
	if !shown || err != nil {
		return idAlone, err
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
