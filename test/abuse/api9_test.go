package abuse

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

var inventory = []attack{
	{"no tool, file or older version of the API is lying around", func(t *testing.T, c *clinic) {
		for _, path := range []string{"/debug/pprof/", "/debug/vars", "/metrics", "/api/metrics", "/.git/config", "/.env", "/data.db", "/pb_data/data.db", "/pb_hooks", "/backups", "/api/v1/patients", "/api/v2/patients", "/v1/patients", "/swagger.json", "/graphql", "/api/graphql", "/admin", "/phpmyadmin", "/server-status", "/actuator", "/api/hooks", "/api/internal", "/api/test", "/api/collections/things/records", "/fhir/Patient", "/api/fhir/Patient", "/console"} {
			for _, who := range []caller{guest, ada} {
				a := c.as(t, who, "GET", path, nil)
				if a.status < 300 && !strings.Contains(a.body, "<!doctype html") && !strings.Contains(a.body, "<!DOCTYPE html") || strings.Contains(a.body, "SQLite format 3") {
					t.Errorf("%s %s: %d %.100s", who, path, a.status, a.body)
				}
			}
		}
	}},
	{"what the API's description shows names no hidden field, secret or row", func(t *testing.T, c *clinic) {
		a := c.must(t, 200, c.as(t, guest, "GET", "/api/openapi.json", nil))
		for _, word := range []string{"tokenKey", "searchText", "sourceId", "changeMark", "amountMinor", adaPatient, "Novak", c.dir} {
			if strings.Contains(a.body, `"`+word+`"`) {
				t.Errorf("it names %s", word)
			}
		}
	}},
	{"every path that is described is there, and a collection that is not described is locked", func(t *testing.T, c *clinic) {
		var doc struct{ Paths map[string]map[string]any }
		if err := json.Unmarshal([]byte(c.as(t, guest, "GET", "/api/openapi.json", nil).body), &doc); err != nil {
			t.Fatal(err)
		}
		for path, verbs := range doc.Paths {
			if _, reads := verbs["get"]; reads && !strings.Contains(path, "{") && !slices.Contains([]string{"/api/auth/logout", "/api/auth/setup", "/api/auth/invitation"}, path) {
				if a := c.as(t, admin, "GET", path, nil); a.status == 404 || a.status == 405 {
					t.Errorf("%s: %d", path, a.status)
				}
			}
		}
		open := []string{"users", "doctors", "nurses", "staff", "patients", "appointments", "medical_records", "invoices", "payments", "inventory", "inventory_movements", "conversations", "messages", "notices", "video_calls", "break_glass", "consents", "privacy_requests", "erasures", "retention_rules"}
		for _, name := range c.collections(t) {
			if a := c.as(t, admin, "GET", "/api/collections/"+name+"/records", nil); a.status == 200 && len(a.items()) > 0 && !slices.Contains(open, name) {
				t.Errorf("%s is open", name)
			}
		}
	}},
	{"health tells a guest no more than that there is something", func(t *testing.T, c *clinic) {
		a := c.must(t, 200, c.as(t, guest, "GET", "/api/health", nil))
		for _, word := range []string{"findings", "version", c.dir, "superuser", "smtp", "backup"} {
			if strings.Contains(strings.ToLower(a.body), strings.ToLower(word)) {
				t.Errorf("it tells of %s: %s", word, a.body)
			}
		}
		if got := a.header.Get("Server") + a.header.Get("X-Powered-By"); got != "" {
			t.Error(got)
		}
	}},
	{"a module that is switched off answers on no path", func(t *testing.T, c *clinic) {
		off := c.without(t, "messaging")
		for _, path := range []string{"/api/messages/unread", "/api/collections/messages/records", "/api/collections/conversations/records"} {
			if status, answer := off.Do(t, "GET", path, "", ""); status != 404 {
				t.Errorf("%s: %d %.200s", path, status, answer)
			}
		}
	}},
}
