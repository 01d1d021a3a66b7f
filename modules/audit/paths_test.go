package audit_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
)

const (
	alma  = "users/useradmin000001"
	grace = "users/userdoctor00001"
	omar  = "users/userdoctor00002"
	ada   = "users/userpatient0001"
	bob   = "users/userpatient0002"
	carl  = "users/userstaff000003"
)

// path is one way to patients' data, and the entry that it must leave.
type path struct {
	name   string
	as     authapi.Account
	method string
	url    string
	body   any
	status int
	want   want
}

var paths = []path{
	{"a documented view", authapi.Omar, "GET", "/api/patients/" + patientsapi.Ada, nil, 200, want{actor: omar, action: "read", outcome: "ok", patient: patientsapi.Ada, item: "patients/" + patientsapi.Ada}},
	{"a documented list", authapi.Grace, "GET", "/api/patients", nil, 200, want{actor: grace, action: "read", patient: patientsapi.Bob, item: "patients/" + patientsapi.Ada}},
	{"an empty list", authapi.Grace, "GET", "/api/patients?q=nobodywhoexists", nil, 200, want{actor: grace, action: "read", target: "/patients/"}},
	{"the collection's view", authapi.Grace, "GET", "/api/collections/patients/records/" + patientsapi.Bob, nil, 200, want{actor: grace, action: "read", patient: patientsapi.Bob}},
	{"the collection's list, fields picked", authapi.Grace, "GET", "/api/collections/patients/records?fields=name", nil, 200, want{actor: grace, action: "read", item: "patients/" + patientsapi.Ada}},
	{"an expanded relation", authapi.Grace, "GET", "/api/appointments/" + appointmentsapi.CastTomorrow + "?expand=patientId", nil, 200, want{actor: grace, action: "read", item: "patients/" + patientsapi.Ada}},
	{"medical records of a patient", authapi.Grace, "GET", "/api/medical-records/" + patientsapi.Ada, nil, 200, want{actor: grace, action: "read", patient: patientsapi.Ada, item: "medical_records/" + recordsapi.Ada}},
	{"a record's history", authapi.Grace, "GET", "/api/medical-records/" + recordsapi.Ada + "/history", nil, 200, want{actor: grace, action: "read", patient: patientsapi.Ada}},
	{"an invoice's paper", authapi.Carl, "GET", "/api/billing/" + billingapi.CastUnpaid + "/pdf", nil, 200, want{actor: carl, action: "read", target: "pdf", patient: patientsapi.Ada, item: "invoices/" + billingapi.CastUnpaid}},
	{"payments, a step away from the patient", authapi.Carl, "GET", "/api/billing/" + billingapi.CastPaid + "/payments", nil, 200, want{actor: carl, action: "read", patient: patientsapi.Bob}},
	{"a report", authapi.Alma, "GET", "/api/reports/patient-summary?from=2026-01-01&to=2026-02-01", nil, 200, want{actor: alma, action: "read", target: "patient-summary"}},
	{"a report as a file", authapi.Alma, "GET", "/api/reports/patient-summary?from=2026-01-01&to=2026-02-01&format=csv", nil, 200, want{actor: alma, action: "read", target: "patient-summary"}},
	{"accounts", authapi.Alma, "GET", "/api/users", nil, 200, want{actor: alma, action: "read", item: ada, patient: patientsapi.Ada}},
	{"messages", authapi.Grace, "GET", "/api/messages/unread", nil, 200, want{actor: grace, action: "read", target: "messages"}},
	{"the inbox", authapi.Grace, "GET", "/api/messages/conversations", nil, 200, want{actor: grace, action: "read", target: "conversations", patient: patientsapi.Ada, item: ada}},
	{"the patient's own", authapi.Ada, "GET", "/api/patients/" + patientsapi.Ada, nil, 200, want{actor: ada, action: "read", patient: patientsapi.Ada}},

	{"a documented create", authapi.Dana, "POST", "/api/patients", map[string]any{"name": "Zoe Quill", "age": 30}, 201, want{actor: "users/userstaff000002", action: "create", outcome: "ok"}},
	{"a documented change", authapi.Grace, "PUT", "/api/patients/" + patientsapi.Ada, map[string]any{"notes": "seen"}, 200, want{actor: grace, action: "update", patient: patientsapi.Ada, item: "patients/" + patientsapi.Ada}},
	{"a change through the collection", authapi.Grace, "PATCH", "/api/collections/patients/records/" + patientsapi.Ada, map[string]any{"notes": "seen again"}, 200, want{actor: grace, action: "update", patient: patientsapi.Ada}},
	{"a payment", authapi.Carl, "POST", "/api/billing/" + billingapi.CastUnpaid + "/payments", map[string]any{"amount": 10, "method": "cash"}, 201, want{actor: carl, action: "create", patient: patientsapi.Ada}},
	{"its invoice", authapi.Carl, "POST", "/api/billing/" + billingapi.CastUnpaid + "/payments", map[string]any{"amount": 10, "method": "cash"}, 201, want{actor: carl, action: "update", item: "invoices/" + billingapi.CastUnpaid}},
	{"a stock take", authapi.Petra, "POST", "/api/inventory/itmparacetamol1/adjust", map[string]any{"delta": -1, "reason": "broken"}, 200, want{actor: "users/userstaff000004", action: "update", target: "adjust", item: "inventory/itmparacetamol1"}},
	{"a cancelled appointment", authapi.Grace, "DELETE", "/api/appointments/" + appointmentsapi.CastTomorrow, nil, 204, want{actor: grace, action: "delete", patient: patientsapi.Ada}},
	{"a message", authapi.Ada, "POST", "/api/messages", map[string]any{"receiverId": "userdoctor00001", "messageText": "hello"}, 201, want{actor: ada, action: "create", patient: patientsapi.Ada}},
	{"a patient taken off", authapi.Alma, "DELETE", "/api/patients/" + patientsapi.Bob, nil, 204, want{actor: alma, action: "delete", patient: patientsapi.Bob}},
	{"a role that is changed", authapi.Alma, "PUT", "/api/users/userstaff000002", map[string]any{"status": "disabled"}, 200, want{actor: alma, action: "update", item: "users/userstaff000002"}},
	{"the clinic's settings", authapi.Alma, "PUT", "/api/clinic", map[string]any{"name": "St Elsewhere"}, 200, want{actor: alma, action: "update"}},
	{"signing out", authapi.Omar, "POST", "/api/auth/logout", nil, 204, want{actor: omar, action: "sign-out", outcome: "ok", target: "/api/auth/logout"}},
	{"signing out by a link", authapi.Nia, "GET", "/api/auth/logout", nil, 204, want{action: "sign-out", target: "GET /api/auth/logout"}},
	{"signing out everywhere", authapi.Petra, "POST", "/api/auth/logout-all", nil, 204, want{actor: "users/userstaff000004", action: "sign-out", target: "logout-all"}},

	{"a guest", authapi.Account{}, "GET", "/api/patients", nil, 401, want{actor: "guest", outcome: "refused"}},
	{"somebody else's", authapi.Ada, "GET", "/api/patients/" + patientsapi.Bob, nil, 404, want{actor: ada, outcome: "refused", item: "patients/" + patientsapi.Bob, patient: patientsapi.Bob}},
	{"somebody else's, by the collection", authapi.Ada, "GET", "/api/collections/patients/records/" + patientsapi.Bob, nil, 404, want{actor: ada, outcome: "refused", patient: patientsapi.Bob}},
	{"a forbidden change", authapi.Ada, "PUT", "/api/patients/" + patientsapi.Ada, map[string]any{"name": "Queen"}, 403, want{actor: ada, outcome: "refused", patient: patientsapi.Ada}},
	{"a forbidden report", authapi.Ada, "GET", "/api/reports/patient-summary?from=2026-01-01&to=2026-02-01", nil, 403, want{actor: ada, outcome: "refused", target: "patient-summary"}},
	{"a filter that looks behind a relation", authapi.Nia, "GET", "/api/patients?filter=" + url.QueryEscape(`medical_records_via_patientId.diagnosis~"hiv"`), nil, 400, want{action: "read", outcome: "refused", target: "patients"}},
	{"the same through the collection", authapi.Ada, "GET", "/api/collections/patients/records?filter=" + url.QueryEscape(`medical_records_via_patientId.diagnosis~"hiv"`), nil, 400, want{actor: ada, outcome: "refused", target: "patients"}},
	{"a filter that breaks out", authapi.Ada, "GET", "/api/patients?filter=" + url.QueryEscape("id!='') || (id!=''"), nil, 400, want{actor: ada, outcome: "refused"}},
	{"a sort by what is hidden", authapi.Ada, "GET", "/api/patients?sort=sourceId", nil, 400, want{actor: ada, outcome: "refused"}},
	{"a field that only the server sets", authapi.Grace, "PUT", "/api/patients/" + patientsapi.Ada, map[string]any{"mrn": "1"}, 400, want{actor: grace, outcome: "refused", patient: patientsapi.Ada, item: "patients/" + patientsapi.Ada}},
	{"an erasure that the law forbids", authapi.Alma, "POST", "/api/patients/" + patientsapi.Ada + "/erase", map[string]any{"reason": "she asked for it", "scope": "everything"}, 409, want{actor: alma, outcome: "refused", target: "/erase", patient: patientsapi.Ada}},
	{"a glass that need not be broken", authapi.Grace, "POST", "/api/patients/" + patientsapi.Ada + "/break-glass", map[string]any{"reason": "found on the floor"}, 409, want{actor: grace, outcome: "refused", target: "/break-glass", patient: patientsapi.Ada}},
	{"restricting somebody who is gone", authapi.Alma, "POST", "/api/patients/" + patientsapi.Bob + "/restrict", map[string]any{"reason": "he objects to it"}, 404, want{actor: alma, outcome: "refused", patient: patientsapi.Bob}},
	{"an invoice that is not one's own", authapi.Bob, "GET", "/api/billing/" + billingapi.CastUnpaid + "/pdf", nil, 404, want{actor: bob, outcome: "refused", patient: patientsapi.Ada}},
}

