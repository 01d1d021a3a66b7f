package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// member of the cast that stands for each role.
var member = map[string]authapi.Account{
	"admin": authapi.Alma, "doctor": authapi.Grace, "nurse": authapi.Nia, "staff": authapi.Dana,
	"reception": authapi.Dana, "cashier": authapi.Carl, "pharmacy": authapi.Petra, "patient": authapi.Ada,
}

// matrix walks roles × declared actions over HTTP and compares with the declarations.
type matrix struct {
	*testing.T
	s     *kerneltest.Server
	tried int
}

// TestMatrix sends every role × every declared action: documented path, collection API
// and routes. What the matrix denies must be denied on each path, and what it grants must
// not be refused.
func TestMatrix(t *testing.T) {
	m := &matrix{T: t, s: set.Start(t)}
	for _, mod := range m.s.Kernel.Modules {
		for _, a := range mod.Access {
			for _, role := range m.s.Kernel.Roles() {
				m.reads(mod, a, role)
				m.writes(mod, a, role)
			}
			m.guest(mod, a)
		}
	}
	// Routes change things, so each role gets a server of its own.
	for _, role := range m.s.Kernel.Roles() {
		m.s = set.Start(t)
		for _, mod := range m.s.Kernel.Modules {
			for _, r := range mod.Resources {
				m.list(r, role)
			}
			for _, r := range mod.Routes {
				m.route(r, role)
			}
		}
	}
	t.Logf("%d requests", m.tried)
	if m.tried < 600 {
		t.Errorf("only %d requests: is the cast or the walk incomplete?", m.tried)
	}
}

func (m *matrix) send(who authapi.Account, method, path string, body any) kerneltest.Response {
	m.Helper()
	m.tried++
	as := kerneltest.Account{Email: who.Email, Password: who.Password}
	r := m.s.As(m.T, as, method, path, body)
	if r.Status == http.StatusUnauthorized && who.Email != "" { // a route of the walk ended its session
		r = m.s.Do(m.T, method, path, m.s.SignIn(m.T, as), body)
	}
	return r
}

// cell is what a member with that role may do: a duty has its own grants and Staff's.
func cell(p kernel.Policy, role kernel.Role) string {
	if role.Name == "staff" {
		role = authapi.Reception // there is no member of staff without a duty in the cast
	}
	return p.Cell(role)
}

func resourceOf(mod kernel.Module, collection string) *kernel.Resource {
	i := slices.IndexFunc(mod.Resources, func(r kernel.Resource) bool { return r.Collection == collection })
	if i < 0 {
		return nil
	}
	return &mod.Resources[i]
}

func (m *matrix) rows(collection string) []*core.Record {
	rows, err := m.s.App.FindAllRecords(collection)
	if err != nil {
		m.Fatal(err)
	}
	return rows[:min(len(rows), 12)]
}

