package abuse

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// shared are the collections of which everybody who is signed in sees rows of others.
var shared = []string{"doctors", "nurses", "staff", "notices"}

var objects = []attack{
	{"a patient views no row of any collection that is not theirs", func(t *testing.T, c *clinic) {
		c.others(t, "GET")
	}},
	{"a patient changes no row of any collection that is not theirs", func(t *testing.T, c *clinic) {
		c.others(t, "PATCH")
	}},
	{"a patient deletes no row of any collection that is not theirs", func(t *testing.T, c *clinic) {
		c.others(t, "DELETE")
	}},
	{"lists show a patient nothing of another patient, on either path", func(t *testing.T, c *clinic) {
		for _, name := range c.collections(t) {
			path := "/api/collections/" + name + "/records?perPage=200"
			a := c.as(t, ada, "GET", path, nil)
			if strings.Contains(a.body, bobPatient) || strings.Contains(a.body, bobAccount) || strings.Contains(a.body, c.canary) {
				t.Errorf("%s tells of others", name)
			}
		}
		for _, path := range []string{"/api/patients", "/api/appointments", "/api/billing", "/api/messages/conversations", "/api/messages/unread", "/api/consents", "/api/privacy-requests"} {
			if a := c.as(t, ada, "GET", path+"?perPage=200", nil); a.status != 200 || strings.Contains(a.body, bobPatient) || strings.Contains(a.body, bobAccount) {
				t.Errorf("%s: %d %.200s", path, a.status, a.body)
			}
		}
	}},
	{"what another has and what nobody has are answered alike", func(t *testing.T, c *clinic) {
		for _, path := range []string{"/api/patients/", "/api/collections/patients/records/", "/api/medical-records/", "/api/billing/", "/api/collections/invoices/records/"} {
			theirs, nobody := bobPatient, "patnobody000000"
			if strings.Contains(path, "billing") || strings.Contains(path, "invoices") {
				theirs = bobInvoice
			}
			a, b := c.as(t, ada, "GET", path+theirs, nil), c.as(t, ada, "GET", path+nobody, nil)
			if a.status != 404 || a.status != b.status || a.body != b.body {
				t.Errorf("%s: %d %s and %d %s", path, a.status, a.body, b.status, b.body)
			}
		}
	}},
	{"a patient has no paper, export, access log or history of another", func(t *testing.T, c *clinic) {
		for _, path := range []string{"/api/billing/" + bobInvoice + "/pdf", "/api/billing/" + bobInvoice + "/payments", "/api/patients/" + bobPatient + "/export", "/api/patients/" + bobPatient + "/access-log", "/api/medical-records/" + c.first(t, "medical_records", bobPatient) + "/history"} {
			held(t, c.as(t, ada, "GET", path, nil), 403, 404)
		}
	}},
	{"a patient cancels no appointment of another", func(t *testing.T, c *clinic) {
		held(t, c.as(t, ada, "DELETE", "/api/appointments/"+c.first(t, "appointments", bobPatient), nil), 404)
	}},
	{"a patient books nothing in another's name", func(t *testing.T, c *clinic) {
		body := booking(bobPatient, omarID, "09:00-09:30")
		held(t, c.as(t, ada, "POST", "/api/appointments", body), 403)
		held(t, c.as(t, ada, "POST", "/api/collections/appointments/records", body), 400, 403)
		held(t, c.as(t, ada, "POST", "/api/batch", batch("POST", "/api/collections/appointments/records", body)), 400, 403)
	}},
	{"a file of another patient's record is not had, with or without a token of one's own", func(t *testing.T, c *clinic) {
		_, file := c.record(t, bobPatient)
		held(t, c.as(t, guest, "GET", file, nil), 404)
		for _, who := range []caller{ada, desk, cashier} {
			own := c.must(t, 200, c.as(t, who, "POST", "/api/files/token", nil)).text(t, "token")
			held(t, c.as(t, who, "GET", file+"?token="+own, nil), 404)
		}
		own := c.must(t, 200, c.as(t, bob, "POST", "/api/files/token", nil)).text(t, "token")
		c.must(t, 200, c.as(t, guest, "GET", file+"?token="+own, nil))
	}},
	{"a conversation is read and marked by its two people only", func(t *testing.T, c *clinic) {
		var theirs string
		for _, row := range c.as(t, root, "GET", "/api/collections/conversations/records?perPage=200", nil).items() {
			if row["firstId"] != adaAccount && row["secondId"] != adaAccount {
				theirs = row["id"].(string)
			}
		}
		for _, who := range []caller{ada, admin} {
			held(t, c.as(t, who, "GET", "/api/messages/conversation/"+theirs, nil), 404)
			held(t, c.as(t, who, "POST", "/api/messages/conversation/"+theirs+"/read", nil), 404)
		}
	}},
	{"nobody writes in another's name", func(t *testing.T, c *clinic) {
		body := map[string]any{"senderId": bobAccount, "receiverId": "userdoctor00001", "messageText": "It was me."}
		held(t, c.as(t, ada, "POST", "/api/messages", body), 403)
		held(t, c.as(t, ada, "POST", "/api/collections/messages/records", body), 400, 403)
	}},
	{"a session is ended by its owner or an admin only", func(t *testing.T, c *clinic) {
		session := c.must(t, 200, c.as(t, bob, "GET", "/api/auth/sessions", nil)).items()[0]["id"].(string)
		held(t, c.as(t, ada, "DELETE", "/api/auth/sessions/"+session, nil), 404)
		held(t, c.as(t, ada, "DELETE", "/api/users/"+bobAccount+"/sessions", nil), 403)
		held(t, c.as(t, ada, "GET", "/api/users/"+bobAccount+"/sessions", nil), 403)
		c.must(t, 200, c.as(t, bob, "GET", "/api/auth/me", nil))
	}},
	{"another's idempotency key yields another's answer to nobody", func(t *testing.T, c *clinic) {
		body, key := `{"kind":"access","patientId":"`+bobPatient+`","text":"all of it, please"}`, "Idempotency-Key: abuse-1"
		first := c.must(t, 201, c.as(t, bob, "POST", "/api/privacy-requests", body, key))
		for _, who := range []caller{ada, guest} {
			if a := c.as(t, who, "POST", "/api/privacy-requests", body, key); a.status == 201 || a.body == first.body || a.header.Get("Idempotency-Replayed") != "" {
				t.Errorf("%s got %d %s", who, a.status, a.body)
			}
		}
	}},
	{"a live message about another patient reaches no patient", func(t *testing.T, c *clinic) {
		st := c.connect(t)
		held(t, c.subscribe(t, st, c.token(t, ada), "patients/*", "patients/"+bobPatient, "patients/"+adaPatient), 204)
		c.must(t, 200, c.as(t, desk, "PUT", "/api/patients/"+bobPatient, `{"contact":"+1 555 0911"}`))
		c.must(t, 200, c.as(t, desk, "PUT", "/api/patients/"+adaPatient, `{"contact":"+1 555 0912"}`))
		if ev := st.next(t); strings.Contains(ev, bobPatient) || !strings.Contains(ev, adaPatient) {
			t.Errorf("got %s", ev)
		}
	}},
	{"expanding a relation shows no row that cannot be viewed", func(t *testing.T, c *clinic) {
		for _, path := range []string{"/api/appointments?expand=patientId.userId,doctorId.userId", "/api/collections/invoices/records?expand=createdById,appointmentId.patientId", "/api/patients?expand=assignedDoctorId.userId"} {
			if a := c.as(t, ada, "GET", path, nil); a.status != 200 || strings.Contains(a.body, `"role":"doctor"`) || strings.Contains(a.body, `"role":"staff"`) {
				t.Errorf("%s: %d %.300s", path, a.status, a.body)
			}
		}
		if a := c.as(t, desk, "GET", "/api/appointments?expand=patientId,patientId.medical_records_via_patientId", nil); a.status != 400 {
			t.Errorf("back-relation: %d", a.status)
		}
	}},
	{"a doctor sees and changes no other doctor's calendar, invoices or records", func(t *testing.T, c *clinic) {
		for _, row := range c.as(t, root, "GET", "/api/collections/appointments/records?perPage=50&filter="+url.QueryEscape("doctorId='"+graceID+"'"), nil).items() {
			held(t, c.as(t, omar, "GET", "/api/appointments/"+row["id"].(string), nil), 404)
			held(t, c.as(t, omar, "PUT", "/api/appointments/"+row["id"].(string), `{"reason":"mine now"}`), 404)
		}
		for _, row := range c.as(t, root, "GET", "/api/collections/medical_records/records?perPage=20&filter="+url.QueryEscape("authorId='userdoctor00001'"), nil).items() {
			held(t, c.as(t, omar, "PUT", "/api/medical-records/"+row["id"].(string), `{"diagnosis":"mine now"}`), 403, 404)
		}
	}},
	{"no video token is given for a call of others", func(t *testing.T, c *clinic) {
		body := map[string]any{"channelName": c.first(t, "appointments", bobPatient), "uid": adaAccount, "role": "publisher"}
		held(t, c.as(t, ada, "POST", "/api/video/generate-token", body), 403, 404, 503)
		body["uid"] = bobAccount
		held(t, c.as(t, ada, "POST", "/api/video/generate-token", body), 403, 404, 503)
	}},
}

