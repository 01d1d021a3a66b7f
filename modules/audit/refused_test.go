package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// refusal fails unless there is one entry of a refusal, about just these patients and items.
func refusal(t *testing.T, list []chain.Entry, status int, patients, items []string) {
	t.Helper()
	n := 0
	for _, e := range list {
		if e.Outcome != "refused" {
			continue
		}
		n++
		if e.Status != status || !slices.Equal(e.Patients, patients) || !slices.Equal(e.Items, items) {
			t.Errorf("got %d, patients %v, items %v; want %d, %v, %v", e.Status, e.Patients, e.Items, status, patients, items)
		}
	}
	if n != 1 {
		t.Errorf("%d refusals among %+v", n, list)
	}
}

// TestARefusedBatchLeavesWhatTheRequestsInItWould takes attempts by themselves and in batches,
// behind a request that goes well.
func TestARefusedBatchLeavesWhatTheRequestsInItWould(t *testing.T) {
	s := set.Start(t)
	batches(t, s)
	own := [3]any{"PATCH", "patients/records/" + patientsapi.Ada, map[string]any{}}
	day := time.Now().AddDate(0, 0, 22).Format(time.DateOnly)
	booking := map[string]any{"patientId": patientsapi.Bob, "doctorId": staffapi.Grace, "appointmentDate": day, "timeSlot": "14:00-14:30"}
	for _, c := range []struct {
		name            string
		as              authapi.Account
		request         [3]any
		status          int
		patients, items []string
	}{
		{"a change of somebody else's", authapi.Ada, [3]any{"PATCH", "patients/records/" + patientsapi.Bob, map[string]any{"name": "x"}}, 404, []string{patientsapi.Bob}, []string{"patients/" + patientsapi.Bob}},
		{"somebody else's appointment", authapi.Bob, [3]any{"DELETE", "appointments/records/" + appointmentsapi.CastTomorrow, map[string]any{}}, 404, []string{patientsapi.Ada}, []string{"appointments/" + appointmentsapi.CastTomorrow}},
		{"one that is not there", authapi.Ada, [3]any{"PATCH", "patients/records/nobody000000001", map[string]any{"name": "x"}}, 404, nil, nil},
		{"a record that a nurse writes", authapi.Nia, [3]any{"POST", "medical_records/records", map[string]any{"patientId": patientsapi.Ada, "diagnosis": "x"}}, 400, []string{patientsapi.Ada}, nil},
		{"a booking for somebody else", authapi.Ada, [3]any{"POST", "appointments/records", booking}, 400, []string{patientsapi.Bob}, nil},
		{"a record of nobody", authapi.Nia, [3]any{"POST", "medical_records/records", map[string]any{"patientId": "Ada Novak, flu", "diagnosis": "x"}}, 400, nil, nil},
	} {
		token := s.Token(t, as(c.as))
		t.Run(c.name, func(t *testing.T) {
			got := since(t, s, func() {
				if r := s.Do(t, c.request[0].(string), "/api/collections/"+c.request[1].(string), token, c.request[2]); r.Status != c.status {
					t.Fatalf("%d %s", r.Status, r.Body)
				}
			})
			refusal(t, got, c.status, c.patients, c.items)
			for _, all := range []any{requests(c.request), requests(own, c.request)} {
				if c.as.ID != authapi.Ada.ID && len(all.(map[string]any)["requests"].([]any)) > 1 {
					continue // the first is not theirs to make
				}
				got = since(t, s, func() {
					if r := s.Do(t, "POST", "/api/batch", token, all); r.Status != 400 {
						t.Fatalf("%d %s", r.Status, r.Body)
					}
				})
				refusal(t, got, 400, c.patients, c.items)
			}
		})
	}
}

// TestWhomARestrictionGuardedIsNamed tries what is not in the path of the patient.
func TestWhomARestrictionGuardedIsNamed(t *testing.T) {
	s := set.Start(t)
	batches(t, s)
	if r := s.As(t, as(authapi.Alma), "POST", "/api/patients/"+patientsapi.Ada+"/restrict", map[string]any{"reason": "she objects to it"}); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	day := time.Now().AddDate(0, 0, 22).Format(time.DateOnly)
	booking := map[string]any{"patientId": patientsapi.Ada, "doctorId": staffapi.Grace, "appointmentDate": day, "timeSlot": "14:00-14:30"}
	record := map[string]any{"patientId": patientsapi.Ada, "diagnosis": "x"}
	for _, c := range []struct {
		as    authapi.Account
		url   string
		body  any
		items []string
	}{
		{authapi.Dana, "/api/appointments", booking, nil},
		{authapi.Grace, "/api/medical-records", record, nil},
		{authapi.Dana, "/api/batch", requests([3]any{"POST", "appointments/records", booking}), nil},
		{authapi.Grace, "/api/batch", requests([3]any{"PATCH", "patients/records/" + patientsapi.Ada, map[string]any{"notes": "x"}}), []string{"patients/" + patientsapi.Ada}},
		{authapi.Dana, "/api/appointments/" + appointmentsapi.CastTomorrow + "/check-in", nil, []string{"appointments/" + appointmentsapi.CastTomorrow}},
	} {
		token := s.Token(t, as(c.as))
		got := since(t, s, func() {
			if r := s.Do(t, "POST", c.url, token, c.body); r.Status != 409 {
				t.Errorf("%s: %d %s", c.url, r.Status, r.Body)
			}
		})
		refusal(t, got, 409, []string{patientsapi.Ada}, c.items)
	}
}

