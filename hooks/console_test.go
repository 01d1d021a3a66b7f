package hooks_test

import (
	"net/http"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// Findings 9, 10, 27 and 28.
func TestBackDoorsOfTheDashboardAreShut(t *testing.T) {
	s := set.Start(t)
	token := superuser(t, s)
	for _, c := range []struct {
		method, path string
		body         any
		want         int
	}{
		{"POST", "/api/sql", `{"query":"DELETE FROM things"}`, 404},
		{"POST", "/api/sql/", `{"query":"DELETE FROM things"}`, 404},
		{"POST", "/API/SQL", `{"query":"DELETE FROM things"}`, 404},
		{"POST", "/api/collections/users/impersonate/userpatient0001", `{"duration":1000}`, 404},
		{"POST", "/api/collections/USERS/impersonate/userpatient0001", nil, 404},
		{"POST", "/api/backups/any.zip/restore", nil, 404},
		{"POST", "/api/backups/upload", nil, 404},
		{"DELETE", "/api/collections/things/truncate", nil, 403},
		{"DELETE", "/api/collections/THINGS/truncate", nil, 403},
	} {
		wantStatus(t, c.method+" "+c.path, s.Do(t, c.method, c.path, token, c.body), c.want)
	}
	if n := count(t, s, "things"); n != 3 {
		t.Errorf("%d rows", n)
	}
}

func TestTheDashboardCannotEditWhatModulesDeclare(t *testing.T) {
	s := set.Start(t)
	token := superuser(t, s)
	things := s.Do(t, "GET", "/api/collections/things", token, nil).JSON(t)
	fields, _ := things["fields"].([]any)
	without := func(name string) (out []any) {
		for _, f := range fields {
			if f.(map[string]any)["name"] != name {
				out = append(out, f)
			}
		}
		return out
	}
	renamed := func() (out []any) {
		for _, f := range fields {
			c := map[string]any{}
			for k, v := range f.(map[string]any) {
				c[k] = v
			}
			if c["name"] == "note" {
				c["name"] = "x_note"
			}
			out = append(out, c)
		}
		return out
	}
	for _, c := range []struct {
		name string
		body map[string]any
		want int
	}{
		{"open a rule", map[string]any{"listRule": ""}, 403},
		{"change a rule", map[string]any{"updateRule": "id != ''"}, 403},
		{"close a rule", map[string]any{"viewRule": nil}, 403},
		{"rename it", map[string]any{"name": "stuff"}, 403},
		{"drop a field", map[string]any{"fields": without("note")}, 403},
		{"rename a field", map[string]any{"fields": renamed()}, 403},
		{"add a field of any name", map[string]any{"fields": append(without(""), map[string]any{"name": "ward", "type": "text"})}, 403},
		{"add a site's field", map[string]any{"fields": append(without(""), map[string]any{"name": "x_ward", "type": "text"})}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantStatus(t, "by name", s.Do(t, "PATCH", "/api/collections/things", token, c.body), c.want)
		})
	}
	wantStatus(t, "drop it", s.Do(t, "DELETE", "/api/collections/things", token, nil), http.StatusForbidden)
	wantStatus(t, "import over it", s.Do(t, "PUT", "/api/collections/import", token, map[string]any{"collections": []any{things}}), http.StatusForbidden)
	wantStatus(t, "import over it under its id", s.Do(t, "PUT", "/api/collections/import", token, map[string]any{"collections": []any{map[string]any{"id": things["id"], "name": "stuff", "type": "base"}}}), http.StatusForbidden)
	wantStatus(t, "import over it under another name", s.Do(t, "PUT", "/api/collections/import", token, map[string]any{"collections": []any{map[string]any{"id": "pbc_0000000001", "name": "THINGS", "type": "base"}}}), http.StatusForbidden)
	wantStatus(t, "import and drop the rest", s.Do(t, "PUT", "/api/collections/import", token, map[string]any{"deleteMissing": true, "collections": []any{map[string]any{"name": "site", "type": "base"}}}), http.StatusForbidden)

	// The site's field is there, can be written and asked for, and outlives a start.
	if err := s.Kernel.Reconcile(s.App); err != nil {
		t.Fatal(err)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "the site's field is written", As: alma, Path: path, Body: `{"name":"bed","x_ward":"North"}`, Want: 201, Has: []string{`"x_ward":"North"`}},
		{Name: "and asked for", As: alma, Method: "GET", Path: path + "?filter=x_ward='North'", Want: 200, Has: []string{`"totalItems":1`}},
	})
}

// Rules that were changed behind the server's back are code again at the next start.
func TestRulesAreRestoredAtTheStart(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	want := *c.ListRule
	open := ""
	c.ListRule, c.DeleteRule = &open, nil
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	if err := s.Kernel.Reconcile(s.App); err != nil {
		t.Fatal(err)
	}
	if c, err = s.App.FindCollectionByNameOrId("things"); err != nil || *c.ListRule != want || c.DeleteRule == nil {
		t.Errorf("got %v, delete %v, %v", *c.ListRule, c.DeleteRule, err)
	}
}
