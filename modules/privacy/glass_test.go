package privacy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

const (
	glass  = "/api/patients/" + patientsapi.Bob + "/break-glass"
	reason = `{"reason":"Unconscious in the emergency room"}`
)

func TestBreakingTheGlassOpensOnePatientToOneDoctorForATime(t *testing.T) {
	s := set.Start(t)
	s.On(t, []kerneltest.Scenario{
		{Name: "nothing is closed without strict care", As: grace, Path: glass, Body: reason, Want: 409, Has: []string{"care_open"}},
	})
	strictly(t, s, true)
	day := time.Now().AddDate(0, 0, 20).Format(time.DateOnly)
	s.On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", Path: glass, Body: reason, Want: 401},
		{Name: "nurses see everybody and need none", As: nia, Path: glass, Body: reason, Want: 403},
		{Name: "nor is it for patients", As: ada, Path: glass, Body: reason, Want: 403},
		{Name: "without a reason", As: grace, Path: glass, Body: `{}`, Want: 400, Has: []string{`"reason"`}},
		{Name: "with none to speak of", As: grace, Path: glass, Body: `{"reason":"   because   "}`, Want: 400, Has: []string{"validation_min_text_constraint"}},
		{Name: "nobody is not there", As: grace, Path: "/api/patients/nobody000000001/break-glass", Body: reason, Want: 404},
		{Name: "her own patient is open anyway", As: grace, Path: "/api/patients/" + patientsapi.Ada + "/break-glass", Body: reason, Want: 409, Has: []string{"in_care"}},
		{Name: "closed until then", As: grace, Method: "GET", Path: "/api/patients/" + patientsapi.Bob, Want: 404},
		{Name: "broken", As: grace, Path: glass, Body: reason, Want: 200, Has: []string{`"patientId":"` + patientsapi.Bob + `"`, `"expiresAt"`}},
		{Name: "open", As: grace, Method: "GET", Path: "/api/patients/" + patientsapi.Bob, Want: 200},
		{Name: "listed", As: grace, Method: "GET", Path: "/api/patients", Want: 200, Has: []string{`"totalItems":2`}},
		{Name: "the records too", As: grace, Method: "GET", Path: "/api/medical-records/" + patientsapi.Bob, Want: 200, Has: []string{recordsapi.Bob}},
		{Name: "no booking makes it last", As: grace, Path: "/api/appointments", Body: `{"patientId":"` + patientsapi.Bob + `","doctorId":"` + staffapi.Grace + `","appointmentDate":"` + day + `","timeSlot":"09:00-09:30"}`, Want: 403},
		{Name: "nor an assignment", As: grace, Method: "PUT", Path: "/api/patients/" + patientsapi.Bob, Body: `{"assignedDoctorId":"` + staffapi.Grace + `"}`, Want: 403, Has: []string{"care_required"}},
		{Name: "doctors do not see the list", As: grace, Method: "GET", Path: "/api/break-glass", Want: 403},
		{Name: "admins do", As: alma, Method: "GET", Path: "/api/break-glass", Want: 200, Has: []string{`"totalItems":1`, "Unconscious", authapi.Grace.ID, `"reviewedAt":""`}},
	})
	for s.Kernel.Deliver() > 0 {
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "admins are told, without a name", As: alma, Method: "GET", Path: "/api/notices", Want: 200, Has: []string{"Broken glass: Dr Grace Okafor"}, Not: []string{"Tanaka", "Unconscious"}},
		{Name: "doctors are not", As: omar, Method: "GET", Path: "/api/notices", Want: 200, Not: []string{"Broken glass"}},
	})
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE care SET until = '2020-01-01 00:00:00.000Z' WHERE source = 'glass'").Execute(); err != nil {
		t.Fatal(err)
	}
	s.On(t, []kerneltest.Scenario{{Name: "closed when the time is over", As: grace, Method: "GET", Path: "/api/patients/" + patientsapi.Bob, Want: 404}})
}

func TestABrokenGlassIsReviewedOnceAndNeverRewritten(t *testing.T) {
	s := set.Start(t)
	strictly(t, s, true)
	id := s.As(t, grace, "POST", glass, reason).JSON(t)["id"].(string)
	s.On(t, []kerneltest.Scenario{
		{Name: "a doctor does not review", As: grace, Path: "/api/break-glass/" + id + "/review", Body: `{}`, Want: 403},
		{Name: "an admin does", As: alma, Path: "/api/break-glass/" + id + "/review", Body: `{"note":"Justified"}`, Want: 200, Has: []string{`"reviewedById":"` + authapi.Alma.ID, "Justified"}},
		{Name: "once", As: alma, Path: "/api/break-glass/" + id + "/review", Body: `{}`, Want: 409},
		{Name: "nobody changes it", As: alma, Method: "PATCH", Path: "/api/collections/break_glass/records/" + id, Body: `{"reason":"x"}`, Want: 403},
		{Name: "nor makes one", As: grace, Path: "/api/collections/break_glass/records", Body: `{}`, Want: 403},
	})
	for _, sql := range []string{"DELETE FROM break_glass", "UPDATE break_glass SET reason = 'x'"} {
		if _, err := s.App.NonconcurrentDB().NewQuery(sql).Execute(); err == nil {
			t.Errorf("%s was carried out", sql)
		}
	}
}

func TestWhoOpensTooManyIsStopped(t *testing.T) {
	s := set.Start(t)
	strictly(t, s, true)
	var ids []string
	for i := range 11 {
		r := s.As(t, alma, "POST", "/api/patients", fmt.Sprintf(`{"name":"Somebody %d","age":40}`, i))
		ids = append(ids, r.JSON(t)["id"].(string))
	}
	for i, id := range ids {
		want := http.StatusOK
		if i == 10 {
			want = http.StatusTooManyRequests
		}
		r := s.As(t, grace, "POST", "/api/patients/"+id+"/break-glass", reason)
		if r.Status != want {
			t.Fatalf("patient %d: %d %s", i, r.Status, r.Body)
		}
		if i == 10 && r.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	now := types.NowDateTime().Time()
	if _, err := privacy.BreakGlass(s.App, authapi.Grace.ID, ids[10], "An hour later", now.Add(61*time.Minute)); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

func TestOutsideCareNamesThoseOutside(t *testing.T) {
	s := set.Start(t)
	got, err := patientsapi.OutsideCare(s.App, authapi.Grace.ID, []string{patientsapi.Bob, patientsapi.Ada, "nobody000000001"})
	if err != nil || strings.Join(got, " ") != patientsapi.Bob+" nobody000000001" {
		t.Errorf("got %v, %v", got, err)
	}
}
