package abuse

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
)

var functions = []attack{
	{"the SQL console answers to nobody", func(t *testing.T, c *clinic) {
		for _, who := range []caller{guest, ada, admin, root} {
			for _, path := range []string{"/api/sql", "/api/sql/", "/API/SQL", "/api//sql", "/api/./sql", "/api/%73ql"} {
				a := c.as(t, who, "POST", path, `{"query":"SELECT * FROM users"}`)
				if a.status < 300 || strings.Contains(a.body, "tokenKey") {
					t.Errorf("%s %s: %d %.200s", who, path, a.status, a.body)
				}
			}
		}
	}},
	{"nobody becomes somebody else, superusers included", func(t *testing.T, c *clinic) {
		for _, who := range []caller{ada, admin, root} {
			for _, path := range []string{"/api/collections/users/impersonate/" + adaAccount, "/api/collections/_superusers/impersonate/x", "/api/collections/_pb_users_auth_/impersonate/" + adaAccount, "/api/collections/users/Impersonate/" + adaAccount} {
				if a := c.as(t, who, "POST", path, `{"duration":100000000}`); a.status < 300 || strings.Contains(a.body, "token") {
					t.Errorf("%s %s: %d %.200s", who, path, a.status, a.body)
				}
			}
		}
	}},
	{"nothing is restored or uploaded over living data", func(t *testing.T, c *clinic) {
		for _, who := range []caller{ada, admin, root} {
			held(t, c.as(t, who, "POST", "/api/backups/any.zip/restore", nil), 403, 404)
			held(t, c.as(t, who, "POST", "/api/backups/upload", nil), 403, 404)
		}
	}},
	{"not even a superuser changes access rules, drops, empties or imports collections", func(t *testing.T, c *clinic) {
		held(t, c.as(t, root, "PATCH", "/api/collections/patients", `{"listRule":"","viewRule":"","updateRule":""}`), 403)
		held(t, c.as(t, root, "DELETE", "/api/collections/patients", nil), 400, 403)
		held(t, c.as(t, root, "DELETE", "/api/collections/patients/truncate", nil), 403)
		held(t, c.as(t, root, "PUT", "/api/collections/import", `{"deleteMissing":true,"collections":[]}`), 400, 403)
		all := c.must(t, 200, c.as(t, root, "GET", "/api/collections/patients", nil)).object(t)
		all["listRule"] = ""
		held(t, c.as(t, root, "PUT", "/api/collections/import", map[string]any{"collections": []any{all}}), 400, 403)
		if a := c.as(t, guest, "GET", "/api/collections/patients/records", nil); len(a.items()) > 0 {
			t.Error("guests read patients")
		}
	}},
	{"the dashboard's own routes are not the admins' of the clinic, nor anybody's below", func(t *testing.T, c *clinic) {
		for _, who := range []caller{guest, ada, grace, admin} {
			for _, p := range []string{"GET /api/settings", "PATCH /api/settings", "POST /api/settings/test/s3", "POST /api/settings/test/email", "GET /api/logs", "GET /api/logs/stats", "GET /api/collections", "POST /api/collections", "PATCH /api/collections/users", "GET /api/backups", "POST /api/backups", "GET /api/backups/x.zip", "GET /api/crons", "POST /api/crons/x", "GET /api/collections/_superusers/records", "POST /api/collections/_superusers/records", "GET /api/collections/meta/scaffolds"} {
				method, path, _ := strings.Cut(p, " ")
				held(t, c.as(t, who, method, path, body(method, `{}`)), 400, 401, 403, 404)
			}
		}
	}},
	{"what is the admins' is refused to every other role", func(t *testing.T, c *clinic) {
		for _, p := range []string{"PUT /api/clinic", "GET /api/users", "PUT /api/users/" + bobAccount, "POST /api/auth/invite", "POST /api/users/" + adaAccount + "/invitation", "DELETE /api/users/" + adaAccount + "/second-factor", "GET /api/audit", "GET /api/patients/deleted", "POST /api/patients/" + adaPatient + "/restore", "DELETE /api/patients/" + adaPatient, "POST /api/patients/" + adaPatient + "/erase", "POST /api/patients/" + adaPatient + "/restrict", "GET /api/break-glass", "GET /api/erasures", "PUT /api/retention-rules/retention000001", "GET /api/privacy/retention", "GET /api/reports/patient-summary", "POST /api/doctors", "DELETE /api/doctors/" + graceID, "POST /api/notices", "GET /api/analytics/status"} {
			method, path, _ := strings.Cut(p, " ")
			for _, who := range []caller{ada, grace, nurse, desk, cashier, pharmacy} {
				held(t, c.as(t, who, method, path, body(method, `{}`)), 403, 404)
			}
			held(t, c.as(t, guest, method, path, body(method, `{}`)), 401)
		}
	}},
	{"a duty is no other duty", func(t *testing.T, c *clinic) {
		held(t, c.as(t, desk, "POST", "/api/billing/"+bobInvoice+"/refunds", `{"amount":1}`), 403)
		held(t, c.as(t, cashier, "POST", "/api/inventory", `{"itemName":"Test","quantity":1}`), 403)
		held(t, c.as(t, pharmacy, "POST", "/api/billing", `{"patientId":"`+adaPatient+`","amount":1}`), 403)
		held(t, c.as(t, desk, "GET", "/api/reports/revenue-summary", nil), 403)
		held(t, c.as(t, nurse, "POST", "/api/medical-records", `{"patientId":"`+adaPatient+`","diagnosis":"x"}`), 403)
	}},
	{"the method of a request is the one that it has", func(t *testing.T, c *clinic) {
		for _, h := range []string{"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE"} {
			c.as(t, ada, "POST", "/api/patients/"+adaPatient+"?_method=DELETE", `{}`, h)
			c.must(t, 200, c.as(t, ada, "GET", "/api/patients/"+adaPatient, nil, h))
		}
		held(t, c.as(t, guest, "TRACE", "/api/patients", nil), 401, 404, 405)
	}},
	{"no other way of writing an address leads past its guard", func(t *testing.T, c *clinic) {
		for _, path := range []string{"/api/patients/", "/api//patients", "/api/./patients", "/api/x/../patients", "/API/patients", "/api/patients/%2e%2e/users", "/api/patients;x=1", "/api/%70atients", "/api/patients%2F" + bobPatient, "/api/patients/" + bobPatient + "%00", "/api/collections/patients/records/..%2f" + bobPatient, "//api/patients", "/api/patients/" + bobPatient + "/", "/api/users/", "/api/%75sers"} {
			for _, who := range []caller{guest, ada} {
				a := c.as(t, who, "GET", path, nil)
				if strings.Contains(a.body, bobPatient) || strings.Contains(a.body, bobAccount) {
					t.Errorf("%s %s: %d %.200s", who, path, a.status, a.body)
				}
			}
		}
	}},
	{"a route to the trail or a list of sessions is nobody's through the collection API", func(t *testing.T, c *clinic) {
		for _, name := range []string{"sessions", "superuser_sessions", "authenticators", "recovery_codes", "invitations", "known_addresses", "outbox", "idempotency_keys", "medical_record_versions", "care", "patient_numbers", "invoice_counters", "clinic", "_superusers", "_mfas", "_otps", "_authOrigins", "_externalAuths"} {
			for _, who := range []caller{guest, ada, grace, admin} {
				if a := c.as(t, who, "GET", "/api/collections/"+name+"/records", nil); len(a.items()) > 0 {
					t.Errorf("%s reads %s", who, name)
				}
				held(t, c.as(t, who, "POST", "/api/collections/"+name+"/records", `{}`), 400, 401, 403, 404)
			}
		}
	}},
	{"a route of the clinic's own scripts is guarded as every other", func(t *testing.T, c *clinic) {
		held(t, c.as(t, guest, "GET", "/api/ward", nil), 401)
		held(t, c.as(t, ada, "GET", "/api/ward?filter="+strings.Repeat("a", 9000), nil), 400)
		a := c.must(t, 200, c.as(t, ada, "GET", "/api/ward", nil))
		if a.text(t, "who") != adaAccount || a.header.Get("X-Content-Type-Options") == "" || !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
			t.Errorf("%v %s", a.header, a.body)
		}
	}},
	{"nobody looks unseen through a route of the clinic's own scripts", func(t *testing.T, c *clinic) {
		for _, try := range []struct {
			who      caller
			path     string
			patients []string // who must be named
		}{
			{nurse, "/api/ward/one/" + adaPatient, []string{adaPatient}}, {nurse, "/api/ward/raw", nil}, {guest, "/api/ward/raw", nil},
			{nurse, "/ward/page", nil}, {guest, "/ward/page", nil},
			{nurse, "/ward/enriched", []string{adaPatient, bobPatient}}, {nurse, "/ward/said", []string{adaPatient, bobPatient}},
		} {
			a := c.must(t, 200, c.as(t, try.who, "GET", try.path, nil))
			list := c.must(t, 200, c.as(t, admin, "GET", "/api/audit?action=read&perPage=10", nil)).items()
			i := slices.IndexFunc(list, func(e map[string]any) bool { return e["request"] == a.header.Get("X-Request-Id") })
			if i < 0 {
				t.Errorf("%s at %s left no entry", try.who, try.path)
				continue
			}
			for _, id := range try.patients {
				if !slices.Contains(list[i]["patients"].([]any), any(id)) {
					t.Errorf("%s at %s: the entry does not name %s: %v", try.who, try.path, id, list[i])
				}
			}
		}
	}},
	{"the first admin is made once", func(t *testing.T, c *clinic) {
		held(t, c.as(t, guest, "POST", "/api/auth/setup", `{"token":"x","name":"Test Setup","email":"setup@abuse.test","password":"a long enough one"}`), 400, 403, 404, 409, 410)
	}},
	{"the last admin cannot be made anything less, on any path", func(t *testing.T, c *clinic) {
		for _, row := range c.as(t, admin, "GET", "/api/users?perPage=200&filter="+url.QueryEscape("role='admin'"), nil).items() {
			if id := row["id"].(string); id != "useradmin000001" {
				c.must(t, 200, c.as(t, admin, "PUT", "/api/users/"+id, `{"role":"patient"}`))
			}
		}
		for _, change := range []string{`{"role":"patient"}`, `{"status":"disabled"}`, `{"status":"pending"}`} {
			held(t, c.as(t, admin, "PUT", "/api/users/useradmin000001", change), 400, 403, 409)
			held(t, c.as(t, root, "PATCH", "/api/collections/users/records/useradmin000001", change), 400, 403, 409)
		}
	}},
	{"a superuser cannot write past the rules of the data", func(t *testing.T, c *clinic) {
		held(t, c.as(t, root, "PATCH", "/api/collections/patients/records/"+adaPatient, `{"mrn":"1"}`), 400)
		held(t, c.as(t, root, "PATCH", "/api/collections/invoices/records/"+bobInvoice, `{"amount":1}`), 400, 409)
		held(t, c.as(t, root, "DELETE", "/api/collections/payments/records/paybob000000001", nil), 400, 403, 409)
	}},
	{"what the API's own description lists asks for a sign-in, but for what is public", func(t *testing.T, c *clinic) {
		var doc struct{ Paths map[string]map[string]any }
		if err := json.Unmarshal([]byte(c.must(t, 200, c.as(t, guest, "GET", "/api/openapi.json", nil)).body), &doc); err != nil || len(doc.Paths) < 60 {
			t.Fatal(err, len(doc.Paths))
		}
		public := []string{"/api/clinic", "/api/openapi.json", "/api/auth/login", "/api/auth/register", "/api/auth/setup", "/api/auth/invitation"}
		for path, verbs := range doc.Paths {
			for verb := range verbs {
				if method := strings.ToUpper(verb); !slices.Contains(public, path) || method == "PUT" {
					held(t, c.as(t, guest, method, fill(path), body(method, `{}`)), 401)
				}
			}
		}
	}},
}

// fill puts an id in the place of each {name} of a path.
func fill(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "000000000000000"
		}
	}
	return strings.Join(parts, "/")
}