// TestEveryPathLeavesItsEntry walks the table on one server: what one path leaves is not
// there for the next.
func TestEveryPathLeavesItsEntry(t *testing.T) {
	s := set.Start(t)
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) {
			token := ""
			if p.as.Email != "" {
				token = s.Token(t, as(p.as))
			}
			got := since(t, s, func() {
				if r := s.Do(t, p.method, p.url, token, p.body); r.Status != p.status {
					t.Fatalf("got %d, want %d: %s", r.Status, p.status, r.Body)
				}
			})
			p.want.among(t, got)
			if len(got) > 6 {
				t.Errorf("%d entries of one request: %+v", len(got), got)
			}
		})
	}
}

func TestAnAttemptOnARestrictedPatientIsRecorded(t *testing.T) {
	s := set.Start(t)
	url := "/api/patients/" + patientsapi.Ada
	if r := s.As(t, as(authapi.Alma), "POST", url+"/restrict", map[string]any{"reason": "she objects to it"}); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	got := since(t, s, func() {
		if r := s.As(t, as(authapi.Grace), "PUT", url, map[string]any{"notes": "seen"}); r.Status != 409 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	})
	want{actor: grace, outcome: "refused", patient: patientsapi.Ada}.among(t, got)
}

func TestAFormTypedWrongIsNoAttempt(t *testing.T) {
	s := set.Start(t)
	tomorrow, err := s.App.FindRecordById("appointments", appointmentsapi.CastTomorrow)
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]any{"patientId": patientsapi.Bob, "doctorId": tomorrow.GetString("doctorId"), "appointmentDate": tomorrow.GetString("appointmentDate"), "timeSlot": tomorrow.GetString("timeSlot")}
	for _, c := range []struct {
		method, url string
		body        any
		status      int
	}{
		{"POST", "/api/patients", map[string]any{"name": "", "age": 200}, 400},
		{"POST", "/api/appointments", taken, 409},
		{"PUT", "/api/patients/" + patientsapi.Ada, "{", 400},
		{"GET", "/api/patients?page=one", nil, 400},
	} {
		got := since(t, s, func() {
			if r := s.As(t, as(authapi.Dana), c.method, c.url, c.body); r.Status != c.status {
				t.Errorf("%s %s: %d %s", c.method, c.url, r.Status, r.Body)
			}
		})
		for _, e := range got {
			if e.Outcome != "ok" {
				t.Errorf("%s %s left %+v", c.method, c.url, e)
			}
		}
	}
}

