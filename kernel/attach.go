package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// Priorities of our middlewares among PocketBase's, see apis/middlewares.go.
const (
	PriorityAccount    = apis.DefaultLoadAuthTokenMiddlewarePriority + 1 // who is calling, and is the session alive
	PriorityGuard      = apis.DefaultLoadAuthTokenMiddlewarePriority + 2 // what a client may put into a query
	priorityDocumented = apis.DefaultLoadAuthTokenMiddlewarePriority + 3
	priorityKeys       = apis.DefaultRateLimitMiddlewarePriority + 500 // a refused request claims no key
)

// Attach binds hooks, jobs and routes to app. Call it once, before the app serves.
func (k *Kernel) Attach(app core.App) error {
	k.App = app
	app.Store().Set(storeKey, k)
	for _, m := range k.Modules {
		for _, h := range m.Hooks {
			h.bind(app, m.Name, k.access[h.Collection].SoftDelete != "")
		}
		if m.Bind != nil {
			if err := m.Bind(k); err != nil {
				return fmt.Errorf("module %s: %w", m.Name, err)
			}
		}
		if !k.Disabled[m.Name] {
			k.bindJobs(m)
		}
	}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "kernel.serve", Priority: -100, Func: k.onServe})
	k.bindMux()
	k.bindReached()
	k.bindKept()
	k.bindSearch()
	k.bindCounts()
	k.bindGuards()
	k.bindRefusals()
	k.bindFinish()
	return nil
}

func (k *Kernel) bindJobs(m Module) {
	for _, j := range m.Jobs {
		k.App.Cron().MustAdd(m.Name+"."+j.Name, j.Spec, func() {
			if err := j.Run(k.App); err != nil {
				k.App.Logger().Error("job failed", "job", m.Name+"."+j.Name, "error", err)
			}
		})
	}
}

// bindReached lets serveDocumented tell a refused rule from a refused value.
func (k *Kernel) bindReached() {
	k.App.OnRecordCreateRequest().Bind(&hook.Handler[*core.RecordRequestEvent]{Id: "kernel.reached", Priority: -2000, Func: func(e *core.RecordRequestEvent) error {
		e.Set(reachedKey, true)
		return e.Next()
	}})
}

func (k *Kernel) onServe(se *core.ServeEvent) error {
	if err := k.Reconcile(se.App); err != nil {
		return err
	}
	k.mux.documented = map[string]bool{}
	se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "kernel.documented", Priority: priorityDocumented, Func: k.serveDocumented})
	se.Router.Bind(k.listForCaller())
	se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "kernel.keys", Priority: priorityKeys, Func: k.once})
	for _, m := range k.Modules {
		if k.Disabled[m.Name] {
			continue
		}
		for _, r := range m.Routes {
			se.Router.Route(r.Method, r.Path, k.serve(r))
		}
		for _, r := range m.Resources {
			k.place(se, r)
		}
	}
	if err := se.Next(); err != nil {
		return err
	}
	se.Server.Handler = k.facade(se.Server.Handler)
	stop, stopped := make(chan struct{}), make(chan struct{})
	k.App.OnTerminate().BindFunc(func(e *core.TerminateEvent) error {
		if !k.stopping.Swap(true) {
			close(stop)
		}
		<-stopped // the worker finishes the event in hand
		return e.Next()
	})
	go func() {
		defer close(stopped)
		k.deliverLoop(stop)
	}()
	return nil
}

