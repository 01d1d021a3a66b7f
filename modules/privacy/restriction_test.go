package privacy_test

import (
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
	"github.com/polyclinic-os/polyclinic/modules/video"
)

func TestARestrictedPatientIsReadButNotChanged(t *testing.T) {
	day := time.Now().AddDate(0, 0, 22).Format(time.DateOnly)
	book := `{"patientId":"` + patientsapi.Ada + `","doctorId":"` + staffapi.Grace + `","appointmentDate":"` + day + `","timeSlot":"14:00-14:30"}`
	why := `{"reason":"Contests what is written"}`
	at := "/api/patients/" + patientsapi.Ada
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a doctor does not restrict", As: grace, Path: at + "/restrict", Body: why, Want: 403},
		{Name: "an admin does", As: alma, Path: at + "/restrict", Body: why, Want: 200, Not: []string{`"restrictedAt":""`}},
		{Name: "once", As: alma, Path: at + "/restrict", Body: why, Want: 409},
		{Name: "shown", As: grace, Method: "GET", Path: at, Want: 200, Has: []string{`"restrictedAt"`}},
		{Name: "not changed", As: grace, Method: "PUT", Path: at, Body: `{"notes":"x"}`, Want: 409, Has: []string{"restricted"}},
		{Name: "nor in the collection", As: grace, Method: "PATCH", Path: "/api/collections/patients/records/" + patientsapi.Ada, Body: `{"notes":"x"}`, Want: 409},
		{Name: "nor in a batch", As: grace, Path: "/api/batch", Body: `{"requests":[{"method":"PATCH","url":"/api/collections/patients/records/` + patientsapi.Ada + `","body":{"notes":"x"}}]}`, Want: 409},
		{Name: "not booked", As: dana, Path: "/api/appointments", Body: book, Want: 409},
		{Name: "no record", As: grace, Path: "/api/medical-records", Body: `{"patientId":"` + patientsapi.Ada + `","diagnosis":"x"}`, Want: 409},
		{Name: "no invoice", As: carl, Path: "/api/billing", Body: `{"patientId":"` + patientsapi.Ada + `","amount":5}`, Want: 409},
		{Name: "the patient herself may", As: ada, Path: "/api/appointments", Body: book, Want: 201},
		{Name: "and an admin", As: alma, Method: "PUT", Path: at, Body: `{"notes":"corrected"}`, Want: 200},
		{Name: "no client sets it", As: alma, Method: "PUT", Path: at, Body: `{"restrictedAt":""}`, Want: 400},
		{Name: "ended", As: alma, Path: at + "/unrestrict", Body: why, Want: 200, Has: []string{`"restrictedAt":""`}},
		{Name: "changed again", As: grace, Method: "PUT", Path: at, Body: `{"notes":"x"}`, Want: 200},
	})
}

// restricted begins a server on which Ada's data are restricted, after before ran on it.
func restricted(t *testing.T, before func(s *kerneltest.Server)) *kerneltest.Server {
	t.Helper()
	s := set.Start(t)
	before(s)
	if r := s.As(t, alma, "POST", "/api/patients/"+patientsapi.Ada+"/restrict", `{"reason":"Contests what is written"}`); r.Status != 200 {
		t.Fatalf("not restricted: %d %s", r.Status, r.Body)
	}
	return s
}

func nothing(*kerneltest.Server) {}

func TestARestrictedPatientsAppointmentsStayAsTheyAre(t *testing.T) {
	at, in := "/api/appointments/"+appointmentsapi.CastTomorrow, "/api/collections/appointments/records/"+appointmentsapi.CastTomorrow
	day := time.Now().AddDate(0, 0, 23).Format(time.DateOnly)
	move := `{"appointmentDate":"` + day + `","timeSlot":"15:00-15:30"}`
	no := []string{"restricted"}
	s := restricted(t, nothing)
	s.On(t, []kerneltest.Scenario{
		{Name: "not checked in", As: dana, Path: at + "/check-in", Want: 409, Has: no},
		{Name: "not begun", As: grace, Path: at + "/start", Want: 409, Has: no},
		{Name: "not over", As: grace, Path: at + "/complete", Want: 409, Has: no},
		{Name: "not missed", As: nia, Path: at + "/no-show", Want: 409, Has: no},
		{Name: "not moved", As: dana, Method: "PUT", Path: at, Body: move, Want: 409, Has: no},
		{Name: "nor in the collection", As: dana, Method: "PATCH", Path: in, Body: move, Want: 409, Has: no},
		{Name: "nor in a batch", As: dana, Path: "/api/batch", Body: `{"requests":[{"method":"PATCH","url":"` + in + `","body":` + move + `}]}`, Want: 409, Has: no},
		{Name: "not cancelled by the desk", As: dana, Method: "DELETE", Path: at, Want: 409, Has: no},
		{Name: "nor in the collection", As: grace, Method: "DELETE", Path: in, Want: 409, Has: no},
		{Name: "read", As: grace, Method: "GET", Path: at, Want: 200, Has: []string{`"status":"scheduled"`}},
		{Name: "an admin moves it", As: alma, Method: "PUT", Path: at, Body: move, Want: 200},
		{Name: "the patient herself cancels it", As: ada, Method: "DELETE", Path: at, Want: 204},
	})
}

