package privacy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// strictly switches strict care on or off, as the admin does.
func strictly(t *testing.T, s *kerneltest.Server, on bool) {
	t.Helper()
	if r := s.As(t, alma, "PUT", "/api/clinic", fmt.Sprintf(`{"strictCare":%v}`, on)); r.Status != http.StatusOK {
		t.Fatalf("strictCare %v: %d %s", on, r.Status, r.Body)
	}
}

// Grace cares for Ada. Bob is Omar's: with Grace he had but a cancelled appointment.
func TestWithoutStrictCareADoctorSeesEveryPatient(t *testing.T) {
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "Bob", As: grace, Method: "GET", Path: "/api/patients/" + patientsapi.Bob, Want: 200},
		{Name: "Bob's records", As: grace, Method: "GET", Path: "/api/medical-records/" + patientsapi.Bob, Want: 200, Has: []string{recordsapi.Bob}},
	})
}

func TestStrictCareHidesOtherPatientsOnEveryPath(t *testing.T) {
	s := set.Start(t)
	// An invoice that Grace made while the register was open.
	inv := s.As(t, grace, "POST", "/api/billing", `{"patientId":"`+patientsapi.Bob+`","amount":10,"details":"Visit"}`)
	if inv.Status != http.StatusCreated {
		t.Fatalf("invoice: %d %s", inv.Status, inv.Body)
	}
	invoice := inv.JSON(t)["id"].(string)
	strictly(t, s, true)
	api := "/api/collections/"
	day := time.Now().AddDate(0, 0, 20).Format(time.DateOnly)
	s.On(t, []kerneltest.Scenario{
		{Name: "her own patient is there", As: grace, Method: "GET", Path: "/api/patients/" + patientsapi.Ada, Want: 200},
		{Name: "another's is not", As: grace, Method: "GET", Path: "/api/patients/" + patientsapi.Bob, Want: 404},
		{Name: "nor in the list", As: grace, Method: "GET", Path: "/api/patients", Want: 200, Has: []string{`"totalItems":1`, patientsapi.Ada}, Not: []string{patientsapi.Bob}},
		{Name: "nor found", As: grace, Method: "GET", Path: "/api/patients?q=tanaka", Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "nor filtered for", As: grace, Method: "GET", Path: "/api/patients?filter=" + esc("name ~ 'Bob'"), Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "collection API, view", As: grace, Method: "GET", Path: api + "patients/records/" + patientsapi.Bob, Want: 404},
		{Name: "collection API, list", As: grace, Method: "GET", Path: api + "patients/records", Want: 200, Has: []string{`"totalItems":1`}, Not: []string{patientsapi.Bob}},
		{Name: "nor by his name in her own calendar", As: grace, Method: "GET", Path: "/api/appointments?q=tanaka", Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "by expand of her own calendar", As: grace, Method: "GET", Path: "/api/appointments/" + appointmentsapi.CastCancelled + "?expand=patientId", Want: 200, Not: []string{"Tanaka", `"name"`}},
		{Name: "records, documented", As: grace, Method: "GET", Path: "/api/medical-records/" + patientsapi.Bob, Want: 404},
		{Name: "records, collection API", As: grace, Method: "GET", Path: api + "medical_records/records", Want: 200, Has: []string{recordsapi.Ada}, Not: []string{recordsapi.Bob}},
		{Name: "a record", As: grace, Method: "GET", Path: api + "medical_records/records/" + recordsapi.Bob, Want: 404},
		{Name: "a record's history", As: grace, Method: "GET", Path: "/api/medical-records/" + recordsapi.Bob + "/history", Want: 404},
		{Name: "an invoice of her own making", As: grace, Method: "GET", Path: "/api/billing/" + invoice, Want: 404},
		{Name: "its payments", As: grace, Method: "GET", Path: "/api/billing/" + invoice + "/payments", Want: 404},
		{Name: "its paper", As: grace, Method: "GET", Path: "/api/billing/" + invoice + "/pdf", Want: 404},
		{Name: "an update", As: grace, Method: "PUT", Path: "/api/patients/" + patientsapi.Bob, Body: `{"notes":"x"}`, Want: 404},
		{Name: "a batch", As: grace, Path: "/api/batch", Body: `{"requests":[{"method":"PATCH","url":"/api/collections/patients/records/` + patientsapi.Bob + `","body":{"notes":"x"}}]}`, Want: 400},
		{Name: "no record is written", As: grace, Path: "/api/medical-records", Body: `{"patientId":"` + patientsapi.Bob + `","diagnosis":"x"}`, Want: 403},
		{Name: "and none for nobody, in the same words", As: grace, Path: "/api/medical-records", Body: `{"patientId":"nobody000000001","diagnosis":"x"}`, Want: 403},
		{Name: "no invoice", As: grace, Path: "/api/billing", Body: `{"patientId":"` + patientsapi.Bob + `","amount":10}`, Want: 403},
		{Name: "no booking, which would make care", As: grace, Path: "/api/appointments", Body: `{"patientId":"` + patientsapi.Bob + `","doctorId":"` + staffapi.Grace + `","appointmentDate":"` + day + `","timeSlot":"09:00-09:30"}`, Want: 403},
		{Name: "no message, as to nobody", As: grace, Path: "/api/messages", Body: `{"receiverId":"` + patientsapi.Bob + `","messageText":"x"}`, Want: 400, Has: []string{"unknown_person"}},
		{Name: "a message to her own patient", As: grace, Path: "/api/messages", Body: `{"receiverId":"` + patientsapi.Ada + `","messageText":"x"}`, Want: 201},
		{Name: "a nurse sees him", As: nia, Method: "GET", Path: "/api/patients/" + patientsapi.Bob, Want: 200},
		{Name: "so does his doctor", As: omar, Method: "GET", Path: "/api/patients/" + patientsapi.Bob, Want: 200},
		{Name: "and he himself", As: bob, Method: "GET", Path: "/api/patients/" + patientsapi.Bob, Want: 200},
	})
	strictly(t, s, false)
	if r := s.As(t, grace, "GET", "/api/patients/"+patientsapi.Bob, nil); r.Status != http.StatusOK {
		t.Errorf("strict care was switched off, got %d", r.Status)
	}
}

