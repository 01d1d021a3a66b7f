package main

import (
	"mime"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// looking is one GET of a module: documented paths and routes alike.
type looking struct {
	pattern, path string
	of            string   // collection of the id in the path, "" where there is none
	queries       []string // what else it is asked with
}

// lookings returns every GET that the modules declare.
func (m *matrix) lookings() (list []looking) {
	tomorrow, err := m.s.App.FindRecordById("appointments", appointmentsapi.CastTomorrow)
	if err != nil {
		m.Fatal(err)
	}
	for _, mod := range m.s.Kernel.Modules {
		for _, r := range mod.Resources {
			for _, v := range []kernel.Verb{kernel.List, kernel.View} {
				if !r.Has(v) || (v == kernel.View && r.ListBy != "") {
					continue
				}
				_, path, _ := strings.Cut(r.Pattern(v), " ")
				list = append(list, looking{r.Pattern(v), path, m.parent(r, v), []string{""}})
			}
		}
		for _, r := range mod.Routes {
			if r.Method != http.MethodGet {
				continue
			}
			l := looking{r.Pattern(), r.Path, r.Record, []string{""}}
			switch {
			case r.Path == "/api/doctors/{id}/slots":
				l.queries = []string{"?date=" + tomorrow.GetString("appointmentDate")}
			case r.Path == "/api/audit": // with values before and after
				l.queries = []string{"?action=create&actor=" + authapi.Dana.ID, "?format=csv"}
			case r.Raw == "text/csv":
				l.queries = append(l.queries, "?format=csv")
			}
			list = append(list, l)
		}
	}
	return list
}

// parent is the collection of the id in a resource's path.
func (m *matrix) parent(r kernel.Resource, v kernel.Verb) string {
	if v == kernel.List && r.ListBy == "" {
		return ""
	}
	c, err := m.s.App.FindCollectionByNameOrId(r.Collection)
	if err != nil {
		m.Fatal(err)
	}
	rel, ok := c.Fields.GetByName(r.ListBy).(*core.RelationField)
	if !ok {
		return r.Collection
	}
	if c, err = m.s.App.FindCollectionByNameOrId(rel.CollectionId); err != nil {
		m.Fatal(err)
	}
	return c.Name
}

// shownIn returns the patients whom an answer shows, by name, number or id. What shows
// entries of the trail has the names of those who acted, patients too, and ids.
func (m *matrix) shownIn(l looking, text string) (ids []string) {
	for _, p := range m.rows("patients") {
		words := []string{p.GetString("mrn"), p.GetString("name"), p.Id}
		if l.path == "/api/audit" || strings.HasSuffix(l.path, "/access-log") {
			words = words[:1]
		}
		if slices.ContainsFunc(words, func(w string) bool { return w != "" && strings.Contains(text, w) }) {
			ids = append(ids, p.Id)
		}
	}
	return ids
}

// TestTheTrailNamesWhomAnAnswerShows asks every GET as every role: the entry of the request
// must name each patient who is in the answer.
func TestTheTrailNamesWhomAnAnswerShows(t *testing.T) {
	m := &matrix{T: t, s: set.Start(t)}
	m.send(authapi.Dana, "POST", "/api/patients", map[string]any{"name": "Zoe Quill", "age": 30}) // its values are in the trail
	type answer struct {
		says  string
		shows []string
	}
	answers, showed := map[string]answer{}, map[string]bool{}
	for _, l := range m.lookings() {
		ids := []string{""}
		if l.of != "" {
			ids = nil
			for _, row := range m.rows(l.of) {
				ids = append(ids, row.Id)
			}
		}
		for _, role := range m.s.Kernel.Roles() {
			for _, id := range ids {
				for _, query := range l.queries {
					r := m.send(member[role.Name], "GET", fill(l.path, id)+query, nil)
					if r.Status != http.StatusOK {
						continue
					}
					text := r.Body
					if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
						text = readers[media](t, r.Body)
					}
					if shows := m.shownIn(l, text); len(shows) > 0 {
						answers[r.Header.Get("X-Request-Id")] = answer{role.Name + " " + l.pattern + query, shows}
						showed[l.pattern] = true
					}
				}
			}
		}
	}
	named := map[string][]string{}
	err := chain.After(filepath.Join(m.s.App.DataDir(), "audit"), 0, 1<<30, func(r chain.Row) error {
		e, err := r.Entry()
		named[e.Request] = append(named[e.Request], e.Patients...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for request, a := range answers {
		for _, id := range a.shows {
			if !slices.Contains(named[request], id) && !missing[a.says] {
				missing[a.says] = true
				t.Errorf("%s shows %s, and its entry does not name them", a.says, id)
			}
		}
	}
	t.Logf("%d requests, %d answers with patients, of %d routes", m.tried, len(answers), len(showed))
	for _, pattern := range []string{"GET /api/doctors/{id}/slots", "GET /api/messages/conversations", "GET /api/billing/{id}/pdf", "GET /api/patients/{id}/export", "GET /api/audit"} {
		if !showed[pattern] {
			t.Errorf("%s showed nobody: is it asked for what it has?", pattern)
		}
	}
}