// reads compares, record by record, the collection API with the documented path, and both
// with the cell.
func (m *matrix) reads(mod kernel.Module, a kernel.Access, role kernel.Role) {
	who, res := member[role.Name], resourceOf(mod, a.Collection)
	want := cell(a.View, role)
	api := "/api/collections/" + a.Collection + "/records"
	listed := map[string]bool{}
	if r := m.send(who, "GET", api+"?perPage=500", nil); r.Status == http.StatusOK {
		for _, item := range r.Items(m.T) {
			listed[item["id"].(string)] = true
		}
	}
	if got := len(listed) > 0; got && cell(a.List, role) == "-" {
		m.Errorf("%s lists %s through the collection API", role.Name, a.Collection)
	}
	if res != nil && res.Has(kernel.List) && res.ListBy == "" {
		r := m.send(who, "GET", res.Path, nil)
		if denied := r.Status == http.StatusForbidden; denied != (cell(a.List, role) == "-") {
			m.Errorf("%s GET %s: %d, the matrix says %s", role.Name, res.Path, r.Status, cell(a.List, role))
		}
	}
	for _, row := range m.rows(a.Collection) {
		alive := a.SoftDelete == "" || row.GetString(a.SoftDelete) == ""
		r := m.send(who, "GET", api+"/"+row.Id, nil)
		seen := r.Status == http.StatusOK
		switch {
		case want == "-" && seen, !alive && seen:
			m.Errorf("%s views %s %s", role.Name, a.Collection, row.Id)
		case want == "any" && alive && !seen:
			m.Errorf("%s may view any %s, got %d for %s", role.Name, a.Collection, r.Status, row.Id)
		}
		if a.List.Cell(role) == a.View.Cell(role) && listed[row.Id] != seen {
			m.Errorf("%s %s %s: in the list %v, viewed %v", role.Name, a.Collection, row.Id, listed[row.Id], seen)
		}
		if res != nil && res.Has(kernel.View) && res.ListBy == "" {
			if d := m.send(who, "GET", res.Path+"/"+row.Id, nil); (d.Status == http.StatusOK) != seen {
				m.Errorf("%s %s/%s: documented %d, collection API %d", role.Name, res.Path, row.Id, d.Status, r.Status)
			}
		}
	}
}

// refused are the statuses that say no to the caller, not to the values.
func refused(r kerneltest.Response) bool {
	return r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden || r.Status == http.StatusNotFound
}

// writes sends empty creates and updates: they pass the rules and are stopped by validation
// or change nothing.
func (m *matrix) writes(mod kernel.Module, a kernel.Access, role kernel.Role) {
	who, res := member[role.Name], resourceOf(mod, a.Collection)
	api := "/api/collections/" + a.Collection + "/records"
	before := m.count(a.Collection)
	m.send(who, "POST", api, "{}")
	if cell(a.Create, role) == "-" && m.count(a.Collection) != before {
		m.Errorf("%s created a row of %s through the collection API", role.Name, a.Collection)
	}
	if res != nil && res.Has(kernel.Create) {
		r := m.send(who, "POST", res.Path, "{}")
		switch want := cell(a.Create, role); {
		case want == "-" && r.Status != http.StatusForbidden:
			m.Errorf("%s POST %s: %d, want 403", role.Name, res.Path, r.Status)
		case want == "any" && refused(r):
			m.Errorf("%s POST %s: %d, the matrix says any: %s", role.Name, res.Path, r.Status, r.Body)
		}
	}
	for _, v := range []kernel.Verb{kernel.Update, kernel.Delete} {
		m.changes(a, res, role, who, v)
	}
}

// changes tries to update, or where it is denied to delete, what is there.
func (m *matrix) changes(a kernel.Access, res *kernel.Resource, role kernel.Role, who authapi.Account, v kernel.Verb) {
	policy, method := a.Update, "PATCH"
	if v == kernel.Delete {
		policy, method = a.Delete, "DELETE"
	}
	want := cell(policy, role)
	if v == kernel.Delete && want != "-" {
		return // what may be deleted is deleted in the modules' own tests
	}
	for _, row := range m.rows(a.Collection)[:min(3, len(m.rows(a.Collection)))] {
		paths := []string{method + " /api/collections/" + a.Collection + "/records/" + row.Id}
		if res != nil && res.Has(v) {
			paths = append(paths, strings.Replace(method, "PATCH", "PUT", 1)+" "+res.Path+"/"+row.Id)
		}
		for _, p := range paths {
			method, path, _ := strings.Cut(p, " ")
			r := m.send(who, method, path, "{}")
			switch {
			case want == "-" && !refused(r):
				m.Errorf("%s %s: %d, the matrix says no", role.Name, p, r.Status)
			case want == "any" && refused(r) && (a.SoftDelete == "" || row.GetString(a.SoftDelete) == ""):
				m.Errorf("%s %s: %d, the matrix says any: %s", role.Name, p, r.Status, r.Body)
			}
		}
	}
}

