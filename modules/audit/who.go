package audit

import (
	"context"
	"os"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// asked is one request, or one transaction outside of requests, and what is known of it
// until its entry is written.
type asked struct {
	id    string
	event *core.RequestEvent // nil outside of requests
	actor string             // outside of requests, or where the request itself does not say
	role  string             // of that actor

	mu       sync.Mutex
	action   string // "" for what method and path say
	items    []item // records that the answer shows
	written  map[string]bool
	marks    []string
	patients []string
	tried    bool   // its refusal has an entry, whatever the status
	wants    []item // what it failed to change or make, without an id where that is new
	batch    []*core.InternalRequest
	signedIn bool // the password, or another proof, was right
	entered  bool // a read's entry is in the trail
}

// item is a record that somebody saw or changed.
type item struct{ collection, id, patient, via string }

func (i item) String() string { return i.collection + "/" + i.id }

// Mark is auditapi.Marker.
func (a *asked) Mark(mark string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.marks = append(a.marks, mark)
}

// Saw is auditapi.Marker.
func (a *asked) Saw(items ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, named := range items {
		a.items = append(a.items, itemNamed(named))
	}
}

// Try is auditapi.Marker.
func (a *asked) Try(about ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tried = true
	for _, named := range about {
		a.wants = append(a.wants, itemNamed(named))
	}
}

// who begins an entry with what is known of the person.
func (a *asked) who() chain.Entry {
	e := chain.Entry{Request: a.id, Actor: a.actor, Role: a.role, Outcome: "ok"}
	if a.event == nil {
		return e
	}
	e.Address = a.event.RealIP()
	e.Session = authapi.SessionID(a.event)
	switch auth := a.event.Auth; {
	case a.actor != "": // a file's token, or who has just signed in
	case auth == nil:
		e.Actor = "guest"
	default:
		e.Actor, e.Role = named(auth)
	}
	return e
}

// named returns an account as entries have it, and its role at this time.
func named(account *core.Record) (actor, role string) {
	role = account.GetString("role")
	if account.IsSuperuser() {
		role = "superuser"
	}
	return account.Collection().Name + "/" + account.Id, role
}

// process is who writes outside of requests: the server's jobs and reactions, or a command.
// Its arguments are left out: they may name a person.
func process(serving bool) string {
	if serving {
		return "system"
	}
	words := []string{"command"}
	for _, w := range os.Args[1:] {
		if strings.HasPrefix(w, "-") || len(words) > 2 || strings.ContainsAny(w, "./\\@") {
			break
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// writers knows on whose behalf each transaction runs.
type writers struct {
	byTx    sync.Map // *core.TxAppInfo -> *asked
	byModel sync.Map // settings and collections that are being saved -> *asked
}

// of returns who writes in tx. A record that was given its writer, and an account that a
// domain function noted, come after the transaction's.
func (w *writers) of(tx core.App, m core.Model, serving bool) *asked {
	info := tx.TxInfo()
	if known, ok := w.byTx.Load(info); ok {
		return known.(*asked)
	}
	a, ok := (*asked)(nil), false
	if r, is := m.(*core.Record); is {
		a, ok = r.GetRaw(askedKey).(*asked)
	} else if found, is := w.byModel.Load(m); is {
		a, ok = found.(*asked), true
	}
	if !ok {
		a = &asked{id: random(8), actor: process(serving)}
	}
	if info != nil {
		w.enter(info, a)
	}
	return a
}

func (w *writers) enter(info *core.TxAppInfo, a *asked) {
	if _, known := w.byTx.LoadOrStore(info, a); !known {
		info.OnComplete(func(error) error { w.byTx.Delete(info); return nil })
	}
}

// askedKey is not a field, so it is neither stored nor sent.
const askedKey = "@asked"

// askedApp is the app as one request sees it: whatever transaction it opens, and whatever
// it saves, is known to be its own.
type askedApp struct {
	core.App
	asked *asked
	w     *writers
}

func (a askedApp) RunInTransaction(fn func(core.App) error) error {
	return a.App.RunInTransaction(func(tx core.App) error {
		if info := tx.TxInfo(); info != nil {
			a.w.enter(info, a.asked)
		}
		return fn(tx)
	})
}

// ImportCollections saves many collections in a transaction of its own.
func (a askedApp) ImportCollections(list []map[string]any, deleteMissing bool) error {
	return a.RunInTransaction(func(tx core.App) error { return tx.ImportCollections(list, deleteMissing) })
}

// own runs a write of the model as this request's.
func (a askedApp) own(m core.Model, write func() error) error {
	if r, ok := m.(*core.Record); ok {
		r.SetRaw(askedKey, a.asked)
	} else {
		a.w.byModel.Store(m, a.asked)
		defer a.w.byModel.Delete(m)
	}
	return write()
}

func (a askedApp) Save(m core.Model) error {
	return a.own(m, func() error { return a.App.Save(m) })
}

func (a askedApp) SaveWithContext(ctx context.Context, m core.Model) error {
	return a.own(m, func() error { return a.App.SaveWithContext(ctx, m) })
}

func (a askedApp) SaveNoValidate(m core.Model) error {
	return a.own(m, func() error { return a.App.SaveNoValidate(m) })
}

func (a askedApp) SaveNoValidateWithContext(ctx context.Context, m core.Model) error {
	return a.own(m, func() error { return a.App.SaveNoValidateWithContext(ctx, m) })
}

func (a askedApp) Delete(m core.Model) error {
	return a.own(m, func() error { return a.App.Delete(m) })
}

func (a askedApp) DeleteWithContext(ctx context.Context, m core.Model) error {
	return a.own(m, func() error { return a.App.DeleteWithContext(ctx, m) })
}

// actorOf adds the account that a domain function noted, where nobody asked.
func actorOf(e *chain.Entry, a *asked, r *core.Record) {
	if id := kernel.Actor(r); a.event == nil && id != "" {
		e.Actor = kernel.AccountsCollection + "/" + id
	}
}
