package hooks

import (
	"encoding/json"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindBody checks what a client sends for a module's collection: nothing that only the
// server sets, nothing of the wrong type, and no stale version. PocketBase alone turns
// "abc" into 0 and answers 200.
func bindBody(k *kernel.Kernel) {
	check := func(id string, verb kernel.Verb) *hook.Handler[*core.RecordRequestEvent] {
		return &hook.Handler[*core.RecordRequestEvent]{Id: id, Priority: first + 1, Func: func(e *core.RecordRequestEvent) error {
			a, owned := k.AccessOf(e.Collection.Name)
			info, err := e.RequestInfo()
			if err != nil || !owned {
				return e.Next()
			}
			// RequestInfo has the values as PocketBase reads them: "abc" is 0 there already.
			body := map[string]any{}
			if err := e.BindBody(&body); err != nil {
				return kernel.ErrBadInput
			}
			uploaded(e.Request, body)
			if verb == kernel.Update {
				if err := fresh(e, info, body, e.Collection.UpdateRule); err != nil {
					return err
				}
			}
			bad, err := checkBody(e, info, body, a, verb)
			if err != nil {
				return err
			}
			for _, wrong := range bad { // what is no value may not lead to further complaints
				e.Record.SetRaw(wrong.Field, e.Record.Original().GetRaw(wrong.Field))
			}
			kernel.Refuse(e.Record, bad...)
			return e.Next()
		}}
	}
	k.App.OnRecordCreateRequest().Bind(check("platform.body.create", kernel.Create))
	k.App.OnRecordUpdateRequest().Bind(check("platform.body.update", kernel.Update))
	k.App.OnRecordDeleteRequest().Bind(&hook.Handler[*core.RecordRequestEvent]{Id: "platform.body.delete", Priority: first + 1, Func: func(e *core.RecordRequestEvent) error {
		info, err := e.RequestInfo()
		if err != nil {
			return kernel.ErrBadInput
		}
		if err := fresh(e, info, nil, e.Collection.DeleteRule); err != nil {
			return err
		}
		return e.Next()
	}})
}

// fresh answers 409 when the client read an older version than the row has now, and 404 when
// it left the caller's reach meanwhile: PocketBase asks the rule ahead of the transaction, and a
// patient who is erased in between would be written to.
func fresh(e *core.RecordRequestEvent, info *core.RequestInfo, body map[string]any, rule *string) error {
	now, err := e.App.FindRecordById(e.Collection, stored(e.Record)) // the body may name another id
	if err != nil {
		return kernel.ErrNotFound
	}
	switch ok, err := e.App.CanAccessRecord(now, info, rule); {
	case err != nil:
		return err
	case !ok:
		return kernel.ErrNotFound
	}
	present := now.GetString("updated")
	if err := kernel.CheckStale(e.Request.Header.Get("If-Match"), present); err != nil {
		return err
	}
	sent, is := body["updated"]
	if !is {
		return nil
	}
	read, ok := sent.(string)
	if !ok || read == "" {
		return kernel.Bad("updated", "validation_invalid_date", "Must be the \"updated\" of the version that was read.")
	}
	return kernel.CheckStale(read, present)
}

// checkBody names what is wrong with the body. The error is about who is asking.
func checkBody(e *core.RecordRequestEvent, info *core.RequestInfo, body map[string]any, a kernel.Access, verb kernel.Verb) (bad kernel.Invalid, err error) {
	if id, sent := body["id"]; sent && verb == kernel.Update && id != stored(e.Record) {
		bad = append(bad, kernel.ErrServerSet.At("id"))
	}
	only, limited := writable(a, info.Auth)
	old := e.Record.Original()
	for key, v := range body {
		f := fieldSetBy(e.Collection, key)
		if f == nil {
			continue
		}
		name := f.GetName()
		if name == "id" || (name == "updated" && verb == kernel.Update) {
			continue
		}
		// PocketBase counts from what it read ahead of the transaction, and so loses counts.
		if key != name && f.Type() == core.FieldTypeNumber && !slices.Contains(a.Counters, name) {
			bad = append(bad, kernel.ErrCounter.At(name))
			continue
		}
		if err := checkType(f, v, typed(e, info)); err != nil {
			bad = append(bad, err)
			continue
		}
		same := verb == kernel.Update && unchanged(e.Record, old, f, v, a, info)
		switch {
		case same: // a client that sends back what it read does no harm
		case f.Type() == core.FieldTypeAutodate || (slices.Contains(a.ServerSet, name) && !info.HasSuperuserAuth()):
			bad = append(bad, kernel.ErrServerSet.At(name))
		case verb == kernel.Update && slices.Contains(a.CreateOnly, name):
			bad = append(bad, kernel.ErrCreateOnly.At(name))
		case verb == kernel.Update && limited && !slices.Contains(only, name):
			return nil, kernel.ErrNotWritable.At(name)
		}
	}
	return bad, nil
}

// uploaded adds the files of a form to the body, which has texts alone.
func uploaded(r *http.Request, body map[string]any) {
	if r.MultipartForm == nil {
		return
	}
	for key, files := range r.MultipartForm.File {
		if _, text := body[key]; !text {
			body[key] = files
		}
	}
}

// fieldSetBy returns the field that PocketBase sets by a key of a body, nil for none. It has
// modifiers: "tags+", "+tags", "tags-", and "name:autogenerate", which takes any text.
func fieldSetBy(c *core.Collection, key string) core.Field {
	if f := c.Fields.GetByName(key); f != nil {
		return f
	}
	for _, f := range c.Fields {
		if own, ok := f.(core.SetterFinder); ok && own.FindSetter(key) != nil {
			return f
		}
	}
	return c.Fields.GetByName(strings.Trim(key, "+-")) // "+count" is meant as a modifier, and is none
}

// unchanged reports whether a client sent back what it had read. PocketBase takes neither
// hidden fields nor autodates from a client, so the record does not tell what was sent.
func unchanged(now, old *core.Record, f core.Field, sent any, a kernel.Access, info *core.RequestInfo) bool {
	switch {
	case f.GetHidden() && slices.Contains(a.ServerSet, f.GetName()) && !info.HasSuperuserAuth():
		return false // it cannot have been read
	case f.Type() == core.FieldTypeAutodate:
		text, _ := sent.(string)
		return kernel.CheckStale(text, old.GetString(f.GetName())) == nil
	}
	return reflect.DeepEqual(now.GetRaw(f.GetName()), old.GetRaw(f.GetName()))
}

// typed reports whether the body had JSON's own types; a form knows text only. A batch is
// JSON, although PocketBase hands its requests on as forms.
func typed(e *core.RecordRequestEvent, info *core.RequestInfo) bool {
	return info.Context == core.RequestInfoContextBatch || strings.HasPrefix(strings.ToLower(e.Request.Header.Get("Content-Type")), "application/json")
}

// stored returns the id under which the record is in the database.
func stored(r *core.Record) string {
	id, _ := r.LastSavedPK().(string)
	return id
}

// writable returns the fields that the caller's role is limited to.
func writable(a kernel.Access, account *core.Record) (fields []string, limited bool) {
	if account == nil || account.IsSuperuser() {
		return nil, false
	}
	fields, limited = a.Writable[account.GetString("role")]
	return fields, limited
}

func checkType(f core.Field, v any, typed bool) *kernel.Error {
	if v == nil {
		return nil
	}
	name := f.GetName()
	switch f.Type() {
	case core.FieldTypeNumber:
		if _, text := v.(string); !isNumber(v) || (typed && text) {
			return kernel.Bad(name, "validation_invalid_number", "Must be a number.")
		}
	case core.FieldTypeBool:
		if _, ok := v.(bool); !ok && (typed || (v != "true" && v != "false")) {
			return kernel.Bad(name, "validation_invalid_type", "Must be true or false.")
		}
	case core.FieldTypeText, core.FieldTypeEditor, core.FieldTypeEmail, core.FieldTypeURL:
		switch v.(type) {
		case map[string]any, []any, bool:
			return kernel.Bad(name, "validation_invalid_type", "Must be text.")
		}
	case core.FieldTypeRelation, core.FieldTypeSelect:
		if !isWords(v) {
			return kernel.Bad(name, "validation_invalid_type", "Must be text, or a list of texts.")
		}
		// Of several PocketBase would take the last without a word.
		if many, ok := f.(core.MultiValuer); ok && !many.IsMultiple() && count(v) > 1 {
			return kernel.Bad(name, "validation_invalid_type", "Must be one text, not several.")
		}
	case core.FieldTypeDate:
		s, ok := v.(string)
		if !ok {
			return kernel.Bad(name, "validation_invalid_date", "Must be a date.")
		}
		if t, err := types.ParseDateTime(s); s != "" && (err != nil || t.IsZero()) {
			return kernel.Bad(name, "validation_invalid_date", "Must be a date.")
		}
	}
	return nil
}

func isWords(v any) bool {
	switch w := v.(type) {
	case string, []string:
		return true
	case []any:
		return !slices.ContainsFunc(w, func(v any) bool { _, ok := v.(string); return !ok })
	}
	return false
}

// count returns how many values are sent for a field.
func count(v any) int {
	switch w := v.(type) {
	case []string:
		return len(w)
	case []any:
		return len(w)
	}
	return 1
}

// isNumber accepts JSON numbers and, since forms know nothing else, numbers as text. From
// 2^53 on a float64 no longer holds every whole number.
func isNumber(v any) bool {
	switch n := v.(type) {
	case float64:
		return !math.IsNaN(n) && !math.IsInf(n, 0) && math.Abs(n) < 1<<53
	case json.Number:
		f, err := n.Float64()
		return err == nil && math.Abs(f) < 1<<53
	case string:
		if strings.TrimSpace(n) == "" {
			return n == ""
		}
		f, err := strconv.ParseFloat(n, 64)
		return err == nil && !math.IsNaN(f) && math.Abs(f) < 1<<53
	case int, int64:
		return true
	}
	return false
}

// bindReach refuses an update that moves a record out of the caller's own reach: a rule
// is checked ahead of an update only, so an owner could hand the record to somebody else.
func bindReach(k *kernel.Kernel) {
	k.App.OnRecordUpdateRequest().Bind(&hook.Handler[*core.RecordRequestEvent]{Id: "platform.reach", Priority: first + 2, Func: func(e *core.RecordRequestEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		a, owned := k.AccessOf(e.Collection.Name)
		if !owned {
			return nil
		}
		info, err := e.RequestInfo()
		if err != nil {
			return kernel.ErrBadInput
		}
		ok, err := e.App.CanAccessRecord(e.Record, info, a.Update.Compiled())
		if err == nil && !ok {
			err = kernel.Fail(http.StatusForbidden, "out_of_reach", "The change would move the record out of your reach.")
		}
		return err
	}})
}
