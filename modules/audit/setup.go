package audit

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindSetUp records what changes who may do what: collections with their rules, and
// PocketBase's settings. Values of settings are left out: they hold secrets.
func (t *trail) bindSetUp(k *kernel.Kernel) {
	for action, on := range map[string]*hook.TaggedHook[*core.CollectionEvent]{
		"create": k.App.OnCollectionCreate(), "update": k.App.OnCollectionUpdate(), "delete": k.App.OnCollectionDelete(),
	} {
		on.Bind(&hook.Handler[*core.CollectionEvent]{Id: "audit: every " + action + " of a collection is recorded", Priority: -999, Func: func(e *core.CollectionEvent) error {
			outer := e.App
			defer func() { e.App = outer }()
			return outer.RunInTransaction(func(tx core.App) error {
				e.App = tx
				var before *core.Collection
				if action == "update" {
					before, _ = tx.FindCollectionByNameOrId(e.Collection.Id) // none: all of it is new
				}
				if err := e.Next(); err != nil {
					return err
				}
				return t.setUp(tx, e.Collection, action+"-collection", "_collections/"+e.Collection.Name, changedIn(before, e.Collection))
			})
		}})
	}
	settings := func(e *core.ModelEvent) error {
		if _, ok := e.Model.(*core.Settings); !ok {
			return e.Next()
		}
		outer := e.App
		defer func() { e.App = outer }()
		return outer.RunInTransaction(func(tx core.App) error {
			e.App = tx
			if err := e.Next(); err != nil {
				return err
			}
			return t.setUp(tx, e.Model, "update-settings", "_params/settings", nil)
		})
	}
	k.App.OnModelCreate().Bind(&hook.Handler[*core.ModelEvent]{Id: "audit: settings are recorded at first", Priority: -999, Func: settings})
	k.App.OnModelUpdate().Bind(&hook.Handler[*core.ModelEvent]{Id: "audit: settings are recorded", Priority: -999, Func: settings})
}

func (t *trail) setUp(tx core.App, m core.Model, action, item string, fields []string) error {
	if !t.ready(tx) || (!t.serving() && action != "update-settings") {
		return nil // migrations: the build says what they do
	}
	a := t.writers.of(tx, m, t.serving())
	a.mu.Lock()
	if a.written == nil {
		a.written = map[string]bool{}
	}
	a.written[item] = true
	a.mu.Unlock()
	entry := a.who()
	entry.Action, entry.Items, entry.Fields = action, []string{item}, fields
	if a.event != nil {
		entry.Target = target(a.event.Request)
	}
	return t.put(tx, entry, diff{})
}

// changedIn names the parts of a collection that differ, such as its rules.
func changedIn(before, now *core.Collection) (names []string) {
	if before == nil {
		return nil
	}
	old, new := parts(before), parts(now)
	for name := range new {
		if name != "updated" && !reflect.DeepEqual(old[name], new[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func parts(c *core.Collection) map[string]any {
	m := map[string]any{}
	raw, err := json.Marshal(c)
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		return nil
	}
	return maps.Clone(m)
}