func TestARestrictedPatientsRecordsStayAsTheyAre(t *testing.T) {
	at, in := "/api/medical-records/"+recordsapi.Ada, "/api/collections/medical_records/records/"+recordsapi.Ada
	no := []string{"restricted"}
	s := restricted(t, nothing)
	s.On(t, []kerneltest.Scenario{
		{Name: "not by their author", As: grace, Method: "PUT", Path: at, Body: `{"notes":"x"}`, Want: 409, Has: no},
		{Name: "nor as it was, which would be a version", As: grace, Method: "PUT", Path: at, Body: `{}`, Want: 409, Has: no},
		{Name: "nor in the collection", As: grace, Method: "PATCH", Path: in, Body: `{"notes":"x"}`, Want: 409, Has: no},
		{Name: "nor in a batch", As: grace, Path: "/api/batch", Body: `{"requests":[{"method":"PATCH","url":"` + in + `","body":{"notes":"x"}}]}`, Want: 409, Has: no},
		{Name: "not entered in error", As: grace, Method: "DELETE", Path: at, Want: 409, Has: no},
		{Name: "nor in the collection", As: grace, Method: "DELETE", Path: in, Want: 409, Has: no},
		{Name: "an admin corrects them", As: alma, Method: "PUT", Path: at, Body: `{"notes":"corrected"}`, Want: 200},
		{Name: "and takes them back", As: alma, Method: "DELETE", Path: at, Want: 204},
	})
}

func TestARestrictedPatientsInvoicesArePaidButNotChanged(t *testing.T) {
	at, in := "/api/billing/"+billingapi.CastUnpaid, "/api/collections/invoices/records/"+billingapi.CastUnpaid
	draft := ""
	s := restricted(t, func(s *kerneltest.Server) {
		r := s.As(t, carl, "POST", "/api/billing", `{"patientId":"`+patientsapi.Ada+`","amount":5,"draft":true}`)
		if r.Status != 201 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		draft = "/api/billing/" + r.JSON(t)["id"].(string)
	})
	no := []string{"restricted"}
	s.On(t, []kerneltest.Scenario{
		{Name: "not changed", As: carl, Method: "PUT", Path: at, Body: `{"details":"x"}`, Want: 409, Has: no},
		{Name: "nor in the collection", As: carl, Method: "PATCH", Path: in, Body: `{"details":"x"}`, Want: 409, Has: no},
		{Name: "not void", As: carl, Path: at + "/void", Body: `{"reason":"x"}`, Want: 409, Has: no},
		{Name: "not issued", As: carl, Path: draft + "/issue", Want: 409, Has: no},
		{Name: "paid", As: carl, Path: at + "/payments", Body: `{"amount":30,"method":"cash"}`, Want: 201, Has: []string{`"balance":50`}},
		{Name: "and given back", As: carl, Path: at + "/refunds", Body: `{"amount":10}`, Want: 201, Has: []string{`"refunded":10`}},
		{Name: "an admin corrects it", As: alma, Method: "PUT", Path: at, Body: `{"details":"corrected"}`, Want: 200},
	})
}

func TestARestrictedPatientIsNotCalledButACallEnds(t *testing.T) {
	s := restricted(t, func(s *kerneltest.Server) {
		appointment, err := s.App.FindRecordById("appointments", appointmentsapi.CastTomorrow)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := video.Start(s.App, appointment, authapi.Ada.ID); err != nil {
			t.Fatal(err)
		}
	})
	appointment, err := s.App.FindRecordById("appointments", appointmentsapi.CastTomorrow)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := video.Start(s.App, appointment, authapi.Grace.ID); err == nil {
		t.Error("the doctor joined")
	}
	call, err := s.App.FindFirstRecordByData("video_calls", "appointmentId", appointmentsapi.CastTomorrow)
	if err != nil {
		t.Fatal(err)
	}
	kernel.SetActor(call, authapi.Grace.ID)
	if err := video.End(s.App, call); err != nil {
		t.Errorf("a call that rings cannot be ended: %v", err)
	}
	if _, err := video.Start(s.App, appointment, authapi.Grace.ID); err == nil {
		t.Error("the doctor called")
	}
	if _, err := video.Start(s.App, appointment, authapi.Ada.ID); err != nil {
		t.Errorf("the patient herself may call: %v", err)
	}
}

// A token is what a call is held with, whether or not somebody started one.
func TestARestrictedPatientsDoctorHasNoTokenForACall(t *testing.T) {
	t.Setenv("AGORA_APP_ID", "0123456789abcdef0123456789abcdef")
	t.Setenv("AGORA_APP_CERTIFICATE", "fedcba9876543210fedcba9876543210")
	s := restricted(t, nothing)
	token := func(account string) string {
		return `{"channelName":"` + appointmentsapi.CastTomorrow + `","uid":"` + account + `","role":"subscriber"}`
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "not the doctor", As: grace, Path: "/api/video/generate-token", Body: token(authapi.Grace.ID), Want: 409, Has: []string{"restricted"}, Not: []string{`"token"`}},
		{Name: "the patient", As: ada, Path: "/api/video/generate-token", Body: token(authapi.Ada.ID), Want: 200},
		{Name: "an admin", As: alma, Path: "/api/video/generate-token", Body: token(authapi.Alma.ID), Want: 200},
	})
}

// What the patient says, and asks, is hers while the clinic's use is limited.
func TestARestrictedPatientsOwnWordIsTaken(t *testing.T) {
	of := `{"patientId":"` + patientsapi.Ada + `",`
	restricted(t, nothing).On(t, []kerneltest.Scenario{
		{Name: "a consent, at the desk", As: dana, Path: "/api/consents", Body: of + `"purpose":"` + privacyapi.Research + `","version":"1"}`, Want: 201},
		{Name: "a request", As: dana, Path: "/api/privacy-requests", Body: of + `"kind":"erasure","text":"Everything"}`, Want: 201},
		{Name: "her address", As: ada, Method: "PUT", Path: "/api/patients/" + patientsapi.Ada, Body: `{"address":"13 Linden Street"}`, Want: 200},
	})
}
