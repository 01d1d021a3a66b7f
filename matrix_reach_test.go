package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// TestRealtimeShowsWhatTheMatrixAllows subscribes every role to everything, changes a row of
// each collection, and compares what came with what the role may view.
func TestRealtimeShowsWhatTheMatrixAllows(t *testing.T) {
	m := &matrix{T: t, s: set.Start(t)}
	heard, came := 0, map[string]bool{}
	for _, role := range m.s.Kernel.Roles() {
		who := member[role.Name]
		st := m.s.Connect(t)
		may := map[string]bool{}
		var topics []string
		for _, mod := range m.s.Kernel.Modules {
			for _, a := range mod.Access {
				may[a.Collection+"/*"] = cell(a.List, role) != "-"
				topics = append(topics, a.Collection+"/*")
			}
		}
		if r := m.s.Subscribe(t, st, m.s.Token(t, kerneltest.Account{Email: who.Email, Password: who.Password}), topics...); r.Status != http.StatusNoContent {
			t.Fatalf("%s subscribes: %d %s", role.Name, r.Status, r.Body)
		}
		for _, topic := range topics {
			for _, row := range m.rows(strings.TrimSuffix(topic, "/*"))[:min(2, len(m.rows(strings.TrimSuffix(topic, "/*"))))] {
				_ = m.s.App.Save(row) // what may not change is refused, and tells nobody
			}
		}
		m.s.End(t, st)
		for {
			ev, open := st.Next(t)
			if !open || ev.Name == "end" {
				break
			}
			heard++
			came[ev.Name] = true
			if !may[ev.Name] {
				t.Errorf("%s is told of %s", role.Name, ev.Name)
			}
		}
	}
	if heard < 60 || len(came) < 8 {
		t.Errorf("only %d messages of %d collections: nothing is shown by silence", heard, len(came))
	}
	t.Logf("%d messages", heard)
}

// TestFilesAreHadByWhoeverViewsTheirRow puts a file on each row that can have one.
func TestFilesAreHadByWhoeverViewsTheirRow(t *testing.T) {
	m := &matrix{T: t, s: set.Start(t)}
	for _, mod := range m.s.Kernel.Modules {
		for _, a := range mod.Access {
			for _, row := range m.rows(a.Collection) {
				for _, f := range row.Collection().Fields {
					if f.Type() == core.FieldTypeFile {
						m.file(row, f)
					}
				}
			}
		}
	}
	if m.tried < 60 {
		t.Errorf("only %d requests", m.tried)
	}
	t.Logf("%d requests", m.tried)
}

// onePixel is a GIF, which avatars and attachments take.
const onePixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

func (m *matrix) file(row *core.Record, f core.Field) {
	upload, err := filesystem.NewFileFromBytes([]byte(onePixel), "pixel.gif")
	if err != nil {
		m.Fatal(err)
	}
	row.Set(f.GetName(), upload)
	if err := m.s.App.Save(row); err != nil {
		return // entered in error, for one
	}
	path := "/api/files/" + row.Collection().Name + "/" + row.Id + "/" + row.GetStringSlice(f.GetName())[0]
	if r := m.send(authapi.Account{}, "GET", path, nil); r.Status != http.StatusNotFound {
		m.Errorf("a guest has %s: %d", path, r.Status)
	}
	for _, role := range m.s.Kernel.Roles() {
		who := member[role.Name]
		seen := m.send(who, "GET", "/api/collections/"+row.Collection().Name+"/records/"+row.Id, nil).Status == http.StatusOK
		token, _ := m.send(who, "POST", "/api/files/token", nil).JSON(m.T)["token"].(string)
		for name, url := range map[string]string{"": path + "?token=" + token, "thumbnail of ": path + "?thumb=100x100&token=" + token, "download of ": path + "?download=1&token=" + token} {
			if r := m.send(authapi.Account{}, "GET", url, nil); (r.Status == http.StatusOK) != seen {
				m.Errorf("%s %s%s: %d, the row is seen: %v", role.Name, name, path, r.Status, seen)
			}
		}
	}
}

// TestNoRoleReachesTheMachine tries what operates the server, as every role.
func TestNoRoleReachesTheMachine(t *testing.T) {
	m := &matrix{T: t, s: set.Start(t)}
	paths := []string{"POST /api/sql", "POST /api/collections/users/impersonate/useradmin000001", "POST /api/backups", "GET /api/backups", "POST /api/backups/upload", "POST /api/backups/x.zip/restore", "GET /api/settings", "PATCH /api/settings",
		"GET /api/logs", "GET /api/crons", "POST /api/crons/x", "POST /api/collections", "PUT /api/collections/import", "PATCH /api/collections/patients", "DELETE /api/collections/patients", "DELETE /api/collections/patients/truncate", "GET /api/collections/_superusers/records"}
	people := []authapi.Account{{}}
	for _, role := range m.s.Kernel.Roles() {
		people = append(people, member[role.Name])
	}
	for _, p := range paths {
		method, path, _ := strings.Cut(p, " ")
		for _, who := range people {
			if r := m.send(who, method, path, "{}"); !refused(r) {
				t.Errorf("%s %s: %d %.200s", who.Email, p, r.Status, r.Body)
			}
		}
	}
}

// TestTheDescriptionNamesNoHiddenField reads the schemas of the API's own description.
func TestTheDescriptionNamesNoHiddenField(t *testing.T) {
	m := &matrix{T: t, s: set.Start(t)}
	r := m.send(authapi.Account{}, "GET", "/api/openapi.json", nil)
	for _, mod := range m.s.Kernel.Modules {
		for _, a := range mod.Access {
			c, err := m.s.App.FindCollectionByNameOrId(a.Collection)
			if err != nil {
				t.Fatal(err)
			}
			if resourceOf(mod, a.Collection) == nil {
				continue // it is not described
			}
			for _, f := range c.Fields {
				if f.GetHidden() && f.GetName() != core.FieldNamePassword && strings.Contains(r.Body, `"`+f.GetName()+`":`) && !shownElsewhere(m, f.GetName()) {
					t.Errorf("it names %s.%s", a.Collection, f.GetName())
				}
			}
		}
	}
}

// shownElsewhere reports whether another collection shows a field of that name.
func shownElsewhere(m *matrix, name string) bool {
	all, err := m.s.App.FindAllCollections()
	if err != nil {
		m.Fatal(err)
	}
	return slices.ContainsFunc(all, func(c *core.Collection) bool {
		f := c.Fields.GetByName(name)
		return f != nil && !f.GetHidden()
	})
}
