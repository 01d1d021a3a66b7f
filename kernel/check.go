package kernel

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// checker collects every problem of a module set.
type checker struct {
	mods   []Module
	byName map[string]Module
	owner  map[string]string // module by collection
	paths  map[string]string // module by method and path
	errs   []error
}

func newChecker(mods []Module) *checker {
	return &checker{mods: mods, byName: map[string]Module{}, owner: map[string]string{}, paths: map[string]string{}}
}

func (c *checker) bad(format string, a ...any) { c.errs = append(c.errs, fmt.Errorf(format, a...)) }

func (c *checker) modules() {
	for _, m := range c.mods {
		if !reName.MatchString(m.Name) {
			c.bad("module %q: bad name", m.Name)
		}
		if m.Doc == "" {
			c.bad("module %q: no Doc", m.Name)
		}
		if _, dup := c.byName[m.Name]; dup {
			c.bad("module %q: registered twice", m.Name)
		}
		c.byName[m.Name] = m
		c.migrations(m)
		for _, a := range m.Access {
			if o, dup := c.owner[a.Collection]; dup {
				c.bad("collection %q: owned by %s and %s", a.Collection, o, m.Name)
			}
			c.owner[a.Collection] = m.Name
		}
		c.hooks(m)
		c.routes(m)
	}
}

func (c *checker) migrations(m Module) {
	for _, g := range m.Migrations {
		if !reMigration.MatchString(g.ID) {
			c.bad("module %q: migration %q: want <10-digit unix seconds>_<what>", m.Name, g.ID)
		}
	}
	if !slices.IsSortedFunc(m.Migrations, func(a, b Migration) int { return strings.Compare(a.ID, b.ID) }) {
		c.bad("module %q: migrations out of order", m.Name)
	}
}

func (c *checker) hooks(m Module) {
	seen := map[string]bool{}
	for _, h := range m.Hooks {
		if c.owner[h.Collection] != m.Name {
			c.bad("module %q: hook %q is on %q, which it does not own", m.Name, h.Name, h.Collection)
		}
		if id := h.id(m.Name); seen[id] || h.Name == "" {
			c.bad("module %q: hook %q on %q: name empty or used twice", m.Name, h.Name, h.Collection)
		} else {
			seen[id] = true
		}
	}
}

func (c *checker) routes(m Module) {
	claim := func(key string) {
		if o, dup := c.paths[key]; dup {
			c.bad("route %q: in %s and %s", key, o, m.Name)
		}
		c.paths[key] = m.Name
	}
	for _, r := range m.Resources {
		if c.owner[r.Collection] != m.Name {
			c.bad("module %q: resource %s serves %q, which it does not own", m.Name, r.Path, r.Collection)
		}
		c.list(r)
		for _, v := range Verbs {
			if r.Has(v) && (v != View || r.ListBy == "") {
				claim(r.Pattern(v))
			}
		}
	}
	for _, r := range m.Routes {
		key := r.Pattern()
		claim(key)
		if r.run == nil {
			c.bad("route %q: no handler, build it with Op", key)
		}
		if r.out != nil && holdsTime(r.out) {
			c.bad("route %q: answers a time.Time, which JSON writes in many forms: take types.DateTime", key)
		}
		if r.Summary == "" {
			c.bad("route %q: no summary", key)
		}
		if r.Allow.Locked() {
			c.bad("route %q: no policy", key)
		}
		for _, g := range r.Allow.Grants {
			if g.Rule.Filter+g.Rule.Strict != "" && r.Record == "" {
				c.bad("route %q: rule %q needs Record", key, g.Rule.Name)
			}
		}
	}
}

// list looks at what only a list beside the collection's own may have.
func (c *checker) list(r Resource) {
	only := slices.Equal(r.Verbs, []Verb{List})
	if strings.Contains(r.Path, "{") && (!only || r.ListBy == "") {
		c.bad("resource %s: a list below a record needs ListBy and no other verb", r.Path)
	}
	if !only && (!r.Allow.Locked() || r.Deleted || r.Rows != nil || r.Finish != nil) {
		c.bad("resource %s: Allow, Deleted, Rows and Finish are for a path that only lists", r.Path)
	}
}

// holdsTime reports whether a value of the type answers a time.Time.
func holdsTime(t reflect.Type) bool {
	switch {
	case t == timeType:
		return true
	case t == recordType, t == dateTimeType:
		return false
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return holdsTime(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if f.Tag.Get("json") != "-" && f.IsExported() && holdsTime(f.Type) {
				return true
			}
		}
	}
	return false
}

func (c *checker) requirements(disabled map[string]bool) {
	for name := range disabled {
		if _, ok := c.byName[name]; !ok {
			c.bad("POLYCLINIC_DISABLE names %q, which is not in this build", name)
		}
	}
	for _, m := range c.mods {
		for _, dep := range m.Requires {
			d, ok := c.byName[dep]
			if !ok {
				c.bad("module %q requires %q, which is not in this build", m.Name, dep)
				continue
			}
			if disabled[dep] && !disabled[m.Name] {
				c.bad("module %q requires %q, which POLYCLINIC_DISABLE switches off: switch off %q too, or neither", m.Name, dep, m.Name)
			}
			if len(m.Migrations) > 0 && len(d.Migrations) > 0 && m.Migrations[0].ID <= d.Migrations[0].ID {
				c.bad("module %q: first migration %s must be later than %s's %s", m.Name, m.Migrations[0].ID, dep, d.Migrations[0].ID)
			}
		}
	}
}

func (c *checker) events() {
	emitted := map[string]bool{}
	for _, m := range c.mods {
		for _, e := range m.Emits {
			emitted[e.Name] = true
		}
	}
	for _, m := range c.mods {
		for _, s := range m.On {
			if !emitted[s.Event] {
				c.bad("module %q: reaction %q waits for %q, which no module emits", m.Name, s.Name, s.Event)
			}
		}
	}
}

// order returns the modules with every requirement ahead of who requires it.
func (c *checker) order() (out []Module) {
	const open, done = 1, 2
	state := map[string]int{}
	var visit func(m Module, path []string)
	visit = func(m Module, path []string) {
		switch state[m.Name] {
		case done:
			return
		case open:
			c.bad("modules require each other: %s", strings.Join(append(path, m.Name), " -> "))
			return
		}
		state[m.Name] = open
		for _, d := range m.Requires {
			if dm, ok := c.byName[d]; ok {
				visit(dm, append(path, m.Name))
			}
		}
		state[m.Name] = done
		out = append(out, m)
	}
	for _, m := range c.mods {
		visit(m, nil)
	}
	return out
}