func TestCareBeginsAndEndsWithItsReason(t *testing.T) {
	s := set.Start(t)
	strictly(t, s, true)
	see := func(when string, want int) {
		t.Helper()
		if r := s.As(t, grace, "GET", "/api/patients/"+patientsapi.Bob, nil); r.Status != want {
			t.Errorf("%s: got %d, want %d", when, r.Status, want)
		}
	}
	do := func(who kerneltest.Account, method, path, body string, want int) kerneltest.Response {
		t.Helper()
		r := s.As(t, who, method, path, body)
		if r.Status != want {
			t.Fatalf("%s %s: %d %s", method, path, r.Status, r.Body)
		}
		return r
	}
	see("nothing binds them", 404)
	day := time.Now().AddDate(0, 0, 21).Format(time.DateOnly)
	a := do(dana, "POST", "/api/appointments", `{"patientId":"`+patientsapi.Bob+`","doctorId":"`+staffapi.Grace+`","appointmentDate":"`+day+`","timeSlot":"09:00-09:30"}`, 201).JSON(t)["id"].(string)
	see("an appointment", 200)
	do(dana, "DELETE", "/api/appointments/"+a, "", 204)
	see("it was cancelled", 404)
	do(alma, "PUT", "/api/patients/"+patientsapi.Bob, `{"assignedDoctorId":"`+staffapi.Grace+`"}`, 200)
	see("assigned", 200)
	rec := do(grace, "POST", "/api/medical-records", `{"patientId":"`+patientsapi.Bob+`","diagnosis":"Cough"}`, 201).JSON(t)["id"].(string)
	do(alma, "PUT", "/api/patients/"+patientsapi.Bob, `{"assignedDoctorId":""}`, 200)
	see("she wrote a record", 200)
	do(grace, "DELETE", "/api/medical-records/"+rec, `{"reason":"other patient"}`, 204)
	see("which was an error", 404)
	do(alma, "PUT", "/api/doctors/"+staffapi.Omar, `{"userId":""}`, 200)
	if r := s.As(t, omar, "GET", "/api/patients/"+patientsapi.Bob, nil); r.Status != 404 {
		t.Errorf("an account without the profile: %d", r.Status)
	}
	mine := do(grace, "POST", "/api/patients", `{"name":"New Comer","age":40}`, 201).JSON(t)
	if mine["assignedDoctorId"] != staffapi.Grace {
		t.Errorf("whom she registers is hers, got %v", mine["assignedDoctorId"])
	}
}