// others sends method for rows of every collection that are not Ada's.
func (c *clinic) others(t *testing.T, method string) {
	t.Helper()
	tried := 0
	for _, name := range c.collections(t) {
		if slices.Contains(shared, name) && method == "GET" {
			continue
		}
		rows := c.as(t, root, "GET", "/api/collections/"+name+"/records?perPage=12", nil)
		for _, row := range rows.items() {
			if told := fmt.Sprint(row); strings.Contains(told, adaAccount) || strings.Contains(told, adaPatient) {
				continue
			}
			if invoice, is := row["invoiceId"]; is && strings.HasPrefix(invoice.(string), "invada") {
				continue
			}
			tried++
			a := c.as(t, ada, method, "/api/collections/"+name+"/records/"+row["id"].(string), body(method, `{}`))
			if a.status != 403 && a.status != 404 {
				t.Errorf("%s %s %v: %d %.200s", method, name, row["id"], a.status, a.body)
			}
		}
	}
	if tried < 60 {
		t.Errorf("only %d rows tried", tried)
	}
}

func body(method, text string) any {
	if method == "GET" || method == "DELETE" {
		return nil
	}
	return text
}

// collections are all that there are, PocketBase's own among them.
func (c *clinic) collections(t *testing.T) (names []string) {
	t.Helper()
	for _, row := range c.must(t, 200, c.as(t, root, "GET", "/api/collections?perPage=200", nil)).items() {
		names = append(names, row["name"].(string))
	}
	if len(names) < 30 {
		t.Fatal(names)
	}
	return names
}

