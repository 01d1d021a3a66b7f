package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/pocketbase/pocketbase/core"
)

// Kernel is one checked set of modules bound to one app. There are no globals,
// so a test binary can hold many.
type Kernel struct {
	App      core.App
	Modules  []Module        // in Requires order
	Disabled map[string]bool // modules that are switched off

	access  map[string]Access   // by collection
	owner   map[string]string   // module by collection
	byPath  map[string]Resource // documented paths of enabled modules
	routes  map[string]Route    // by pattern, of enabled modules
	exports map[string]bool     // route patterns that answer a document
	raised  map[string]*Error   // by code, see Error.RaiseSQL
	subs    map[string][]Subscription

	given    []Module      // what New was called with
	mux      mux           // what the server's router knows
	due      chan struct{} // the outbox has something for the worker
	lanes    lanes
	stopping atomic.Bool       // the worker takes up no further event
	strict   atomic.Bool       // strict access is on, see StrictSwitch
	texts    map[string]*texts // by collection, see Access.TextsInMemory
	keys     keyLocks
	forgot   atomic.Int64 // how often answers were forgotten, see ForgetAnswers
}

// New checks the set and orders it by Requires. disabled names modules that stay in
// the build, so that their data and rules hold, but whose paths answer 404. It reports
// every problem, not the first.
func New(mods []Module, disabled ...string) (*Kernel, error) {
	k := &Kernel{
		given: mods, Disabled: map[string]bool{}, access: map[string]Access{}, owner: map[string]string{},
		byPath: map[string]Resource{}, routes: map[string]Route{}, exports: map[string]bool{},
		raised: map[string]*Error{}, subs: map[string][]Subscription{}, due: make(chan struct{}, 1), texts: map[string]*texts{},
	}
	for _, name := range disabled {
		if name = strings.TrimSpace(name); name != "" {
			k.Disabled[name] = true
		}
	}
	c := newChecker(append([]Module{outbox(), idempotency()}, mods...))
	c.modules()
	c.requirements(k.Disabled)
	c.events()
	ordered := c.order()
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	k.Modules = ordered
	k.index()
	return k, nil
}

// Again returns a kernel of the same modules that is attached to no app yet: for a second
// app in the same process, such as the copy of the data that a dry run writes to.
func (k *Kernel) Again() (*Kernel, error) {
	return New(k.given, slices.Collect(maps.Keys(k.Disabled))...)
}

// index prepares the look-ups of a running server.
func (k *Kernel) index() {
	searched := k.searched()
	for _, m := range k.Modules {
		for _, a := range m.Access {
			if len(searched[a.Collection]) > 0 {
				a.ServerSet = slices.Concat(a.ServerSet, []string{SearchColumn})
			}
			if a.TextsInMemory {
				k.texts[a.Collection] = &texts{}
			}
			k.access[a.Collection], k.owner[a.Collection] = a, m.Name
		}
		for _, e := range m.Errors {
			k.raised[e.Code] = e
		}
		if k.Disabled[m.Name] {
			continue
		}
		for _, r := range m.Resources {
			k.byPath[r.key()] = r
		}
		for _, r := range m.Routes {
			k.routes[r.Pattern()] = r
			k.exports[r.Pattern()] = isExport(r)
		}
		for _, s := range m.On {
			k.subs[s.Event] = append(k.subs[s.Event], s)
		}
	}
}

// AccessOf returns the policy table of a collection, as it is now, and whether a module
// owns it.
func (k *Kernel) AccessOf(collection string) (Access, bool) {
	_, ok := k.access[collection]
	return k.accessNow(collection), ok
}

// Off reports whether the collection belongs to a module that is switched off.
func (k *Kernel) Off(collection string) bool { return k.Disabled[k.owner[collection]] }

// Enabled reports whether the module is in this build and switched on.
func (k *Kernel) Enabled(module string) bool {
	return !k.Disabled[module] && slices.ContainsFunc(k.Modules, func(m Module) bool { return m.Name == module })
}

// Roles returns every role that the modules provide, in matrix order.
func (k *Kernel) Roles() []Role { return All[Role](k) }

// Migrations is the list of every module's steps under unambiguous names.
func (k *Kernel) Migrations() (list []*core.Migration) {
	for _, m := range k.Modules {
		for _, g := range m.Migrations {
			list = append(list, &core.Migration{File: g.file(m.Name), Up: g.Up, Down: refuseDown})
		}
	}
	return list
}

func (g Migration) file(module string) string {
	stamp, what, _ := strings.Cut(g.ID, "_")
	return stamp + "_" + module + "_" + what + ".go"
}

func refuseDown(core.App) error {
	return errors.New("migrations are forward-only: restore a backup instead")
}

const storeKey = "polyclinic.kernel"

// Of returns the kernel attached to app, or to the app that tx belongs to.
func Of(app core.App) *Kernel { return app.Store().Get(storeKey).(*Kernel) }

// One returns the only provided value of type T, or an error naming the type.
func One[T any](k *Kernel) (T, error) {
	all := All[T](k)
	if len(all) != 1 {
		var zero T
		return zero, fmt.Errorf("want one %T provider, have %d", (*T)(nil), len(all))
	}
	return all[0], nil
}

// All returns every provided value of type T in module order.
func All[T any](k *Kernel) (out []T) {
	for _, m := range k.Modules {
		for _, p := range m.Provides {
			if v, ok := p.(T); ok {
				out = append(out, v)
			}
		}
	}
	return out
}
