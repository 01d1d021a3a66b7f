package kernel

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// FieldErrors returns what err says of single fields, ordered by name, whoever found it:
// one of our hooks, a trigger, PocketBase's validation or an API error. An error that
// blames no field is at "error". It is empty for a fault.
func (k *Kernel) FieldErrors(err error) (out Invalid) {
	err = k.FromSQL(err)
	var fields validation.Errors
	var api *router.ApiError
	if errors.As(err, &fields) {
		api = router.NewBadRequestError("", fields)
	} else if !errors.As(err, &api) {
		return nil
	}
	for name, item := range api.Data {
		e := &Error{Status: api.Status, Code: "invalid", Text: api.Message, Field: name}
		if item, ok := item.(map[string]any); ok {
			e.Code, _ = item["code"].(string)
			e.Text, _ = item["message"].(string)
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *Error) int { return strings.Compare(a.Field, b.Field) })
	return out
}

// And returns v with what else was found of fields that v does not name. What blames no field
// is left out, and so is what is no fault of the values, such as a conflict: it may come of
// those that are wrong.
func (v Invalid) And(others Invalid) Invalid {
	for _, e := range others {
		if !v.names(e.Field) && e.Field != noField && e.Status == http.StatusBadRequest {
			v = append(v, e)
		}
	}
	return v
}

func (v Invalid) names(field string) bool {
	return slices.ContainsFunc(v, func(e *Error) bool { return e.Field == field })
}

// Complete returns v with what PocketBase's own validation says of the record's other
// fields, so that one answer names every bad field. nil stays nil: a record that passes
// our checks is validated when it is saved.
func (v Invalid) Complete(tx core.App, r *core.Record) error {
	if len(v) == 0 {
		return nil
	}
	return v.And(Of(tx).FieldErrors(tx.Validate(r)))
}

// refusedKey is not a field, so it is neither stored nor sent.
const refusedKey = "@refused"

// Refuse notes what is wrong, with status 400, with the request for a record that is about to
// be saved. The save is refused, but not before everything else that is wrong was found: one
// answer names every bad field.
func Refuse(r *core.Record, bad ...*Error) {
	all := Refusals(r)
	for _, e := range bad {
		if !all.names(e.Field) {
			all = append(all, e)
		}
	}
	r.SetRaw(refusedKey, all)
}

// Unrefuse forgets what Refuse noted, once a save was refused for it.
func Unrefuse(r *core.Record) { r.SetRaw(refusedKey, nil) }

// Refusals returns what Refuse noted.
func Refusals(r *core.Record) Invalid {
	bad, _ := r.GetRaw(refusedKey).(Invalid)
	return bad
}