// first returns the id of a row of the patient.
func (c *clinic) first(t *testing.T, collection, patient string) string {
	t.Helper()
	rows := c.as(t, root, "GET", "/api/collections/"+collection+"/records?perPage=1&filter="+url.QueryEscape("patientId='"+patient+"'"), nil).items()
	if len(rows) == 0 {
		t.Fatalf("the demo has no %s of %s", collection, patient)
	}
	return rows[0]["id"].(string)
}

func batch(method, path string, body any) map[string]any {
	return map[string]any{"requests": []any{map[string]any{"method": method, "url": path, "body": body}}}
}

func booking(patient, doctor, slot string) map[string]any {
	return map[string]any{"patientId": patient, "doctorId": doctor, "timeSlot": slot, "appointmentDate": time.Now().AddDate(0, 0, 40).Format(time.DateOnly)}
}

// record has Dr Okafor write a record with a file, and returns its id and the file's path.
func (c *clinic) record(t *testing.T, patient string) (id, file string) {
	t.Helper()
	id = c.must(t, 201, c.as(t, grace, "POST", "/api/medical-records", map[string]any{"patientId": patient, "diagnosis": "a cold"})).id(t)
	a := c.must(t, 200, c.upload(t, grace, "PATCH", "/api/collections/medical_records/records/"+id, "attachments+", "note.txt", "for the patient alone"))
	names, _ := a.object(t)["attachments"].([]any)
	if len(names) != 1 {
		t.Fatal(a.body)
	}
	return id, "/api/files/medical_records/" + id + "/" + names[0].(string)
}
