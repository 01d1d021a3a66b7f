package privacy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/backup/backupapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

var trailed = &kerneltest.Set{Modules: append([]kernel.Module{audit.Module("v1.2.3")}, set.Modules...)}

// TestAnErasedPatientIsNowhereInTheTrail gives reasons that name the patient, for whatever one
// is asked for, and looks for the name in every file afterwards.
func TestAnErasedPatientIsNowhereInTheTrail(t *testing.T) {
	s := trailed.Start(t)
	at := "/api/patients/" + patientsapi.Bob
	s.On(t, []kerneltest.Scenario{
		{Name: "strict care", As: alma, Method: "PUT", Path: "/api/clinic", Body: `{"strictCare":true}`, Want: 200},
		{Name: "broken glass", As: grace, Path: at + "/break-glass", Body: `{"reason":"Bob Tanaka fainted"}`, Want: 200},
		{Name: "restricted", As: alma, Path: at + "/restrict", Body: `{"reason":"Bob Tanaka contests it"}`, Want: 200},
		{Name: "not any more", As: alma, Path: at + "/unrestrict", Body: `{"reason":"Bob Tanaka agreed"}`, Want: 200},
		{Name: "the reasons are shown", As: alma, Method: "GET", Path: "/api/audit?patient=" + patientsapi.Bob, Want: 200, Has: []string{"Bob Tanaka fainted", "Bob Tanaka contests it", "Bob Tanaka agreed"}},
		{Name: "to the patient too", As: bob, Method: "GET", Path: at + "/access-log", Want: 200, Has: []string{"Bob Tanaka fainted"}},
		{Name: "erased", As: alma, Path: at + "/erase", Body: `{"reason":"Bob Tanaka asked to be forgotten"}`, Want: 200},
		{Name: "the trail still says what was done", As: alma, Method: "GET", Path: "/api/audit?perPage=200&patient=" + patientsapi.Bob, Want: 200, Has: []string{`"restrict"`, `"break-glass"`, `"erase"`, `"forget"`}, Not: []string{"Tanaka"}},
	})
	s.On(t, []kerneltest.Scenario{
		{Name: "an account that is made ahead of the patient", Path: "/api/auth/register", Body: `{"name":"Bea Tanaka","role":"patient","email":"bea@example.org","password":"a long enough Password 1"}`, Want: 201},
	})
	bea, err := s.App.FindFirstRecordByFilter("patients", "name = 'Bea Tanaka'")
	if err != nil {
		t.Fatal(err)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "erased as well", As: alma, Path: "/api/patients/" + bea.Id + "/erase", Body: `{"reason":"Asked to be forgotten"}`, Want: 200},
	})
	wholeTrail(t, s)
	for _, sql := range []string{"PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := s.App.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(s.App.DataDir(), "audit", "*.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range append(files, filepath.Join(s.App.DataDir(), "data.db"), filepath.Join(s.App.DataDir(), "data.db-wal")) {
		raw, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("Tanaka")) || bytes.Contains(raw, []byte("bea@example.org")) {
			t.Errorf("%s has the name", filepath.Base(name))
		}
	}
}

func TestWhatAnErasedPatientWasCalledBeforeIsErasedToo(t *testing.T) {
	s := trailed.Start(t)
	at := "/api/patients/" + patientsapi.Bob
	note := func(text string) string {
		return do(t, s, omar, "POST", "/api/medical-records", map[string]any{"patientId": patientsapi.Bob, "diagnosis": "Cough", "notes": text}, 201).ID(t)
	}
	do(t, s, alma, "PUT", at, `{"address":"7 Hidden Lane","contact":"+1 555 987654","emergencyContact":"Ana \"Nana\" Holm"}`, 200)
	rec := note("Bob Tanaka of 7 Hidden Lane, +1 555 987654; call Ana \"Nana\" Holm")
	do(t, s, carl, "POST", "/api/billing", `{"patientId":"`+patientsapi.Bob+`","amount":80,"details":"Visit of Bob Tanaka"}`, 201)
	do(t, s, alma, "PUT", "/api/users/"+authapi.Bob.ID, `{"name":"Bobby Between"}`, 200)
	note("Bobby Between came")
	do(t, s, alma, "PUT", at, `{"name":"Robert Smithfield","address":"1 New Road","contact":"+1 555 111222","emergencyContact":""}`, 200)
	do(t, s, alma, "PUT", "/api/users/"+authapi.Bob.ID, `{"name":"Robert Smithfield"}`, 200)
	do(t, s, omar, "PUT", "/api/medical-records/"+rec, `{"treatment":"Rest"}`, 200)
	do(t, s, alma, "POST", eraseBob, `{"reason":"Bob Tanaka, now Robert Smithfield, asked to be forgotten"}`, 200)
	settled(t, s)
	nowhere(t, s, "Tanaka", "Hidden Lane", "987654", "Nana", "Holm", "Between", "Smithfield", "New Road", "111222")
	r, err := s.App.FindRecordById("medical_records", rec)
	if err != nil {
		t.Fatal(err)
	}
	if notes := r.GetString("notes"); !strings.HasPrefix(notes, "Erased ") || !strings.Contains(notes, " of Erased ") || r.GetString("treatment") != "Rest" {
		t.Errorf("the record: %q, %q", notes, r.GetString("treatment"))
	}
	wholeTrail(t, s)
}

func wholeTrail(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	for _, p := range kernel.All[backupapi.Part](s.Kernel) {
		if p.Verify == nil {
			continue
		}
		if err := p.Verify(s.App.DataDir()); err != nil {
			t.Errorf("what was erased is missed: %v", err)
		}
	}
}
