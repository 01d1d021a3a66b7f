package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// batches switches PocketBase's batches on.
func batches(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	s.App.Settings().Batch.Enabled, s.App.Settings().Batch.MaxRequests = true, 10
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
}

// requests is the body of a batch: method, path below /api/collections, body.
func requests(list ...[3]any) any {
	var all []any
	for _, r := range list {
		all = append(all, map[string]any{"method": r[0], "url": "/api/collections/" + r[1].(string), "body": r[2]})
	}
	return map[string]any{"requests": all}
}

// marked fails unless every entry about the patient, and there is one, has just these marks.
func marked(t *testing.T, list []chain.Entry, action, patient string, marks ...string) {
	t.Helper()
	found := false
	for _, e := range list {
		if e.Action != action || len(e.Patients) != 1 || e.Patients[0] != patient {
			continue
		}
		found = true
		if strings.Join(e.Marks, " ") != strings.Join(marks, " ") {
			t.Errorf("%s %s of %s has the marks %v, want %v", action, e.Target, patient, e.Marks, marks)
		}
	}
	if !found {
		t.Errorf("no %s of %s among %+v", action, patient, list)
	}
}

// TestWritesThatShowAStrangerAreMarked changes nothing of a patient whom Omar does not care
// for: the answer is the whole record all the same.
func TestWritesThatShowAStrangerAreMarked(t *testing.T) {
	s := set.Start(t)
	batches(t, s)
	token := s.Token(t, as(authapi.Omar))
	for _, c := range []struct {
		method, url string
		body        func(patient string) any
	}{
		{"PUT", "/api/patients/", nil},
		{"PATCH", "/api/collections/patients/records/", nil},
		{"POST", "/api/batch", func(patient string) any {
			return requests([3]any{"PATCH", "patients/records/" + patient, map[string]any{}})
		}},
	} {
		ask := func(patient string) []chain.Entry {
			return since(t, s, func() {
				url, body := c.url+patient, any(map[string]any{})
				if c.body != nil {
					url, body = c.url, c.body(patient)
				}
				if r := s.Do(t, c.method, url, token, body); r.Status != 200 || !strings.Contains(r.Body, patient) {
					t.Fatalf("%s %s: %d %s", c.method, url, r.Status, r.Body)
				}
			})
		}
		marked(t, ask(patientsapi.Ada), "update", patientsapi.Ada, "outside-care")
		marked(t, ask(patientsapi.Bob), "update", patientsapi.Bob)
	}
	// Whoever takes a patient on was a stranger when the record was shown.
	doctor, err := s.App.FindFirstRecordByData("doctors", "userId", authapi.Omar.ID)
	if err != nil {
		t.Fatal(err)
	}
	got := since(t, s, func() {
		if r := s.Do(t, "PUT", "/api/patients/"+patientsapi.Ada, token, map[string]any{"assignedDoctorId": doctor.Id}); r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	})
	marked(t, got, "update", patientsapi.Ada, "outside-care")
	r := s.As(t, as(authapi.Alma), "GET", "/api/audit?mark=outside-care&action=update&patient="+patientsapi.Ada, nil)
	if len(r.Items(t)) != 4 {
		t.Errorf("a search by mark finds %s", r.Body)
	}
	if n := strings.Count(s.As(t, as(authapi.Alma), "GET", "/api/patients/"+patientsapi.Ada+"/access-log?perPage=200", nil).Body, `"outside-care"`); n != 4 {
		t.Errorf("the access log has %d of 4 marks", n)
	}
}

// TestMessagesOfStrangersAreMarked sends changes live to a doctor who cares for one of the
// patients, and has broken the glass of another.
func TestMessagesOfStrangersAreMarked(t *testing.T) {
	s := set.Start(t)
	st := s.Connect(t)
	if r := s.Subscribe(t, st, s.Token(t, as(authapi.Omar)), "patients/*"); r.Status != 204 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	token := s.Token(t, as(authapi.Nia))
	change := func(patient string) []chain.Entry {
		return since(t, s, func() {
			if r := s.Do(t, "PUT", "/api/patients/"+patient, token, map[string]any{"notes": "live " + time.Now().String()}); r.Status != 200 {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			if ev, open := st.Next(t); !open || !strings.Contains(ev.Data, "live") {
				t.Fatalf("%+v", ev)
			}
		})
	}
	marked(t, change(patientsapi.Ada), "read-live", patientsapi.Ada, "outside-care")
	marked(t, change(patientsapi.Bob), "read-live", patientsapi.Bob)
	if err := patientsapi.OpenUntil(s.App, authapi.Omar.ID, patientsapi.Ada, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	marked(t, change(patientsapi.Ada), "read-live", patientsapi.Ada, "break-glass", "outside-care")
	got := since(t, s, func() {
		s.As(t, as(authapi.Omar), "PUT", "/api/patients/"+patientsapi.Ada, map[string]any{})
		st.Next(t)
	})
	marked(t, got, "update", patientsapi.Ada, "break-glass", "outside-care")
	for _, e := range audit.Entries(t, s.App) {
		if e.Actor != omar && len(e.Marks) > 0 {
			t.Errorf("%+v", e)
		}
	}
}

// Whose appointment it was is told that it is gone, by its id: that shows nobody a patient.
func TestAnIDAloneIsNoRead(t *testing.T) {
	s := set.Start(t)
	st := s.Connect(t)
	if r := s.Subscribe(t, st, s.Token(t, as(authapi.Grace)), "appointments/*"); r.Status != 204 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	token := s.Token(t, as(authapi.Rosa))
	for _, e := range since(t, s, func() {
		r := s.Do(t, "PUT", "/api/appointments/"+appointmentsapi.CastTomorrow, token, map[string]any{"doctorId": staffapi.Omar})
		if ev, open := st.Next(t); !open || !strings.Contains(ev.Data, `"action":"delete"`) || r.Status != 200 {
			t.Fatalf("%+v %s", ev, r.Body)
		}
	}) {
		if e.Action == "read-live" && e.Actor == grace {
			t.Errorf("%+v", e)
		}
	}
}