func TestABatchLeavesAnEntryOfEachWrite(t *testing.T) {
	s := set.Start(t)
	s.App.Settings().Batch.Enabled, s.App.Settings().Batch.MaxRequests = true, 10
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
	token := s.Token(t, as(authapi.Grace))
	batch := func(second string) any {
		return map[string]any{"requests": []any{
			map[string]any{"method": "PATCH", "url": "/api/collections/patients/records/" + patientsapi.Ada, "body": map[string]any{"notes": "one"}, "headers": map[string]string{"X-Audit-Request": "forged", "X-Forwarded-For": "6.6.6.6"}},
			map[string]any{"method": "PATCH", "url": "/api/collections/" + second, "body": map[string]any{"notes": "two"}},
		}}
	}
	got := since(t, s, func() {
		if r := s.Do(t, "POST", "/api/batch", token, batch("patients/records/"+patientsapi.Bob+"?expand=userId")); r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	})
	want{actor: grace, action: "update", patient: patientsapi.Ada, target: "batch"}.among(t, got)
	want{actor: grace, action: "update", patient: patientsapi.Bob}.among(t, got)
	got = since(t, s, func() {
		if r := s.Do(t, "POST", "/api/batch", token, batch("patients/records/nobody000000001")); r.Status == 200 {
			t.Fatal(r.Body)
		}
	})
	for _, e := range got {
		if e.Action == "update" {
			t.Errorf("a batch that was undone left %+v", e)
		}
	}
	got = since(t, s, func() {
		body := map[string]any{"requests": []any{map[string]any{"method": "PATCH", "url": "/api/collections/patients/records/" + patientsapi.Ada, "body": map[string]any{"mrn": "1"}}}}
		if r := s.Do(t, "POST", "/api/batch", token, body); r.Status != 400 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	})
	want{actor: grace, action: "do", outcome: "refused", target: "batch"}.among(t, got)
}

