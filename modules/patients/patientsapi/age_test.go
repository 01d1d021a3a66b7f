package patientsapi_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

func TestAge(t *testing.T) {
	for _, c := range []struct {
		born, today string
		want        int
		ok          bool
	}{
		{"1990-05-10", "2026-05-09", 35, true},
		{"1990-05-10", "2026-05-10", 36, true},
		{"2026-11-23", "2026-11-23", 0, true},
		{"2026-11-24", "2026-11-23", -1, true},
		{"2000-02-29", "2026-02-28", 25, true},
		{"2000-02-29", "2026-03-01", 26, true},
		{"2000-02-29", "2028-02-29", 28, true},
		{"1996", "2026-01-01", 30, true},
		{"2026", "2026-12-31", 0, true},
		{"1876", "2026-06-01", 150, true},
		{"", "2026-01-01", 0, false},
		{"1990-02-30", "2026-01-01", 0, false},
		{"19x0", "2026-01-01", 0, false},
		{"1990-5-1", "2026-01-01", 0, false},
		{"1990", "today", 0, false},
	} {
		got, ok := patientsapi.Age(c.born, c.today)
		if ok != c.ok || (ok && got != c.want) {
			t.Errorf("Age(%q, %q) = %d, %v, want %d, %v", c.born, c.today, got, ok, c.want, c.ok)
		}
	}
}