func TestStrictCareHoldsForLiveMessages(t *testing.T) {
	s := set.Start(t)
	strictly(t, s, true)
	stream := s.Connect(t)
	if r := s.Subscribe(t, stream, s.Token(t, grace), "patients/*"); r.Status != http.StatusNoContent {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	for _, id := range []string{patientsapi.Bob, patientsapi.Ada} {
		if r := s.As(t, alma, "PUT", "/api/patients/"+id, `{"notes":"seen"}`); r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	e, _ := stream.Next(t)
	if strings.Contains(e.Data, patientsapi.Bob) || !strings.Contains(e.Data, patientsapi.Ada) {
		t.Errorf("got %s", e.Data)
	}
}

func TestALostPatientGoesFromTheScreen(t *testing.T) {
	s := set.Start(t)
	strictly(t, s, true)
	stream := s.Connect(t)
	if r := s.Subscribe(t, stream, s.Token(t, grace), "patients/*"); r.Status != http.StatusNoContent {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	for _, c := range []struct{ doctor, action string }{{staffapi.Grace, "update"}, {staffapi.Omar, "delete"}} {
		if r := s.As(t, alma, "PUT", "/api/patients/"+patientsapi.Bob, map[string]any{"assignedDoctorId": c.doctor}); r.Status != http.StatusOK {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		e, _ := stream.Next(t)
		if !strings.Contains(e.Data, `"action":"`+c.action+`"`) || !strings.Contains(e.Data, patientsapi.Bob) || strings.Contains(e.Data, authapi.Bob.Name) != (c.action == "update") {
			t.Errorf("assigned to %s: %s", c.doctor, e.Data)
		}
	}
}

func TestAStrictCareThatIsRolledBackChangesNoRule(t *testing.T) {
	s := set.Start(t)
	if r := s.As(t, alma, "PUT", "/api/clinic", `{"strictCare":true,"currency":"nonsense"}`); r.Status != http.StatusBadRequest {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if r := s.As(t, grace, "GET", "/api/patients/"+patientsapi.Bob, nil); r.Status != http.StatusOK {
		t.Errorf("got %d", r.Status)
	}
}

// The answer to a repeated POST is an answer like any other.
func TestARepeatDoesNotGetRoundStrictCare(t *testing.T) {
	s := set.Start(t)
	strictly(t, s, true)
	bill := func() kerneltest.Response {
		return s.As(t, grace, "POST", "/api/billing?expand=patientId", `{"patientId":"`+patientsapi.Ada+`","amount":10}`, "Idempotency-Key: once")
	}
	one := bill()
	if one.Status != http.StatusCreated || !strings.Contains(one.Body, authapi.Ada.Name) {
		t.Fatalf("got %d %s", one.Status, one.Body)
	}
	for _, end := range []string{"DELETE FROM care WHERE patientId = '" + patientsapi.Ada + "'", "UPDATE patients SET deletedAt = '2026-01-01 00:00:00.000Z' WHERE id = '" + patientsapi.Ada + "'"} {
		if _, err := s.App.NonconcurrentDB().NewQuery(end).Execute(); err != nil {
			t.Fatal(err)
		}
		if r := s.As(t, grace, "GET", "/api/patients/"+patientsapi.Ada, nil); r.Status != http.StatusNotFound {
			t.Fatalf("got %d %s", r.Status, r.Body)
		}
		two := bill()
		if two.Status != http.StatusCreated || two.Body != `{"id":"`+one.ID(t)+`"}`+"\n" || two.Header.Get("Idempotency-Replayed") == "" {
			t.Errorf("got %d %s", two.Status, two.Body)
		}
	}
}

// What is answered tells nobody apart from somebody whom one may not write to.
func TestMessagesTellNobodyWhoIsThere(t *testing.T) {
	const nobody = "nobody000000001"
	s := set.Start(t)
	strictly(t, s, true)
	body := func(receiver, text string) string {
		return `{"receiverId":"` + receiver + `","messageText":"` + text + `"}`
	}
	for _, c := range []struct {
		name     string
		as       kerneltest.Account
		somebody []string // by their account and by their profile
		status   int
	}{
		{"a doctor, of a hidden patient", grace, []string{authapi.Bob.ID, patientsapi.Bob}, http.StatusBadRequest},
		{"a patient, of another", ada, []string{authapi.Bob.ID, patientsapi.Bob}, http.StatusForbidden},
		{"a patient, of another's doctor", ada, []string{authapi.Omar.ID, staffapi.Omar}, http.StatusForbidden},
	} {
		for _, text := range []string{"x", "", strings.Repeat("x", 5001)} {
			for _, path := range []string{"/api/messages", "/api/collections/messages/records"} {
				want := s.As(t, c.as, "POST", path, body(nobody, text))
				if want.Status != c.status {
					t.Errorf("%s, on %s: got %d %s", c.name, path, want.Status, want.Body)
				}
				for _, id := range c.somebody {
					if r := s.As(t, c.as, "POST", path, body(id, text)); r.Status != want.Status || r.Body != want.Body {
						t.Errorf("%s, on %s: of somebody %d %s, of nobody %d %s", c.name, path, r.Status, r.Body, want.Status, want.Body)
					}
				}
			}
		}
	}
	if r := s.As(t, grace, "POST", "/api/messages", body(patientsapi.Ada, "x")); r.Status != http.StatusCreated || strings.Contains(r.Body, "@") {
		t.Errorf("to her own patient: %d %s", r.Status, r.Body)
	}
}