func TestAFileLeavesAnEntryOfWhoseTokenItWas(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, as(authapi.Grace))
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("attachments+", "scan.txt")
	_, _ = part.Write([]byte("all fine"))
	form.Close()
	r := s.Do(t, "PUT", "/api/medical-records/"+recordsapi.Ada, token, body.String(), "Content-Type: "+form.FormDataContentType())
	names, _ := r.JSON(t)["attachments"].([]any)
	if len(names) != 1 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	fileToken := s.Do(t, "POST", "/api/files/token", token, nil).JSON(t)["token"].(string)
	url := "/api/files/medical_records/" + recordsapi.Ada + "/" + names[0].(string)
	got := since(t, s, func() {
		if r := s.Do(t, "GET", url+"?token="+fileToken, "", nil); r.Status != 200 || r.Body != "all fine" {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	})
	want{actor: grace, action: "read-file", outcome: "ok", patient: patientsapi.Ada, item: "medical_records/" + recordsapi.Ada}.among(t, got)
	got = since(t, s, func() {
		if r := s.Do(t, "GET", url, "", nil); r.Status != 404 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	})
	want{actor: "guest", outcome: "refused", target: "/api/files/"}.among(t, got)
	for _, e := range got {
		if raw, _ := json.Marshal(e); bytes.Contains(raw, []byte(fileToken)) {
			t.Error("a token is in the trail")
		}
	}
}