func (m *matrix) guest(mod kernel.Module, a kernel.Access) {
	if res := resourceOf(mod, a.Collection); res != nil {
		for _, v := range kernel.Verbs {
			if !res.Has(v) || (v == kernel.View && res.ListBy != "") {
				continue
			}
			method, path, _ := strings.Cut(res.Pattern(v), " ")
			path = fill(path, "000000000000000")
			if r := m.send(authapi.Account{}, method, path, nil); r.Status != http.StatusUnauthorized {
				m.Errorf("guest %s %s: %d, want 401", method, path, r.Status)
			}
		}
	}
	for _, row := range m.rows(a.Collection) {
		if r := m.send(authapi.Account{}, "GET", "/api/collections/"+a.Collection+"/records/"+row.Id, nil); r.Status == http.StatusOK && !a.View.Public {
			m.Errorf("a guest views %s %s", a.Collection, row.Id)
		}
	}
}

// list reads a list that has a policy of its own, such as a record's history.
func (m *matrix) list(r kernel.Resource, role kernel.Role) {
	if r.Allow.Locked() {
		return // Access says who lists
	}
	id := "000000000000000"
	if rows := m.rows(r.Collection); len(rows) > 0 {
		id = rows[0].Id
	}
	_, path, _ := strings.Cut(r.Pattern(kernel.List), " ")
	path = fill(path, id)
	if g := m.send(authapi.Account{}, "GET", path, nil); g.Status != http.StatusUnauthorized {
		m.Errorf("guest %s: %d, want 401", path, g.Status)
	}
	got := m.send(member[role.Name], "GET", path, nil)
	switch want := cell(r.Allow, role); {
	case (want == "-") != (got.Status == http.StatusForbidden):
		m.Errorf("%s %s: %d, the matrix says %s", role.Name, path, got.Status, want)
	case want == "any" && got.Status != http.StatusOK:
		m.Errorf("%s %s: %d, the matrix says any: %s", role.Name, path, got.Status, got.Body)
	}
}

// route calls a route with an empty body: 401 and 403 come ahead of its validation.
func (m *matrix) route(r kernel.Route, role kernel.Role) {
	if r.Allow.Public || strings.Contains(r.Path, "/logout") || strings.HasSuffix(r.Path, "/auth/password") {
		return // tried in the auth module's tests; a logout would end the walk
	}
	id := "000000000000000"
	if r.Record != "" {
		if rows := m.rows(r.Record); len(rows) > 0 {
			id = rows[0].Id
		}
	}
	path := fill(r.Path, id)
	if g := m.send(authapi.Account{}, r.Method, path, "{}"); g.Status != http.StatusUnauthorized {
		m.Errorf("guest %s: %d, want 401", r.Pattern(), g.Status)
	}
	got := m.send(member[role.Name], r.Method, path, "{}")
	switch want := cell(r.Allow, role); {
	case want == "-" && got.Status != http.StatusForbidden:
		m.Errorf("%s %s: %d, want 403", role.Name, r.Pattern(), got.Status)
	case want == "any" && (got.Status == http.StatusUnauthorized || got.Code("error") == "not_allowed" && r.Record != ""):
		m.Errorf("%s %s: %d, the matrix says any: %s", role.Name, r.Pattern(), got.Status, got.Body)
	case got.Status >= 500 && got.Status != http.StatusServiceUnavailable:
		m.Errorf("%s %s: %d: %s", role.Name, r.Pattern(), got.Status, got.Body)
	}
}

// fill puts id in the place of every {name} of a path.
func fill(path, id string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = id
		}
	}
	return strings.Join(parts, "/")
}

func (m *matrix) count(collection string) int64 {
	n, err := m.s.App.CountRecords(collection)
	if err != nil {
		m.Fatal(fmt.Errorf("count %s: %w", collection, err))
	}
	return n
}
