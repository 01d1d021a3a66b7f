package analytics_test

import (
	"fmt"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// Somebody drops the list of changes, or all that the sync keeps: no save of a record fails
// for it, by whatever path, plain SQL works again soon, and what the list held is found by
// comparing.
func TestNoSaveFailsWhenTheLogIsDropped(t *testing.T) {
	url := feed(t, "POLYCLINIC_SITE_ID=north")
	s := set.Start(t)
	same(t, s, url)
	made := ""
	for i, save := range []struct {
		method, path string
		body         any
		want         int
	}{
		{"PUT", "/api/patients/" + patientsapi.Ada, map[string]any{"address": "New Street 1"}, 200},
		{"PATCH", "/api/collections/patients/records/" + patientsapi.Ada, map[string]any{"gender": "other"}, 200},
		{"POST", "/api/patients", map[string]any{"name": "Zoe Park", "age": 30, "gender": "female", "contact": "555"}, 201},
		{"POST", "/api/batch", map[string]any{"requests": []any{
			map[string]any{"method": "PATCH", "url": "/api/collections/patients/records/" + patientsapi.Bob, "body": map[string]any{"gender": "other"}},
			map[string]any{"method": "PATCH", "url": "/api/collections/patients/records/" + patientsapi.Ada, "body": map[string]any{"gender": "female"}},
		}}, 200},
		{"DELETE", "/api/patients/%s", nil, 204},
	} {
		exec(t, s, `UPDATE doctors SET specialty = specialty || '.'`) // it is lost with the list
		exec(t, s, `DROP TABLE _analytics_log`)
		path := save.path
		if save.method == "DELETE" {
			path = fmt.Sprintf(path, made)
		}
		r := s.As(t, alma, save.method, path, save.body)
		if r.Status != save.want {
			t.Fatalf("%d: %s %s: %d %s", i, save.method, path, r.Status, r.Body)
		}
		if r.Status == 201 {
			made = r.ID(t)
		}
		same(t, s, url)
	}
	exec(t, s, `DROP TABLE _analytics_log`)
	eventually(t, func() string {
		if _, err := s.App.NonconcurrentDB().NewQuery(`UPDATE doctors SET specialty = specialty || '!'`).Execute(); err != nil {
			return err.Error()
		}
		return ""
	})
	same(t, s, url)
	for _, sql := range []string{`DROP TABLE _analytics_log`, `DROP TABLE _analytics_batch`, `DROP TABLE _analytics_state`, `DROP TABLE _analytics_table`} {
		exec(t, s, sql)
	}
	for _, gender := range []string{"male", "female"} { // its numbers begin anew, below those that the warehouse has
		if r := s.As(t, alma, "PUT", "/api/patients/"+patientsapi.Ada, map[string]any{"gender": gender}); r.Status != 200 {
			t.Fatal(r.Body)
		}
		same(t, s, url)
	}
}