func TestALiveMessageLeavesAnEntry(t *testing.T) {
	s := set.Start(t)
	st := s.Connect(t)
	got := since(t, s, func() {
		if r := s.Subscribe(t, st, s.Token(t, as(authapi.Grace)), "patients/*"); r.Status != 204 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	})
	want{actor: grace, action: "subscribe", item: "patients/*"}.among(t, got)
	token := s.Token(t, as(authapi.Nia))
	got = since(t, s, func() {
		if r := s.Do(t, "PUT", "/api/patients/"+patientsapi.Ada, token, map[string]any{"notes": "live"}); r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		if ev, open := st.Next(t); !open || !strings.Contains(ev.Data, "live") {
			t.Fatalf("%+v", ev)
		}
	})
	want{actor: grace, action: "read-live", patient: patientsapi.Ada, item: "patients/" + patientsapi.Ada}.among(t, got)
}

func TestSignInsLeaveEntries(t *testing.T) {
	s := set.Start(t)
	login := "/api/auth/login"
	auth := "/api/collections/users/auth-with-password"
	for _, c := range []struct {
		url  string
		body any
		want want
	}{
		{login, map[string]any{"email": authapi.Grace.Email, "password": authapi.Grace.Password}, want{actor: grace, action: "sign-in", outcome: "ok"}},
		{auth, map[string]any{"identity": authapi.Grace.Email, "password": authapi.Grace.Password}, want{actor: grace, action: "sign-in", outcome: "ok"}},
		{login, map[string]any{"email": authapi.Grace.Email, "password": "wrong-one-1"}, want{actor: "guest", action: "sign-in", outcome: "refused", item: grace}},
		{auth, map[string]any{"identity": authapi.Grace.Email, "password": "wrong-one-1"}, want{actor: "guest", action: "sign-in", outcome: "refused", item: grace}},
		{login, map[string]any{"email": "nobody@polyclinic.test", "password": "wrong-one-1"}, want{actor: "guest", action: "sign-in", outcome: "refused"}},
	} {
		got := since(t, s, func() { s.Do(t, "POST", c.url, "", c.body) })
		c.want.among(t, got)
		for _, e := range got {
			if raw, _ := json.Marshal(e); bytes.Contains(raw, []byte("wrong-one")) || bytes.Contains(raw, []byte("@")) {
				t.Errorf("the entry says too much: %s", raw)
			}
		}
	}
	token := s.SignIn(t, as(authapi.Omar))
	got := since(t, s, func() { s.Do(t, "POST", "/api/collections/users/auth-refresh", token, nil) })
	want{actor: omar, action: "refresh", outcome: "ok"}.among(t, got)

	// By its session an entry is tied to the sign-in that began it.
	var sessions []string
	got = since(t, s, func() {
		token := s.SignIn(t, as(authapi.Omar))
		s.Do(t, "GET", "/api/patients/"+patientsapi.Bob, token, nil)
	})
	for _, e := range got {
		if e.Action == "sign-in" || e.Action == "read" {
			sessions = append(sessions, e.Session)
		}
	}
	if len(sessions) != 2 || sessions[0] == "" || sessions[0] != sessions[1] {
		t.Errorf("the sessions of a sign-in and of a read are %q", sessions)
	}
}