// TestWhoseAccountIsGuessedAtIsNamed goes on until sign-ins wait.
func TestWhoseAccountIsGuessedAtIsNamed(t *testing.T) {
	for _, c := range []struct{ url, field string }{{"/api/auth/login", "email"}, {"/api/collections/users/auth-with-password", "identity"}} {
		s := set.Start(t)
		body := map[string]any{c.field: authapi.Ada.Email, "password": "wrong-one-1"}
		var last kerneltest.Response
		for n := 0; last.Status != 429; n++ {
			if n > 20 {
				t.Fatalf("%s: %d %s", c.url, last.Status, last.Body)
			}
			got := since(t, s, func() { last = s.Do(t, "POST", c.url, "", body) })
			refusal(t, got, last.Status, []string{patientsapi.Ada}, []string{ada})
			want{actor: "guest", action: "sign-in"}.among(t, got)
		}
	}
}

// TestGuessesAtThePasswordOfASessionAreRecorded tries the paths that ask whoever is signed in
// for the password again, and the one that a mailed link leads to.
func TestGuessesAtThePasswordOfASessionAreRecorded(t *testing.T) {
	s := set.Start(t)
	batches(t, s)
	account, err := s.App.FindAuthRecordByEmail("users", authapi.Ada.Email)
	if err != nil {
		t.Fatal(err)
	}
	link, err := account.NewEmailChangeToken("thief@polyclinic.test")
	if err != nil {
		t.Fatal(err)
	}
	token := s.Token(t, as(authapi.Ada))
	change := map[string]any{"oldPassword": "wrong-one-1", "password": "kettle-4711-bridge", "passwordConfirm": "kettle-4711-bridge"}
	for _, c := range []struct {
		method, url, token string
		body               any
	}{
		{"POST", "/api/auth/password", token, change},
		{"PATCH", "/api/collections/users/records/" + authapi.Ada.ID, token, change},
		{"POST", "/api/batch", token, requests([3]any{"PATCH", "users/records/" + authapi.Ada.ID, change})},
		{"POST", "/api/collections/users/confirm-email-change", "", map[string]any{"token": link, "password": "wrong-one-1"}},
	} {
		got := since(t, s, func() {
			if r := s.Do(t, c.method, c.url, c.token, c.body); r.Status != 400 {
				t.Errorf("%s: %d %s", c.url, r.Status, r.Body)
			}
		})
		refusal(t, got, 400, []string{patientsapi.Ada}, []string{ada})
	}
}

// TestARefusalNamesWhomThePathNames tries what names a patient or a record elsewhere than in
// the part of a path that is an {id}.
func TestARefusalNamesWhomThePathNames(t *testing.T) {
	s := set.Start(t)
	token := s.As(t, as(authapi.Rosa), "POST", "/api/files/token", nil).JSON(t)["token"].(string)
	for _, c := range []struct {
		as            authapi.Account
		method, url   string
		body          any
		status        int
		items         []string
		actor, target string
	}{
		{authapi.Rosa, "GET", "/api/medical-records/" + patientsapi.Ada, nil, 403, []string{"patients/" + patientsapi.Ada}, "users/" + authapi.Rosa.ID, "GET /api/collections/medical_records/records"},
		{authapi.Bob, "GET", "/api/medical-records/" + patientsapi.Ada, nil, 404, []string{"patients/" + patientsapi.Ada}, "users/" + authapi.Bob.ID, "GET /api/collections/medical_records/records"},
		{authapi.Rosa, "POST", "/api/medical-records", map[string]any{"patientId": patientsapi.Ada, "diagnosis": "x"}, 403, nil, "users/" + authapi.Rosa.ID, "POST /api/collections/medical_records/records"},
		{authapi.Account{}, "GET", "/api/files/medical_records/" + recordsapi.Ada + "/ada.png?token=" + token, nil, 404, []string{"medical_records/" + recordsapi.Ada}, "users/" + authapi.Rosa.ID, "GET /api/files/medical_records/{recordId}/{filename}"},
	} {
		bearer := ""
		if c.as.Email != "" {
			bearer = s.Token(t, as(c.as))
		}
		got := since(t, s, func() {
			if r := s.Do(t, c.method, c.url, bearer, c.body); r.Status != c.status {
				t.Errorf("%s: %d %s", c.url, r.Status, r.Body)
			}
		})
		refusal(t, got, c.status, []string{patientsapi.Ada}, c.items)
		if e := got[len(got)-1]; e.Actor != c.actor || e.Target != c.target {
			t.Errorf("%s: %s at %s", c.url, e.Actor, e.Target)
		}
	}
}

// TestNothingThatWasTypedAsACollectionIsKept asks for what is none: an entry cannot be erased.
func TestNothingThatWasTypedAsACollectionIsKept(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, as(authapi.Rosa))
	for _, url := range []string{"/api/collections/Ada%20Novak/records", "/api/collections/Ada%20Novak/records/x", "/api/files/Ada%20Novak/x/y", "/api/collections/PATIENTS/records/x"} {
		got := since(t, s, func() { s.Do(t, "GET", url, token, nil) })
		if len(got) != 1 || strings.Contains(got[0].Target, "Novak") || strings.Contains(got[0].Target, "PATIENTS") {
			t.Errorf("%s: %+v", url, got)
		}
	}
}

func TestWhoTriesAClosedToolIsRecorded(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, as(authapi.Rosa))
	for _, url := range []string{"/api/sql", "/api/backups/upload", "/api/backups/x.zip/restore", "/api/collections/users/impersonate/" + authapi.Alma.ID} {
		for _, bearer := range []string{token, ""} {
			got := since(t, s, func() { s.Do(t, "POST", url, bearer, map[string]any{"query": "SELECT 1"}) })
			if len(got) != 1 || got[0].Outcome != "refused" {
				t.Errorf("%s: %+v", url, got)
			}
		}
	}
}
