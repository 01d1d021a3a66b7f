package analytics_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// A patient whose data's use is restricted is in the warehouse no more; what was done stays
// in the sums and names nobody.
func TestRestrictedPatientsStayAtHome(t *testing.T) {
	for i, key := range []string{"", "a key of the clinic", "", "a key of the clinic"} {
		url := feed(t, "POLYCLINIC_SITE_ID=north", "POLYCLINIC_ANALYTICS_PSEUDONYM_KEY="+key, "POLYCLINIC_ANALYTICS_HISTORY=on")
		s := set.Start(t)
		same(t, s, url)
		if n := number(t, url, `SELECT count(*) FROM information_schema.columns WHERE table_name = 'patients_history' AND column_name = 'born_on'`); n != 0 {
			t.Error("versions keep a day of birth, which an erasure would not take out of them")
		}
		if n := number(t, url, `SELECT count(*) FROM polyclinic.patients WHERE born_on IS NOT NULL`); (n > 0) != (key == "") {
			t.Errorf("%d days of birth left, with the key %q", n, key)
		}
		const named = `SELECT count(*) FROM polyclinic.appointments WHERE patient_id IS NOT NULL`
		patients, visits, whose := number(t, url, `SELECT count(*) FROM polyclinic.patients`), number(t, url, `SELECT count(*) FROM polyclinic.appointments`), number(t, url, named)
		hold := func(s *kerneltest.Server, at string) {
			t.Helper()
			if i > 1 {
				exec(t, s, `UPDATE patients SET restrictedAt = '`+at+`' WHERE id = '`+patientsapi.Ada+`'`)
				return
			}
			r, err := s.App.FindRecordById("patients", patientsapi.Ada)
			if err != nil {
				t.Fatal(err)
			}
			r.Set("restrictedAt", at)
			if err := s.App.Save(r); err != nil {
				t.Fatal(err)
			}
		}
		exec(t, s, `UPDATE appointments SET patientId = '`+patientsapi.Ada+`'`)
		same(t, s, url)
		hold(s, "2026-01-02 03:04:05.000Z")
		same(t, s, url)
		if got := number(t, url, `SELECT count(*) FROM polyclinic.patients`); got != patients-1 {
			t.Errorf("%d patients are there, want %d", got, patients-1)
		}
		if got, all := number(t, url, named), number(t, url, `SELECT count(*) FROM polyclinic.appointments`); got != 0 || all != visits {
			t.Errorf("%d of %d visits still say whose they are", got, all)
		}
		run(t, s, "backfill")
		same(t, s, url)
		hold(s, "")
		same(t, s, url)
		if got, all := number(t, url, `SELECT count(*) FROM polyclinic.patients`), number(t, url, named); got != patients || all != visits || whose == 0 {
			t.Errorf("lifted: %d patients and %d visits are back", got, all)
		}
	}
}
