package kernel

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// Verb is what is being done to a record.
type Verb string

// The five verbs of a collection.
const (
	List   Verb = "list"
	View   Verb = "view"
	Create Verb = "create"
	Update Verb = "update"
	Delete Verb = "delete"
)

// Verbs is every verb in the order that docs print them.
var Verbs = []Verb{List, View, Create, Update, Delete}

// Hook is one named rule of a collection. It runs in the transaction of the
// write, whoever writes: REST, dashboard, job, seed or site script.
type Hook struct {
	When       string // "request", "before", "after" or "instead of"
	Verb       Verb
	Collection string
	Name       string // completes "<when> <verb> <collection>: ...", printed in the docs
	fn         func(tx core.App, r *core.Record) error
	onRequest  func(e *core.RecordRequestEvent) error
}

// Before runs fn ahead of validation and the write. An error refuses the write.
func Before(v Verb, collection, name string, fn func(tx core.App, r *core.Record) error) Hook {
	return Hook{When: "before", Verb: v, Collection: collection, Name: name, fn: fn}
}

// After runs fn once the row is written but not yet committed. An error undoes the write.
func After(v Verb, collection, name string, fn func(tx core.App, r *core.Record) error) Hook {
	return Hook{When: "after", Verb: v, Collection: collection, Name: name, fn: fn}
}

// InsteadOfDelete runs fn in place of removing the row, on every path. The caller
// of the delete is answered as if the row were gone. Where Access.SoftDelete is set,
// realtime subscribers who could see the record are told that it was deleted.
func InsteadOfDelete(collection, name string, fn func(tx core.App, r *core.Record) error) Hook {
	return Hook{When: "instead of", Verb: Delete, Collection: collection, Name: name, fn: fn}
}

// OnRequest runs fn when a client creates, updates or deletes through the API, ahead
// of Before hooks and in the same transaction (e.App). It is the place for what needs
// the caller (e.Auth); a rule that must hold for jobs and imports too is a Before hook.
func OnRequest(v Verb, collection, name string, fn func(e *core.RecordRequestEvent) error) Hook {
	return Hook{When: "request", Verb: v, Collection: collection, Name: name, onRequest: fn}
}

func (h Hook) id(module string) string {
	return fmt.Sprintf("%s: %s %s %s: %s", module, h.When, h.Verb, h.Collection, h.Name)
}

// bind attaches the hook; soft says that the collection's deletes are soft.
func (h Hook) bind(app core.App, module string, soft bool) {
	if h.onRequest != nil {
		h.bindRequest(app, module)
		return
	}
	handler := &hook.Handler[*core.RecordEvent]{Id: h.id(module), Func: h.run}
	switch h.Verb {
	case Create:
		app.OnRecordCreate(h.Collection).Bind(handler)
	case Update:
		app.OnRecordUpdate(h.Collection).Bind(handler)
	case Delete:
		if h.When == "instead of" && soft {
			// Past the step in which PocketBase prepares the realtime event "delete".
			app.OnRecordDeleteExecute(h.Collection).Bind(handler)
			return
		}
		if h.When == "instead of" {
			handler.Priority = 100 // refusals of other hooks come first
		}
		app.OnRecordDelete(h.Collection).Bind(handler)
	}
}

func (h Hook) run(e *core.RecordEvent) error {
	switch h.When {
	case "before":
		if err := h.fn(e.App, e.Record); err != nil {
			return err
		}
		return e.Next()
	case "after":
		if err := e.Next(); err != nil {
			return err
		}
	case "instead of":
		e.Record.SetRaw(keptKey, true)
	}
	return h.fn(e.App, e.Record)
}

func (h Hook) bindRequest(app core.App, module string) {
	handler := &hook.Handler[*core.RecordRequestEvent]{Id: h.id(module), Func: func(e *core.RecordRequestEvent) error {
		if err := h.onRequest(e); err != nil {
			return err
		}
		return e.Next()
	}}
	switch h.Verb {
	case Create:
		app.OnRecordCreateRequest(h.Collection).Bind(handler)
	case Update:
		app.OnRecordUpdateRequest(h.Collection).Bind(handler)
	case Delete:
		app.OnRecordDeleteRequest(h.Collection).Bind(handler)
	}
}

// actorKey is not a field, so it is neither stored nor sent.
const actorKey = "@actor"

// SetActor notes on the record which account is changing it. The platform does so for
// every API request; domain functions that write on somebody's behalf call it.
func SetActor(r *core.Record, accountID string) { r.SetRaw(actorKey, accountID) }

// Actor returns the account that is changing the record, "" for jobs, imports and
// superusers. Hooks use it to note who did something, never to decide who may.
func Actor(r *core.Record) string {
	id, _ := r.GetRaw(actorKey).(string)
	return id
}
