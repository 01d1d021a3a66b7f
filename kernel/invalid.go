package kernel

import (
	"errors"
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

// Complete returns v with what PocketBase's own validation says of the record's other
// fields, so that one answer names every bad field. nil stays nil: a record that passes
// our checks is validated when it is saved.
func (v Invalid) Complete(tx core.App, r *core.Record) error {
	if len(v) == 0 {
		return nil
	}
	for _, e := range Of(tx).FieldErrors(tx.Validate(r)) {
		if !slices.ContainsFunc(v, func(own *Error) bool { return own.Field == e.Field }) {
			v = append(v, e)
		}
	}
	return v
}
