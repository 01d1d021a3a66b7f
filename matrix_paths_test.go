package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// each walks roles × collections on one server.
func each(t *testing.T, try func(m *matrix, mod kernel.Module, a kernel.Access, role kernel.Role)) {
	t.Helper()
	m := &matrix{T: t, s: set.Start(t)}
	for _, mod := range m.s.Kernel.Modules {
		for _, a := range mod.Access {
			for _, role := range m.s.Kernel.Roles() {
				try(m, mod, a, role)
			}
		}
	}
	t.Logf("%d requests", m.tried)
}

// oracles are queries that would tell of what is not shown: fields that are hidden or not
// declared queryable, fields of related rows, rows that point here, other collections.
func (m *matrix) oracles(a kernel.Access) (queries []string) {
	c, err := m.s.App.FindCollectionByNameOrId(a.Collection)
	if err != nil {
		m.Fatal(err)
	}
	name := func(field string) {
		queries = append(queries, "filter="+url.QueryEscape(field+" != 'x'"), "sort=-"+field)
	}
	for _, f := range c.Fields {
		n := f.GetName()
		if !slices.Contains(a.Queryable, n) && !slices.Contains([]string{"id", "created", "updated"}, n) {
			name(n)
		}
		if f.Type() == core.FieldTypeRelation {
			name(n + ".id")
		}
	}
	all, err := m.s.App.FindAllCollections()
	if err != nil {
		m.Fatal(err)
	}
	for _, other := range all {
		for _, f := range other.Fields {
			if r, ok := f.(*core.RelationField); ok && r.CollectionId == c.Id {
				back := other.Name + "_via_" + r.Name
				name(back + ".id")
				queries = append(queries, "expand="+back)
			}
		}
	}
	return append(queries, "filter="+url.QueryEscape("@collection.users.email != 'x'"), "filter="+url.QueryEscape("@request.auth.id != 'x'"), "filter="+url.QueryEscape("id:isset = true"))
}

// TestNoRoleQueriesWhatItIsNotShown asks every oracle of every collection as every role, by
// list, subscription and batch.
func TestNoRoleQueriesWhatItIsNotShown(t *testing.T) {
	streams, turn := map[string]*kerneltest.Stream{}, 0
	each(t, func(m *matrix, mod kernel.Module, a kernel.Access, role kernel.Role) {
		who := member[role.Name]
		st := streams[who.Email]
		if st == nil {
			st = m.s.Connect(t)
			streams[who.Email] = st
		}
		token := m.s.Token(t, kerneltest.Account{Email: who.Email, Password: who.Password})
		turn++
		res := resourceOf(mod, a.Collection)
		for i, q := range m.oracles(a) {
			paths := []string{"/api/collections/" + a.Collection + "/records?" + q}
			if res != nil && res.Has(kernel.List) && res.ListBy == "" {
				paths = append(paths, res.Path+"?"+q)
			}
			for _, p := range paths {
				if r := m.send(who, "GET", p, nil); r.Status != http.StatusBadRequest && r.Status != http.StatusForbidden {
					t.Errorf("%s GET %s: %d %.120s", role.Name, p, r.Status, r.Body)
				}
			}
			if (i+turn)%4 != 0 {
				continue // over all roles, each oracle is tried by subscription and batch, too
			}
			query, err := url.ParseQuery(q)
			if err != nil {
				t.Fatal(err)
			}
			options, _ := json.Marshal(map[string]any{"query": map[string]string{"filter": query.Get("filter"), "sort": query.Get("sort"), "expand": query.Get("expand")}})
			m.tried += 2
			if r := m.s.Subscribe(t, st, token, a.Collection+"/*?options="+url.QueryEscape(string(options))); r.Status < 400 {
				t.Errorf("%s subscribes %s with %s: %d", role.Name, a.Collection, q, r.Status)
			}
			inner := map[string]any{"method": "PATCH", "url": "/api/collections/" + a.Collection + "/records/000000000000000?" + q, "body": map[string]any{}}
			if r := m.s.Do(t, "POST", "/api/batch", token, map[string]any{"requests": []any{inner}}); r.Status < 400 || r.Code("filter")+r.Code("sort")+r.Code("expand") == "" {
				t.Errorf("%s batch %s with %s: %d %.120s", role.Name, a.Collection, q, r.Status, r.Body)
			}
		}
	})
}