// Reconcile makes the stored access rules equal to the declared ones, strict or not, and
// mends what SQLite and PocketBase do not ask for: protected files, indexed relations, rows that
// go with those of another collection, deletes by a REPLACE. It is to be called again, in the
// same transaction, when what StrictSwitch says changes.
func (k *Kernel) Reconcile(app core.App) error {
	return app.RunInTransaction(func(tx core.App) error {
		strict, err := k.strictIn(tx)
		if err != nil {
			return fmt.Errorf("strict access: %w", err)
		}
		AfterCommit(tx, func() { k.strict.Store(strict) })
		var errs []error
		searched := k.searched()
		for _, m := range k.Modules {
			for _, a := range m.Access {
				c, err := tx.FindCollectionByNameOrId(a.Collection)
				if err != nil {
					return fmt.Errorf("module %s: collection %s: %w", m.Name, a.Collection, err)
				}
				unfolded := setSearch(c, searched[c.Name])
				errs = append(errs, checkFields(c, a)...)
				mended := mend(c)
				if len(mended) > 0 {
					tx.Logger().Warn("schema mended", "collection", c.Name, "module", m.Name, "fields", mended)
				}
				if strict {
					a = a.strictly()
				}
				if !setRules(c, a, k.Disabled[m.Name]) && !unfolded && mended == nil {
					continue
				}
				tx.Logger().Info("access rules set", "collection", c.Name, "module", m.Name)
				if err := tx.Save(c); err != nil {
					return fmt.Errorf("collection %s: %w", c.Name, err)
				}
				if !unfolded {
					continue
				}
				if err := fillSearch(tx, c, searched[c.Name]); err != nil {
					return fmt.Errorf("search in %s: %w", c.Name, err)
				}
			}
		}
		if err := k.keepCounts(tx); err != nil {
			return err
		}
		if err := k.noteTexts(tx); err != nil {
			return err
		}
		if _, err := GuardReplace(tx); err != nil {
			return err
		}
		return errors.Join(errs...)
	})
}

// setRules reports whether a stored rule differed. A module that is off is locked.
func setRules(c *core.Collection, a Access, off bool) (changed bool) {
	set := func(dst **string, v Verb) {
		want := a.Compiled(v)
		if off {
			want = nil
		}
		if (*dst == nil) != (want == nil) || (want != nil && **dst != *want) {
			*dst, changed = want, true
		}
	}
	set(&c.ListRule, List)
	set(&c.ViewRule, View)
	if !c.IsView() {
		set(&c.CreateRule, Create)
		set(&c.UpdateRule, Update)
		set(&c.DeleteRule, Delete)
	}
	return changed
}

// mend protects files, which ignore access rules otherwise, gives relations an index that starts
// with them, since deleting their target would scan the table, and lets no row of a module go
// with one that a clinic's own relation names: who may delete that one asks nobody. It returns
// the fields that it had to do with, which a site's script, or a module, left so: a clinic's
// server starts all the same.
func mend(c *core.Collection) (fields []string) {
	for _, f := range c.Fields {
		switch f := f.(type) {
		case *core.FileField:
			if !f.Protected {
				f.Protected = true
				fields = append(fields, f.Name)
			}
		case *core.RelationField:
			if f.CascadeDelete && strings.HasPrefix(f.Name, "x_") {
				f.CascadeDelete = false
				fields = append(fields, f.Name)
			}
			if !c.IsView() && !indexed(c, f.Name) && !strings.HasPrefix(f.Name, "x_") {
				c.AddIndex("idx_mended_"+c.Name+"_"+f.Name, false, f.Name, "")
				fields = append(fields, f.Name)
			}
		}
	}
	return fields
}

func checkFields(c *core.Collection, a Access) (errs []error) {
	for _, name := range a.names() {
		if c.Fields.GetByName(name) == nil {
			errs = append(errs, fmt.Errorf("collection %s: Access names the field %s, which it does not have", c.Name, name))
		}
	}
	return errs
}

// names returns every field that the table speaks of.
func (a Access) names() []string {
	all := slices.Concat(a.ServerSet, a.CreateOnly, a.Queryable)
	for _, role := range slices.Sorted(maps.Keys(a.Writable)) {
		all = append(all, a.Writable[role]...)
	}
	if a.SoftDelete != "" {
		all = append(all, a.SoftDelete)
	}
	return all
}

func indexed(c *core.Collection, field string) bool {
	for _, idx := range c.Indexes {
		_, cols, _ := strings.Cut(idx, "(")
		first := strings.Trim(strings.TrimSpace(strings.FieldsFunc(cols, func(r rune) bool { return r == ',' || r == ')' || r == ' ' })[0]), "`\"[]")
		if first == field {
			return true
		}
	}
	return false
}
