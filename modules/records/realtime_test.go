package records_test

import (
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
)

func TestRecordsAreHeardByThoseWhoMayReadThem(t *testing.T) {
	s := set.Start(t)
	streams := map[string]*kerneltest.Stream{}
	for _, a := range []authapi.Account{authapi.Nia, authapi.Ada, authapi.Bob, authapi.Rosa} {
		st := s.Connect(t)
		topics := []string{"medical_records/*"}
		if a.ID == authapi.Rosa.ID {
			topics = append(topics, "patients/*") // so that she hears something in the end
		}
		if r := s.Subscribe(t, st, s.Token(t, as(a)), topics...); r.Status != 204 {
			t.Fatalf("%s: %d %s", a.Name, r.Status, r.Body)
		}
		streams[a.Name] = st
	}
	hears := func(who authapi.Account, parts ...string) {
		t.Helper()
		ev, _ := streams[who.Name].Next(t)
		for _, part := range parts {
			if !strings.Contains(ev.Data, part) {
				t.Errorf("%s: want %s, got %s %s", who.Name, part, ev.Name, ev.Data)
			}
		}
	}
	grace := as(authapi.Grace)
	s.As(t, grace, "POST", path, entry(`,"notes":"for Ada"`))
	hears(authapi.Nia, `"create"`, "for Ada")
	hears(authapi.Ada, `"create"`, "for Ada")
	s.As(t, grace, "DELETE", path+"/"+recordsapi.Ada, nil)
	hears(authapi.Nia, `"delete"`, recordsapi.Ada)
	hears(authapi.Ada, `"delete"`, recordsapi.Ada)
	s.As(t, as(authapi.Omar), "PUT", path+"/"+recordsapi.Bob, `{"notes":"for Bob"}`)
	hears(authapi.Nia, `"update"`, "for Bob")
	hears(authapi.Bob, `"update"`, "for Bob") // and nothing ahead of it
	s.As(t, as(authapi.Nia), "PUT", "/api/patients/"+patientsapi.Bob, `{"notes":"moved"}`)
	hears(authapi.Rosa, `"update"`, `"moved"`)
}
