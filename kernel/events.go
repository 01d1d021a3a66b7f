package kernel

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

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

// wake lets the worker look at the outbox now.
func (k *Kernel) wake() {
	select {
	case k.due <- struct{}{}:
	default: // it is about to look anyway
	}
}

// maxAttempts is when a reaction is given up; its row stays, for a person to look at.
const maxAttempts = 12

// deliverLoop runs until stop is closed. The ticker finds what is due for a retry.
func (k *Kernel) deliverLoop(stop <-chan struct{}) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		k.Deliver()
		select {
		case <-stop:
			return
		case <-k.due:
		case <-tick.C:
		}
	}
}

type outboxRow struct {
	ID       string `db:"id"`
	Event    string `db:"event"`
	Reaction string `db:"reaction"`
	Payload  string `db:"payload"`
	Attempts int    `db:"attempts"`
}

// Deliver runs the reactions that are due, oldest first, and returns how many succeeded.
func (k *Kernel) Deliver() (delivered int) {
	k.delivering.Lock()
	defer k.delivering.Unlock()
	var rows []outboxRow
	err := k.App.DB().Select("id", "event", "reaction", "payload", "attempts").From("outbox").
		Where(dbx.HashExp{"state": "waiting"}).AndWhere(dbx.NewExp("dueAt <= {:now}", dbx.Params{"now": types.NowDateTime().String()})).
		OrderBy("created", "id").Limit(100).All(&rows)
	if err != nil {
		k.App.Logger().Error("outbox not readable", "error", err)
		return 0
	}
	for _, row := range rows {
		if k.stopping.Load() {
			break
		}
		if k.deliver(row) {
			delivered++
		}
	}
	return delivered
}

func (k *Kernel) deliver(row outboxRow) bool {
	err := fmt.Errorf("no module reacts as %q", row.Reaction)
	for _, s := range k.subs[row.Event] {
		if s.Name == row.Reaction {
			err = runSafely(s, k.App, []byte(row.Payload))
		}
	}
	if err == nil {
		if _, err = k.App.NonconcurrentDB().Delete("outbox", dbx.HashExp{"id": row.ID}).Execute(); err == nil {
			return true
		}
	}
	state, wait := "waiting", time.Second<<min(row.Attempts, 10)
	if row.Attempts+1 >= maxAttempts {
		state = "dead"
		k.App.Logger().Error("reaction given up", "event", row.Event, "reaction", row.Reaction, "outbox", row.ID)
	}
	k.App.Logger().Warn("reaction failed", "event", row.Event, "reaction", row.Reaction, "outbox", row.ID, "error", err)
	due, _ := types.ParseDateTime(time.Now().Add(wait)) // a time.Time always parses
	if _, err := k.App.NonconcurrentDB().Update("outbox", dbx.Params{"attempts": row.Attempts + 1, "state": state, "dueAt": due.String(), "updated": types.NowDateTime().String()}, dbx.HashExp{"id": row.ID}).Execute(); err != nil {
		k.App.Logger().Error("outbox not writable", "error", err)
	}
	return false
}

// runSafely keeps a panicking reaction from ending the server.
func runSafely(s Subscription, app core.App, payload []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return s.run(app, payload)
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
		}}},
	}
}
