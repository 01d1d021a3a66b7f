package audit

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindSetUp records what changes who may do what: collections with their rules, and
// PocketBase's settings with their values, other than secret ones.
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
				return t.setUp(tx, e.Collection, action+"-collection", "_collections/"+e.Collection.Name, changedIn(before, e.Collection), diff{})
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
			before := storedSettings(tx)
			if err := e.Next(); err != nil {
				return err
			}
			d, fields := changedSettings(before, storedSettings(tx))
			return t.setUp(tx, e.Model, "update-settings", "_params/settings", fields, d)
		})
	}
	k.App.OnModelCreate().Bind(&hook.Handler[*core.ModelEvent]{Id: "audit: settings are recorded at first", Priority: -999, Func: settings})
	k.App.OnModelUpdate().Bind(&hook.Handler[*core.ModelEvent]{Id: "audit: settings are recorded", Priority: -999, Func: settings})
}

func (t *trail) setUp(tx core.App, m core.Model, action, item string, fields []string, d diff) error {
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
		entry.Target = t.target(a.event.Request)
	}
	return t.put(tx, entry, d)
}

// storedSettings returns what the database has of the settings, by path such as "meta.appName";
// nothing where there are none yet, or where they are encrypted.
func storedSettings(tx core.App) map[string]any {
	var raw string
	if err := tx.DB().Select("value").From("_params").Where(dbx.HashExp{"id": "settings"}).Row(&raw); err != nil {
		return nil
	}
	var all map[string]any
	if err := json.Unmarshal([]byte(raw), &all); err != nil {
		return nil
	}
	flat := map[string]any{}
	flatten(flat, "", all)
	return flat
}

func flatten(into map[string]any, at string, m map[string]any) {
	for name, v := range m {
		if below, ok := v.(map[string]any); ok {
			flatten(into, at+name+".", below)
		} else {
			into[at+name] = v
		}
	}
}

// reSecretSetting matches the settings whose values are kept nowhere.
var reSecretSetting = regexp.MustCompile(`(?i)(password|secret|token|key)$`)

// changedSettings returns the settings that differ, and their values, other than secret ones.
// Of the first, all of which are the program's, it says nothing.
func changedSettings(before, now map[string]any) (d diff, names []string) {
	if before == nil {
		return d, nil
	}
	for name, v := range now {
		if reflect.DeepEqual(before[name], v) {
			continue
		}
		names = append(names, name)
		if !reSecretSetting.MatchString(name) {
			d.Before, d.After = with(d.Before, name, before[name]), with(d.After, name, v)
		}
	}
	slices.Sort(names)
	return d, names
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
