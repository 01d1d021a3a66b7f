package video_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/notices"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy"
)

var withPrivacy = &kerneltest.Set{Modules: append(set.Modules[:len(set.Modules):len(set.Modules)], notices.Module(), privacy.Module())}

func TestTheCallOfAnErasedPatientEnds(t *testing.T) {
	for _, test := range []struct{ name, status, account string }{
		{"ahead of its hour", appointmentsapi.StatusScheduled, authapi.Ada.ID},
		{"while it takes place", appointmentsapi.StatusInProgress, authapi.Ada.ID},
		{"of a patient without an account", appointmentsapi.StatusInProgress, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			configure(t)
			a := startAgora(t)
			s := withPrivacy.Start(t)
			_, graces := issued(t, s.As(t, grace, "POST", startPath, adasCall))
			_, adas := issued(t, s.As(t, ada, "POST", startPath, adasCall))
			if _, err := s.App.NonconcurrentDB().Update("appointments", dbx.Params{"status": test.status}, dbx.HashExp{"id": tomorrow}).Execute(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.App.NonconcurrentDB().Update("patients", dbx.Params{"userId": test.account}, dbx.HashExp{"id": patientsapi.Ada}).Execute(); err != nil {
				t.Fatal(err)
			}
			stream := s.Connect(t)
			if r := s.Subscribe(t, stream, s.Token(t, ada), "video_calls/*"); r.Status != 204 {
				t.Fatalf("subscribe: %d %s", r.Status, r.Body)
			}
			if r := s.As(t, alma, "POST", "/api/patients/"+patientsapi.Ada+"/erase", map[string]any{"reason": "Asked to be forgotten"}); r.Status != 200 {
				t.Fatalf("erase: %d %s", r.Status, r.Body)
			}
			settle(s)
			settle(s)
			s.On(t, []kerneltest.Scenario{{Name: "the call has ended", As: alma, Method: "GET", Path: calls + "/" + graces["callId"].(string), Want: 200, Has: []string{`"status":"ended"`}}})
			asked := a.asked()
			if strings.Count(asked, kick) != 1 {
				t.Errorf("the channel was not emptied: %s", asked)
			}
			if test.account == "" {
				return
			}
			if strings.Count(asked, bar("", adas["uid"])) != 1 {
				t.Errorf("the patient is not kept out: %s", asked)
			}
			s.End(t, stream)
			if ev, open := stream.Next(t); open && strings.Contains(ev.Data, "video_calls") {
				t.Errorf("somebody who was erased hears %v", ev)
			}
			s.On(t, []kerneltest.Scenario{{Name: "nor is let in again", As: ada, Path: startPath, Body: adasCall, Want: 401}})
		})
	}
}