func TestASuperuserCannotActUnseen(t *testing.T) {
	s := set.Start(t)
	root := superuser(t, s)
	actor := "_superusers/" + root.id
	for _, c := range []struct {
		method, url string
		body        any
		want        want
	}{
		{"GET", "/api/collections/patients/records", nil, want{actor: actor, action: "read", patient: patientsapi.Ada}},
		{"GET", "/api/collections/patients/records?filter=" + url.QueryEscape("name='nobody'"), nil, want{actor: actor, action: "read", target: "patients"}},
		{"GET", "/api/reports/patient-summary", nil, want{actor: actor, action: "read", target: "patient-summary"}},
		{"PATCH", "/api/collections/patients/records/" + patientsapi.Ada, map[string]any{"notes": "by root"}, want{actor: actor, action: "update", patient: patientsapi.Ada}},
		{"PATCH", "/api/settings", map[string]any{"meta": map[string]any{"appName": "New"}}, want{actor: actor, action: "update-settings"}},
		{"GET", "/api/settings", nil, want{actor: actor, action: "read", target: "settings"}},
		{"POST", "/api/collections", map[string]any{"name": "x_ward", "type": "base", "listRule": ""}, want{actor: actor, action: "create-collection", item: "_collections/x_ward"}},
		{"PATCH", "/api/collections/x_ward", map[string]any{"viewRule": ""}, want{actor: actor, action: "update-collection", item: "_collections/x_ward"}},
		{"DELETE", "/api/collections/x_ward", nil, want{actor: actor, action: "delete-collection", item: "_collections/x_ward"}},
		{"POST", "/api/sql", map[string]any{"query": "select 1"}, want{actor: actor, outcome: "refused"}},
		{"DELETE", "/api/collections/patients", nil, want{actor: actor, outcome: "refused", target: "/api/collections/"}},
	} {
		got := since(t, s, func() { s.Do(t, c.method, c.url, root.token, c.body) })
		c.want.among(t, got)
		for _, e := range got {
			if e.Actor == actor && e.Session != root.session {
				t.Errorf("%s by session %q, want %q", e.Action, e.Session, root.session)
			}
		}
	}
	for _, e := range audit.Entries(t, s.App) {
		if e.Actor == actor && e.Role != "superuser" {
			t.Errorf("%+v", e)
		}
	}
}

type superuserAccount struct{ id, token, session string }

func superuser(t *testing.T, s *kerneltest.Server) superuserAccount {
	t.Helper()
	c, err := s.App.FindCollectionByNameOrId("_superusers")
	if err != nil {
		t.Fatal(err)
	}
	r := newRecord(c)
	r.SetEmail("root@polyclinic.test")
	r.SetPassword("a-long-enough-one-1")
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	in := s.Do(t, "POST", "/api/collections/_superusers/auth-with-password", "", map[string]any{"identity": r.Email(), "password": "a-long-enough-one-1"})
	token, _ := in.JSON(t)["token"].(string)
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatalf("%d %s: %v", in.Status, in.Body, err)
	}
	session, _ := claims["sid"].(string)
	return superuserAccount{r.Id, token, session}
}

// The trail puts a header of its own into the requests of a batch, beside what is theirs.
func TestABatchsRequestsKeepTheirIfMatch(t *testing.T) {
	s := set.Start(t)
	batches(t, s)
	for version, status := range map[string]int{"2020-01-01 00:00:00.000Z": 409, "*": 200} {
		got := since(t, s, func() {
			r := s.As(t, as(authapi.Nia), "POST", "/api/batch", map[string]any{"requests": []any{map[string]any{
				"method": "PATCH", "url": "/api/collections/patients/records/" + patientsapi.Ada, "body": map[string]any{"notes": "x"},
				"headers": map[string]string{"If-Match": version, "x-audit-request": "another's"},
			}}})
			if r.Status != status {
				t.Errorf("%s: got %d, want %d: %s", version, r.Status, status, r.Body)
			}
		})
		if status == 200 {
			want{patient: patientsapi.Ada, outcome: "ok"}.among(t, got)
		}
	}
}
