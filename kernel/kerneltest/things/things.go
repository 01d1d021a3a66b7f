// Package things is a module without a hospital in it, for the tests of the platform: every
// kind of field, rule, hook, route and event once.
package things

import (
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Roles of the accounts, by the names that the collection users has.
var (
	Admin   = role("admin")
	Doctor  = role("doctor")
	Nurse   = role("nurse")
	Patient = role("patient")
)

func role(name string) kernel.Role {
	return kernel.Role{Name: name, Filter: "@request.auth.role = '" + name + "'",
		Has: func(a *core.Record) bool { return a.GetString("role") == name }}
}

// Made is emitted for every new thing.
var Made = kernel.Event[MadeV1]{Name: "things.made.v1"}

// MadeV1 names the thing.
type MadeV1 struct {
	ID string `json:"id"`
}

var (
	own       = kernel.Rule{Name: "own", Filter: "ownerId = @request.auth.id"}
	errCursed = kernel.Fail(http.StatusConflict, "cursed", "A cursed thing cannot be kept.")
	errTwice  = kernel.Fail(http.StatusConflict, "polished", "It shines already.")
	errBroken = kernel.Fail(http.StatusConflict, "too_heavy", "No thing weighs more than a thousand.")
)

// Bench counts what handlers did, and lets a test decide what they do.
type Bench struct {
	Ran     atomic.Int64 // handlers that ran, rolled back or not
	Heard   atomic.Int64 // reactions that ran
	Deaf    atomic.Bool  // reactions fail
	Dawdle  func()       // what a second reaction does
	Cast    func(core.App) error
	Further []kernel.Route
}

// Module declares things and their labels.
func (b *Bench) Module() kernel.Module {
	readers := kernel.Allow(Admin.Always(), Doctor.Always(), Patient.When(own))
	writers := kernel.Allow(Admin.Always(), Patient.When(own))
	return kernel.Module{
		Name: "things", Doc: "Things, for tests of the platform.", Requires: []string{"auth"},
		Migrations: migrations,
		Access: []kernel.Access{
			{
				Collection: "things", Doc: "Things.",
				List: readers, View: readers, Create: writers, Update: writers, Delete: kernel.Allow(Admin.Always()),
				ServerSet: []string{"serial"}, CreateOnly: []string{"kind"},
				Queryable: []string{"name", "count", "kind", "ownerId"},
				Counters:  []string{"count"}, Counted: true, TextsInMemory: true,
				Writable: map[string][]string{"patient": {"name", "count", "ownerId", "scan", "kind", "note", "size"}},
			},
			{Collection: "labels", Doc: "What is written on things, for admins.", List: kernel.Allow(Admin.Always()), View: kernel.Allow(Admin.Always()), Create: kernel.Allow(Admin.Always()), Queryable: []string{"text"}},
		},
		Resources: []kernel.Resource{
			{Path: "/api/things", Collection: "things", Noun: "thing", Search: []string{"name"}},
			{Path: "/api/labels", Collection: "labels", Noun: "label", Verbs: []kernel.Verb{kernel.Create, kernel.List}, ListBy: "thingId"},
			{Path: "/api/things/{id}/labels", Collection: "labels", Noun: "label of a thing", Verbs: []kernel.Verb{kernel.List}, ListBy: "thingId", Sort: "-created,-@rowid", Search: []string{"text"}},
			{
				Path: "/api/things/unlabelled", Collection: "things", Noun: "thing without a label", Verbs: []kernel.Verb{kernel.List}, Allow: kernel.Allow(Admin.Always()),
				Rows: func(q *dbx.SelectQuery, _ kernel.Listing) {
					q.AndWhere(dbx.NewExp("NOT EXISTS (SELECT 1 FROM labels WHERE labels.thingId = things.id)"))
				},
				Finish: func(_ core.App, records []*core.Record) error {
					for _, r := range records {
						r.Unhide("hidden")
					}
					return nil
				},
			},
		},
		Hooks: []kernel.Hook{
			kernel.Before(kernel.Create, "things", "a thing has a serial number", func(_ core.App, r *core.Record) error {
				r.Set("serial", "S-"+r.GetString("name"))
				return nil
			}),
			kernel.After(kernel.Create, "things", "a cursed thing is not kept", b.afterCreate),
		},
		Routes: append(b.routes(writers), b.Further...),
		Errors: []*kernel.Error{errBroken.At("count")},
		Emits:  []kernel.EventDoc{Made.Declares("A thing was made.")},
		On: []kernel.Subscription{kernel.On(Made, "hear", func(core.App, MadeV1) error {
			if b.Deaf.Load() {
				return errors.New("deaf")
			}
			b.Heard.Add(1)
			return nil
		}), kernel.On(Made, "dawdle", func(core.App, MadeV1) error {
			if b.Dawdle != nil {
				b.Dawdle()
			}
			return nil
		})},
		Cast: b.Cast,
	}
}

func (b *Bench) afterCreate(tx core.App, r *core.Record) error {
	switch r.GetString("name") {
	case "cursed":
		return errCursed.At("name")
	case "faulty":
		return errors.New("secret words about a patient")
	}
	return kernel.Emit(tx, Made, MadeV1{r.Id})
}

type polish struct {
	ID   string `path:"id"`
	With string `json:"with"`
}

// Validate wants something to polish with.
func (in polish) Validate() error {
	if in.With == "" {
		return kernel.Required("with")
	}
	return nil
}

func (b *Bench) routes(writers kernel.Policy) []kernel.Route {
	return []kernel.Route{
		kernel.Op(kernel.Route{
			Method: "POST", Path: "/api/things/{id}/polish", Record: "things", Allow: writers, Summary: "Polish a thing", Errors: []*kernel.Error{errTwice},
		}, func(c *kernel.Call, in polish) (*core.Record, error) {
			b.Ran.Add(1)
			c.Record.Set("note", in.With)
			if err := c.App.Save(c.Record); err != nil {
				return nil, err
			}
			if in.With == "polished" {
				return nil, errTwice // the save above must go with it
			}
			return c.Record, nil
		}),
		kernel.Op(kernel.Route{
			Method: "POST", Path: "/api/things/call-out", Allow: kernel.SignedIn(), Summary: "Call the outside", NoTx: true,
		}, func(_ *kernel.Call, in polish) (map[string]int64, error) {
			n := b.Ran.Add(1)
			if in.With == "polished" {
				return nil, errTwice
			}
			return map[string]int64{"ran": n}, nil
		}),
		kernel.Op(kernel.Route{
			Method: "POST", Path: "/api/things/break", Allow: kernel.SignedIn(), Summary: "Fail",
		}, func(*kernel.Call, kernel.Nothing) (kernel.Nothing, error) {
			b.Ran.Add(1)
			return kernel.Nothing{}, errors.New("secret words about a patient")
		}),
	}
}

var migrations = []kernel.Migration{{ID: "1789000000_things", Up: func(tx core.App) error {
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	c := core.NewBaseCollection("things")
	c.Fields.Add(
		&core.TextField{Name: "name", Required: true, Max: 100},
		&core.TextField{Name: "note", Max: 100},
		&core.TextField{Name: "serial", Max: 100},
		&core.TextField{Name: "kind", Max: 100},
		&core.TextField{Name: "hidden", Hidden: true},
		&core.NumberField{Name: "count"}, &core.NumberField{Name: "size"},
		&core.BoolField{Name: "fragile"},
		&core.DateField{Name: "due"},
		&core.FileField{Name: "scan", MaxSelect: 1, MaxSize: 1 << 20, Protected: true, Thumbs: []string{"10x10"}},
		&core.RelationField{Name: "ownerId", CollectionId: users.Id, MaxSelect: 1},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("idx_things_owner", false, "ownerId", "")
	if err := tx.Save(c); err != nil {
		return err
	}
	if _, err := tx.DB().NewQuery(`CREATE TRIGGER things_weight BEFORE UPDATE OF count ON things WHEN NEW.count > 1000
		BEGIN SELECT RAISE(ABORT, 'polyclinic:too_heavy:count'); END`).Execute(); err != nil {
		return err
	}
	l := core.NewBaseCollection("labels")
	l.Fields.Add(
		&core.RelationField{Name: "thingId", CollectionId: c.Id, MaxSelect: 1, Required: true},
		&core.TextField{Name: "text"},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	l.AddIndex("idx_labels_thing", false, "thingId", "")
	return tx.Save(l)
}}}
