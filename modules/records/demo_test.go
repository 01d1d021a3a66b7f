package records_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

func TestDemo(t *testing.T) {
	s := (&kerneltest.Set{Modules: modules(), Full: true}).Start(t)
	for what, c := range map[string]struct {
		sql      string
		min, max int
	}{
		"records":                          {"SELECT COUNT(*) FROM medical_records", 150, 2000},
		"patients with records":            {"SELECT COUNT(DISTINCT patientId) FROM medical_records", 80, 2000},
		"records of a visit":               {"SELECT COUNT(*) FROM medical_records WHERE appointmentId != ''", 100, 2000},
		"corrected records":                {"SELECT COUNT(*) FROM medical_records WHERE version > 1 AND status = 'active'", 3, 100},
		"records in error":                 {"SELECT COUNT(*) FROM medical_records WHERE status != 'active'", 1, 20},
		"records of another's visit":       {"SELECT COUNT(*) FROM medical_records r JOIN appointments a ON a.id = r.appointmentId WHERE a.patientId != r.patientId OR a.status != 'completed'", 0, 0},
		"records from the future":          {"SELECT COUNT(*) FROM medical_records WHERE recordedAt > strftime('%Y-%m-%d %H:%M:%fZ', 'now')", 0, 0},
		"penicillin for the allergic":      {"SELECT COUNT(*) FROM medical_records r JOIN patients p ON p.id = r.patientId WHERE p.allergies LIKE '%penicillin%' AND r.prescriptions LIKE '%cillin%'", 0, 0},
		"what men and children don't have": {"SELECT COUNT(*) FROM medical_records r JOIN patients p ON p.id = r.patientId WHERE p.gender != 'female' AND r.diagnosis LIKE '%pregnancy%'", 0, 0},
	} {
		var n int
		if err := s.App.DB().NewQuery(c.sql).Row(&n); err != nil {
			t.Fatal(err)
		}
		if n < c.min || n > c.max {
			t.Errorf("%s: %d, want %d to %d", what, n, c.min, c.max)
		}
	}
}
