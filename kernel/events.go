package kernel

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Event names one fact and its payload type. The version is part of the name:
// "appointments.cancelled.v1". Payloads carry ids and facts, never clinical text.
type Event[T any] struct{ Name string }

// EventDoc describes an event for the docs and lets the kernel check subscriptions.
type EventDoc struct {
	Name, Doc string
	payload   reflect.Type
}

// Declares makes the entry of Module.Emits for ev.
func (ev Event[T]) Declares(doc string) EventDoc {
	return EventDoc{ev.Name, doc, reflect.TypeFor[T]()}
}

// Subscription is a reaction to an event. It runs after commit and may run twice.
type Subscription struct {
	Event, Name string
	run         func(app core.App, payload []byte) error
}

// On subscribes fn to ev. name identifies the reaction in logs and in the outbox.
func On[T any](ev Event[T], name string, fn func(core.App, T) error) Subscription {
	return Subscription{ev.Name, name, func(app core.App, raw []byte) error {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		return fn(app, v)
	}}
}

// Emit records the event in the caller's transaction. If that rolls back, nothing
// happened. Every reaction has a row of its own, so one that fails is retried alone.
func Emit[T any](tx core.App, ev Event[T], payload T) error {
	raw, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("emit %s: %w", ev.Name, err)
	}
	k := Of(tx)
	now := types.NowDateTime().String()
	for _, s := range k.subs[ev.Name] {
		// Plain SQL: an outbox row is nobody's record event, and a save costs ten times this.
		_, err := tx.NonconcurrentDB().Insert("outbox", dbx.Params{
			"id": security.RandomStringWithAlphabet(core.DefaultIdLength, core.DefaultIdAlphabet), "event": ev.Name, "reaction": s.Name,
			"payload": string(raw), "state": "waiting", "attempts": 0, "dueAt": now, "created": now, "updated": now,
		}).Execute()
		if err != nil {
			return fmt.Errorf("emit %s: %w", ev.Name, err)
		}
	}
	if len(k.subs[ev.Name]) > 0 {
		AfterCommit(tx, k.wake)
	}
	return nil
}

// outbox owns the table of events awaiting delivery.
func outbox() Module {
	return Module{
		Name: "kernel", Doc: "Owns the outbox of events awaiting delivery.",
		Access: []Access{{Collection: "outbox", Doc: "Events awaiting delivery to the modules that react."}},
		Migrations: []Migration{{"1780000000_outbox", func(tx core.App) error {
			c := core.NewBaseCollection("outbox")
			c.Fields.Add(
				&core.TextField{Name: "event", Required: true}, &core.TextField{Name: "reaction", Required: true},
				&core.JSONField{Name: "payload"}, &core.SelectField{Name: "state", Values: []string{"waiting", "dead"}},
				&core.NumberField{Name: "attempts", OnlyInt: true}, &core.DateField{Name: "dueAt"},
				&core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
			)
			c.AddIndex("idx_outbox_due", false, "state, dueAt", "")
			return tx.Save(c)
		}}, {"1790000000_row_counts", func(tx core.App) error {
			_, err := tx.NonconcurrentDB().NewQuery("CREATE TABLE row_counts (collection TEXT PRIMARY KEY, total INTEGER NOT NULL, alive INTEGER NOT NULL) WITHOUT ROWID").Execute()
			return err
		}}},
	}
}
