package abuse

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

var properties = []attack{
	{"nobody registers as admin, active doctor, verified or with a duty", func(t *testing.T, c *clinic) {
		for i, extra := range []string{`"role":"admin"`, `"role":"ADMIN"`, `"role":["patient","admin"]`, `"role":"doctor","status":"active"`, `"verified":true,"status":"active","role":"doctor"`, `"duty":["cashier"],"role":"staff"`, `"tokenKey":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`, `"id":"useradmin000001"`} {
			email := fmt.Sprintf("mass%d@abuse.test", i)
			a := c.as(t, guest, "POST", "/api/auth/register", `{"name":"Test Mass","email":"`+email+`","password":"a long enough one",`+extra+`}`)
			if a.status != 201 {
				held(t, a, 400, 403)
				continue
			}
			record, _ := a.object(t)["record"].(map[string]any)
			row := c.must(t, 200, c.as(t, root, "GET", "/api/collections/users/records/"+record["id"].(string), nil)).object(t)
			rights := row["role"] == "admin" || row["role"] != "patient" && row["status"] == "active" || len(row["duty"].([]any)) > 0 || row["verified"] == true
			if rights || record["id"] == "useradmin000001" {
				t.Errorf("%s: %v", extra, row)
			}
		}
		held(t, c.as(t, guest, "POST", "/api/collections/users/records", `{"name":"Test Mass","email":"m@abuse.test","password":"a long enough one","passwordConfirm":"a long enough one","role":"patient"}`), 400, 403)
	}},
	{"nobody gives themselves a role, a state, a duty, another's e-mail or a token", func(t *testing.T, c *clinic) {
		paths := []string{"PATCH /api/collections/users/records/" + adaAccount, "POST /api/batch", "PUT /api/users/" + adaAccount}
		for field, value := range map[string]any{"role": "admin", "status": "pending", "duty": []string{"cashier"}, "duty+": "cashier", "verified": true, "tokenKey": strings.Repeat("k", 50), "email": "admin@gmail.com", "password": "a long enough one", "id": "useradmin000001"} {
			for _, p := range paths {
				method, path, _ := strings.Cut(p, " ")
				var b any = map[string]any{field: value}
				if path == "/api/batch" {
					b = batch("PATCH", strings.TrimPrefix(paths[0], "PATCH "), b)
				}
				c.as(t, ada, method, path, b)
			}
			body, header := form(t, [3]string{"@jsonPayload", "", fmt.Sprintf(`{%q:%q}`, field, value)})
			c.as(t, ada, "PATCH", strings.TrimPrefix(paths[0], "PATCH "), body, header)
		}
		row := c.as(t, root, "GET", "/api/collections/users/records/"+adaAccount, nil).object(t)
		if row["role"] != "patient" || row["status"] != "active" || len(row["duty"].([]any)) > 0 || row["email"] != string(ada) {
			t.Errorf("%v", row)
		}
		c.must(t, 200, c.as(t, ada, "GET", "/api/auth/me", nil))
	}},
	{"a patient changes in their entry nothing but contact details", func(t *testing.T, c *clinic) {
		for field, value := range map[string]any{"mrn": "1", "userId": bobAccount, "assignedDoctorId": omarID, "deletedAt": "2026-01-01 00:00:00Z", "sourceId": "x", "searchText": "x", "restrictedAt": "", "bloodGroup": "0-", "allergies": "none", "notes": "well", "created": "2001-01-01 00:00:00Z"} {
			for _, p := range []string{"PUT /api/patients/", "PATCH /api/collections/patients/records/"} {
				method, path, _ := strings.Cut(p, " ")
				before := c.as(t, root, "GET", "/api/collections/patients/records/"+adaPatient, nil).object(t)[field]
				c.as(t, ada, method, path+adaPatient, map[string]any{field: value})
				c.as(t, ada, method, path+adaPatient, map[string]any{field + ":autogenerate": value})
				if now := c.as(t, root, "GET", "/api/collections/patients/records/"+adaPatient, nil).object(t)[field]; fmt.Sprint(now) != fmt.Sprint(before) {
					t.Errorf("%s %s: was %v, is %v", p, field, before, now)
				}
			}
		}
	}},
	{"a booking brings no state, end or author of its own", func(t *testing.T, c *clinic) {
		for field, value := range map[string]any{"status": "completed", "completedAt": "2026-01-01 00:00:00Z", "startMinute": 1, "sourceId": "x"} {
			b := booking(adaPatient, omarID, "09:00-09:30")
			b[field] = value
			held(t, c.as(t, ada, "POST", "/api/appointments", b), 400)
			held(t, c.as(t, desk, "POST", "/api/collections/appointments/records", b), 400)
		}
	}},
	{"an invoice brings no number, payment or balance of its own", func(t *testing.T, c *clinic) {
		for field, value := range map[string]any{"invoiceNumber": "INV-1", "paid": 90, "balance": 1, "status": "void", "amountMinor": 1, "issuedAt": "2001-01-01 00:00:00Z", "createdById": adaAccount} {
			held(t, c.as(t, cashier, "POST", "/api/billing", map[string]any{"patientId": adaPatient, "amount": 100, field: value}), 400)
			held(t, c.as(t, cashier, "PUT", "/api/billing/"+bobInvoice, map[string]any{field: value}), 400, 409)
		}
	}},
	{"a create with the id of another row replaces nothing", func(t *testing.T, c *clinic) {
		held(t, c.as(t, desk, "POST", "/api/patients", map[string]any{"id": adaPatient, "name": "Test Twin", "age": 3}), 400, 409)
		held(t, c.as(t, desk, "POST", "/api/collections/patients/records", map[string]any{"id": adaPatient, "name": "Test Twin", "age": 3}), 400, 409)
		// A batch's upsert is an update where the row is there: it asks what an update asks.
		c.as(t, ada, "POST", "/api/batch", batch("PUT", "/api/collections/patients/records", map[string]any{"id": bobPatient, "name": "Test Twin"}))
		if row := c.as(t, root, "GET", "/api/collections/patients/records/"+bobPatient, nil); row.text(t, "name") == "Test Twin" {
			t.Error("a patient was replaced")
		}
	}},
	{"hidden fields are in no answer, however they are asked for", func(t *testing.T, c *clinic) {
		hidden := []string{`"tokenKey"`, `"password"`, `"searchText"`, `"sourceId"`, `"registeredOn"`, `"amountMinor"`, `"changeMark"`}
		for _, who := range []caller{admin, grace, desk, pharmacy, ada} {
			for _, name := range c.collections(t) {
				for _, query := range []string{"?perPage=3", "?perPage=3&fields=*,tokenKey,password,searchText,sourceId,deletedAt,expand.*.searchText", "?perPage=3&expand=patientId,doctorId,userId,authorId"} {
					a := c.as(t, who, "GET", "/api/collections/"+name+"/records"+query, nil)
					for _, h := range hidden {
						if strings.Contains(a.body, h+":") {
							t.Errorf("%s %s%s: %s", who, name, query, h)
						}
					}
				}
			}
		}
	}},
	{"no hidden field and no field of another row can be filtered or sorted by", func(t *testing.T, c *clinic) {
		for _, who := range []caller{ada, desk, grace, admin} {
			for _, q := range oracles {
				for _, path := range []string{"/api/patients", "/api/collections/patients/records", "/api/collections/users/records"} {
					held(t, c.as(t, who, "GET", path+"?"+q, nil), 400, 403)
				}
			}
		}
	}},
	{"nor through a subscription, a batch, twice the parameter or other encodings", func(t *testing.T, c *clinic) {
		st := c.connect(t)
		for _, q := range oracles {
			query, err := url.ParseQuery(q)
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range query {
				options := url.QueryEscape(fmt.Sprintf(`{"query":{%q:%q}}`, name, v[0]))
				held(t, c.subscribe(t, st, c.token(t, desk), "patients/*?options="+options), 400, 403)
			}
			held(t, c.as(t, desk, "POST", "/api/batch", batch("PATCH", "/api/collections/patients/records/"+adaPatient+"?"+q, map[string]any{})), 400)
		}
		held(t, c.as(t, desk, "GET", "/api/patients?filter=name!=''&filter="+url.QueryEscape("searchText~'a'"), nil), 400)
		held(t, c.as(t, desk, "GET", "/api/patients?%66ilter="+url.QueryEscape("searchText~'a'"), nil), 400)
	}},
	{"no filter breaks out of the brackets that are put around it", func(t *testing.T, c *clinic) {
		for _, f := range []string{"name!='') || (searchText~'a'", "name!='' // ) || (searchText~'a'", "name!=''\n//", "((name!='')", "name!='')", "(", "name = 'a\\' || searchText~'a'", "name=\"a' || searchText~'b\"\""} {
			a := c.as(t, ada, "GET", "/api/patients?filter="+url.QueryEscape(f), nil)
			if a.status == 200 && strings.Contains(a.body, bobPatient) || a.status != 200 && a.status != 400 {
				t.Errorf("%q: %d %.200s", f, a.status, a.body)
			}
		}
	}},
	{"plain text search takes no wildcard, quote or operator", func(t *testing.T, c *clinic) {
		for _, q := range []string{"%", "%%%", "_", "' || id != '", "\\' || 1=1 --", "\" OR 1=1", "*", "a' )) UNION SELECT 1 --"} {
			if a := c.as(t, ada, "GET", "/api/patients?q="+url.QueryEscape(q), nil); a.status != 200 || strings.Contains(a.body, bobPatient) {
				t.Errorf("%q as a patient: %d %.200s", q, a.status, a.body)
			}
			if a := c.as(t, desk, "GET", "/api/patients?q="+url.QueryEscape(q), nil); a.status != 200 || len(a.items()) > 0 && strings.Trim(q, "%_*") == "" {
				t.Errorf("%q: %d, %d found", q, a.status, len(a.items()))
			}
		}
	}},
	{"staff read no diagnosis, on any path that leads to one", func(t *testing.T, c *clinic) {
		record := c.first(t, "medical_records", c.canary)
		for _, who := range []caller{desk, cashier, pharmacy} {
			for _, path := range []string{"/api/medical-records/" + c.canary, "/api/collections/medical_records/records", "/api/collections/medical_records/records/" + record, "/api/medical-records/" + record + "/history", "/api/collections/medical_record_versions/records", "/api/patients/" + c.canary + "/export", "/api/appointments?expand=medical_records_via_appointmentId", "/api/patients/" + c.canary} {
				if a := c.as(t, who, "GET", path, nil); strings.Contains(a.body, canaryReason) {
					t.Errorf("%s reads a diagnosis at %s", who, path)
				}
			}
			st := c.connect(t)
			c.subscribe(t, st, c.token(t, who), "medical_records/*")
			c.must(t, 200, c.as(t, grace, "PUT", "/api/medical-records/"+record, `{"treatment":"rest"}`))
			if strings.Contains(quiet(st), canaryReason) {
				t.Errorf("%s is sent a diagnosis", who)
			}
			st.close()
		}
	}},
	{"numbers, dates and lists of the wrong kind are refused, not read as nought", func(t *testing.T, c *clinic) {
		for _, q := range []string{`"abc"`, `"12.5kg"`, `[1]`, `1e308`, `9007199254740993`, `true`, `{"a":1}`, `-1`, `null`} {
			a := c.as(t, pharmacy, "POST", "/api/inventory", `{"itemName":"Test","quantity":`+q+`}`)
			if q == "null" && a.status == 201 {
				continue // nothing said
			}
			held(t, a, 400)
		}
		for _, m := range []string{`"80"`, `80.001`, `1e30`, `-5`, `[]`} {
			held(t, c.as(t, cashier, "POST", "/api/billing", `{"patientId":"`+adaPatient+`","amount":`+m+`}`), 400)
		}
		for _, d := range []string{`"2026-02-30"`, `"tomorrow"`, `20261101`, `"0000-00-00"`, `{"$gt":""}`} {
			b := fmt.Sprintf(`{"patientId":%q,"doctorId":%q,"timeSlot":"09:00-09:30","appointmentDate":%s}`, adaPatient, omarID, d)
			held(t, c.as(t, desk, "POST", "/api/appointments", b), 400)
		}
	}},
	{"counting up and down from what was read is not on offer", func(t *testing.T, c *clinic) {
		item := c.as(t, pharmacy, "GET", "/api/inventory", nil).items()[0]["id"].(string)
		for _, f := range []string{"quantity-", "quantity+", "+quantity"} {
			held(t, c.as(t, pharmacy, "PATCH", "/api/collections/inventory/records/"+item, map[string]any{f: 1}), 400)
		}
	}},
}

