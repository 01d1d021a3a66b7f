package video_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// move gives Ada's appointment another time, past the hooks: a slot may be under way.
func move(t *testing.T, s *kerneltest.Server, start, end time.Time) {
	t.Helper()
	minute := func(at time.Time) int { return at.Hour()*60 + at.Minute() }
	_, err := s.App.NonconcurrentDB().NewQuery(fmt.Sprintf("UPDATE appointments SET appointmentDate = '%s', startMinute = %d, endMinute = %d WHERE id = '%s'",
		start.Format(time.DateOnly), minute(start), minute(end), tomorrow)).Execute()
	if err != nil {
		t.Fatal(err)
	}
}

func TestATokenLivesAsLongAsTheAppointment(t *testing.T) {
	configure(t)
	s := set.Start(t)
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	for _, test := range []struct {
		name       string
		start, end time.Time
	}{
		{"until a quarter of an hour after its end", noon, noon.Add(30 * time.Minute)},
		{"a day at most", noon.AddDate(0, 0, 7), noon.AddDate(0, 0, 7).Add(time.Hour)},
		{"ten minutes when it runs late", noon.AddDate(0, 0, -1), noon.AddDate(0, 0, -1).Add(time.Hour)},
	} {
		t.Run(test.name, func(t *testing.T) {
			move(t, s, test.start, test.end)
			token, _ := issued(t, s.As(t, ada, "POST", tokenPath, ask(tomorrow, authapi.Ada.ID, "publisher")))
			at := time.Unix(int64(token.Issued), 0)
			want := min(max(test.end.Add(15*time.Minute).Sub(at), 10*time.Minute), 24*time.Hour)
			if got := time.Duration(token.Life) * time.Second; got < want-2*time.Second || got > want {
				t.Errorf("it lives %s, want %s", got, want)
			}
		})
	}
}

func TestLead(t *testing.T) {
	configure(t)
	s := set.Start(t)
	if _, err := clinicapi.Change(s.App, map[string]any{"videoLeadMinutes": 30}); err != nil {
		t.Fatal(err)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "too early for a call", As: grace, Path: startPath, Body: adasCall, Want: 409, Has: []string{`"appointmentId":{"code":"too_early"`, "30 minutes"}},
		{Name: "and for a token", As: grace, Path: tokenPath, Body: ask(tomorrow, authapi.Grace.ID, "publisher"), Want: 409, Has: []string{`"channelName":{"code":"too_early"`}},
	})
	if _, err := clinicapi.Change(s.App, map[string]any{"videoLeadMinutes": 0}); err != nil {
		t.Fatal(err)
	}
	s.On(t, []kerneltest.Scenario{{Name: "without a limit it starts at any time", As: grace, Path: startPath, Body: adasCall, Want: 200}})
}
