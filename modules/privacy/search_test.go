package privacy_test

import (
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

func TestSearchAsksNeitherForCaseNorForAccents(t *testing.T) {
	s := set.Start(t)
	for _, name := range []string{"Jürgen Müller", "Özlem ÖZ"} {
		if r := s.As(t, alma, "POST", "/api/patients", `{"name":"`+name+`","age":40}`); r.Status != 201 || strings.Contains(r.Body, kernel.SearchColumn) {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	found := func(q, name string) kerneltest.Scenario {
		return kerneltest.Scenario{Name: q, As: dana, Method: "GET", Path: "/api/patients?q=" + esc(q), Want: 200, Has: []string{`"totalItems":1`, name}, Not: []string{kernel.SearchColumn}}
	}
	s.On(t, []kerneltest.Scenario{
		found("Muller", "Jürgen Müller"), found("MÜLLER", "Jürgen Müller"), found("jurgen mull", "Jürgen Müller"), found("öz", "Özlem ÖZ"), found("OZLEM", "Özlem ÖZ"),
		found("tanaka", "Bob Tanaka"), // who was there before the column
		{Name: "a name that changes", As: alma, Method: "PUT", Path: "/api/patients/" + patientsapi.Bob, Body: `{"name":"Bób Šimek"}`, Want: 200},
		found("bob simek", "Bób Šimek"),
		{Name: "the old one is gone", As: dana, Method: "GET", Path: "/api/patients?q=tanaka", Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "appointments by the patient's name", As: dana, Method: "GET", Path: "/api/appointments?q=simek", Want: 200, Has: []string{appointmentsapi.CastNextWeek}, Not: []string{appointmentsapi.CastTomorrow}},
		{Name: "by the doctor's", As: dana, Method: "GET", Path: "/api/appointments?q=okafor", Want: 200, Has: []string{appointmentsapi.CastTomorrow}, Not: []string{appointmentsapi.CastNextWeek}},
		{Name: "by both", As: dana, Method: "GET", Path: "/api/appointments?q=" + esc("simek grace"), Want: 200, Has: []string{appointmentsapi.CastCancelled, `"totalItems":1`}},
		{Name: "a doctor in the own calendar", As: grace, Method: "GET", Path: "/api/appointments?q=simek", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "a patient in the own ones", As: ada, Method: "GET", Path: "/api/appointments?q=grace", Want: 200, Has: []string{appointmentsapi.CastTomorrow}},
		{Name: "and not by others' names", As: ada, Method: "GET", Path: "/api/appointments?q=simek", Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "nobody filters by the column", As: alma, Method: "GET", Path: "/api/patients?filter=" + esc("searchText ~ 'x'"), Want: 400},
		{Name: "or sets it", As: alma, Method: "PUT", Path: "/api/patients/" + patientsapi.Ada, Body: `{"searchText":"x"}`, Want: 400},
	})
}