// oracles are queries whose answer, were there one, would tell of what cannot be read.
var oracles = []string{
	"filter=" + url.QueryEscape("searchText ~ 'a'"), "filter=" + url.QueryEscape("sourceId != ''"), "filter=" + url.QueryEscape("deletedAt != ''"),
	"filter=" + url.QueryEscape("tokenKey ~ 'a'"), "filter=" + url.QueryEscape("password != ''"), "filter=" + url.QueryEscape("medical_records_via_patientId.diagnosis ~ 'a'"),
	"filter=" + url.QueryEscape("userId.email ~ 'a'"), "filter=" + url.QueryEscape("assignedDoctorId.userId.tokenKey ~ 'a'"), "filter=" + url.QueryEscape("@collection.medical_records.diagnosis ~ 'a'"),
	"filter=" + url.QueryEscape("@request.auth.id != ''"), "filter=" + url.QueryEscape("'a' = medical_records_via_patientId.diagnosis:each"), "filter=" + url.QueryEscape("geoDistance(1,2,3,4) > tokenKey"),
	"filter=" + url.QueryEscape("strftime('%Y', tokenKey) != ''"), "filter=" + url.QueryEscape("id:isset = true"),
	"sort=searchText", "sort=-tokenKey", "sort=userId.email", "sort=medical_records_via_patientId.diagnosis", "sort=" + url.QueryEscape("+password"),
	"expand=medical_records_via_patientId", "expand=userId.sessions_via_userId",
}