// TestNoRoleIsShownHiddenFields looks at every answer of every collection, with every way
// to ask for more of it.
func TestNoRoleIsShownHiddenFields(t *testing.T) {
	each(t, func(m *matrix, mod kernel.Module, a kernel.Access, role kernel.Role) {
		all, err := m.s.App.FindAllCollections()
		if err != nil {
			t.Fatal(err)
		}
		hidden := map[string][]string{}
		var relations []string
		for _, c := range all {
			hidden[c.Name] = []string{kernel.SearchColumn}
			for _, f := range c.Fields {
				if f.GetHidden() {
					hidden[c.Name] = append(hidden[c.Name], f.GetName())
				}
				if c.Name == a.Collection && f.Type() == core.FieldTypeRelation {
					relations = append(relations, f.GetName())
				}
			}
		}
		more := []string{"?perPage=50", "?perPage=50&expand=" + strings.Join(relations[:min(len(relations), 8)], ","), "?perPage=50&fields=*," + strings.Join(hidden[a.Collection], ",")}
		paths := []string{"/api/collections/" + a.Collection + "/records"}
		if res := resourceOf(mod, a.Collection); res != nil && res.Has(kernel.List) && res.ListBy == "" {
			paths = append(paths, res.Path)
		}
		for _, p := range paths {
			for _, q := range more {
				var body any
				if r := m.send(member[role.Name], "GET", p+q, nil); r.Status == http.StatusOK {
					if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
						t.Fatal(err)
					}
				}
				noneHidden(t, role.Name+" "+p+q, body, hidden)
			}
		}
	})
}

// noneHidden looks into records, and into records in them.
func noneHidden(t *testing.T, where string, v any, hidden map[string][]string) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			noneHidden(t, where, x, hidden)
		}
	case map[string]any:
		name, _ := v["collectionName"].(string)
		for key, x := range v {
			if slices.Contains(hidden[name], key) {
				t.Errorf("%s shows %s.%s", where, name, key)
			}
			noneHidden(t, where, x, hidden)
		}
	}
}

// TestABatchDoesWhatTheMatrixAllows sends every verb of every collection in a batch.
func TestABatchDoesWhatTheMatrixAllows(t *testing.T) {
	each(t, func(m *matrix, _ kernel.Module, a kernel.Access, role kernel.Role) {
		api := "/api/collections/" + a.Collection + "/records"
		id := "000000000000000"
		if rows := m.rows(a.Collection); len(rows) > 0 {
			id = rows[0].Id
		}
		before := m.count(a.Collection)
		for _, try := range []struct {
			policy      kernel.Policy
			method, url string
			body        map[string]any
		}{{a.Create, "POST", api, map[string]any{}}, {a.Update, "PATCH", api + "/" + id, map[string]any{}}, {a.Update, "PUT", api, map[string]any{"id": id}}, {a.Delete, "DELETE", api + "/" + id, nil}} {
			if cell(try.policy, role) != "-" {
				continue
			}
			inner := map[string]any{"method": try.method, "url": try.url, "body": try.body}
			if r := m.send(member[role.Name], "POST", "/api/batch", map[string]any{"requests": []any{inner}}); r.Status < 400 || r.Status >= 500 {
				t.Errorf("%s %s %s in a batch: %d %.200s", role.Name, try.method, try.url, r.Status, r.Body)
			}
		}
		if n := m.count(a.Collection); n != before {
			t.Errorf("%s had %d rows, and has %d after %s", a.Collection, before, n, role.Name)
		}
	})
}

// TestNoSearchLooksIntoHiddenFields reads what ?q= of each documented list looks in.
func TestNoSearchLooksIntoHiddenFields(t *testing.T) {
	s, looked := set.Start(t), 0
	for _, mod := range s.Kernel.Modules {
		for _, r := range mod.Resources {
			for _, path := range r.Search {
				c, err := s.App.FindCollectionByNameOrId(r.Collection)
				for step := range strings.SplitSeq(path, ".") {
					if err != nil {
						t.Fatal(err)
					}
					looked++
					f := c.Fields.GetByName(step)
					if f == nil || f.GetHidden() {
						t.Errorf("%s: a search looks in %s", r.Path, path)
						break
					}
					if to, is := f.(*core.RelationField); is {
						c, err = s.App.FindCollectionByNameOrId(to.CollectionId)
					}
				}
			}
		}
	}
	if looked < 15 {
		t.Errorf("only %d fields", looked)
	}
}
