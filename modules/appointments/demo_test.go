package appointments_test

import (
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

var full = &kerneltest.Set{Modules: modules, Full: true}

func TestTheDemosDiaryIsPossible(t *testing.T) {
	s := full.Start(t)
	all, err := s.App.FindAllRecords("appointments")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 500 || len(all) > 1200 {
		t.Errorf("%d appointments", len(all))
	}
	got := map[string]int{}
	now := time.Now()
	for _, a := range all {
		status, start := a.GetString("status"), a.GetDateTime("startsAt").Time()
		got[status]++
		// A slot may have begun since the demo was made.
		if past := start.Before(now); (start.Before(now.Add(-10*time.Minute)) && status == "scheduled") || (!past && (status == "completed" || status == "no-show")) {
			t.Errorf("%s begins at %s and is %s", a.Id, start, status)
		}
		if err := s.App.Validate(a); err != nil {
			t.Errorf("%s: %v", a.Id, err)
		}
		for _, field := range []string{"checkedInAt", "startedAt", "completedAt"} {
			if at := a.GetDateTime(field); at.Time().After(now) {
				t.Errorf("%s: %s is ahead", a.Id, field)
			}
		}
	}
	for _, status := range []string{"scheduled", "completed", "cancelled", "no-show"} {
		if got[status] < 20 {
			t.Errorf("%d are %s", got[status], status)
		}
	}
	var clashes int
	err = s.App.DB().NewQuery(`SELECT COUNT(*) FROM appointments a JOIN appointments b ON a.appointmentDate = b.appointmentDate AND a.id < b.id
		AND (a.doctorId = b.doctorId OR a.patientId = b.patientId) AND a.startMinute < b.endMinute AND b.startMinute < a.endMinute
		WHERE a.status IN ('scheduled', 'checked-in', 'in-progress') AND b.status IN ('scheduled', 'checked-in', 'in-progress')`).Row(&clashes)
	if err != nil || clashes > 0 {
		t.Errorf("%d clashes, %v", clashes, err)
	}
}
