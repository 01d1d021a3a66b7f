package reports_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/reports"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// doctor runs `polyclinic doctor` on the server's data.
func doctor(t *testing.T, s *kerneltest.Server, args ...string) (said string, err error) {
	t.Helper()
	return kerneltest.Run(t, s.Kernel, append([]string{"doctor"}, args...)...)
}

func TestDoctorNamesAndMendsADifference(t *testing.T) {
	t.Run("all at once", namesAndMends)
	t.Run("in parts", func(t *testing.T) {
		before := reportsapi.PartRows
		defer func() { reportsapi.PartRows = before }()
		reportsapi.PartRows = 1
		namesAndMends(t)
	})
}

func namesAndMends(t *testing.T) {
	s := set.Start(t)
	if said, err := doctor(t, s); err != nil || !strings.Contains(said, "agrees") {
		t.Fatalf("nothing is wrong: %q %v", said, err)
	}
	for table, sql := range map[string]string{
		"visit_sums":      "UPDATE visit_sums SET waits = waits + 1",
		"visit_packs":     "DELETE FROM visit_packs",
		"owed_packs":      "UPDATE owed_packs SET pack = substr(pack, 1, length(pack) - 1) || '9'",
		"register_sums":   "DELETE FROM register_sums",
		"register_births": "UPDATE register_births SET patients = 0 WHERE unit = 'all'",
		"stock_sums":      "UPDATE stock_sums SET value = value + 1",
		"stock_expiries":  "DELETE FROM stock_expiries",
		"stock_moves":     "UPDATE stock_moves SET received = 0 WHERE itemId = '*'",
		"invoice_sums":    "INSERT INTO invoice_sums VALUES ('day', '2020-01-01', '', 1, 100, 100)",
		"payment_sums":    "UPDATE payment_sums SET collected = 0 WHERE unit = 'month'",
	} {
		if err := raw(s.App, sql, nil); err != nil {
			t.Fatal(err)
		}
		said, err := doctor(t, s)
		if err == nil || !strings.Contains(said, table+" ") {
			t.Errorf("%s: %q %v, want a difference", sql, said, err)
		}
	}
	if said, err := doctor(t, s); !strings.Contains(said, "invoice_sums day 2020-01-01 : kept 1 100 100, counted 0 0 0") {
		t.Errorf("the difference is named: %q %v", said, err)
	}
	if said, err := doctor(t, s, "--repair"); err != nil || !strings.Contains(said, "Repaired.") {
		t.Errorf("--repair: %q %v", said, err)
	}
	found, err := reports.Recount(s.App)
	if err != nil || len(found) > 0 {
		t.Errorf("after the repair: %v %v", found, err)
	}
	agrees(t, s, "2000-01-01", "2040-01-01")
}

func TestDoctorMissesATrigger(t *testing.T) {
	s := set.Start(t)
	if err := raw(s.App, "DROP TRIGGER visit_packs_delete", nil); err != nil {
		t.Fatal(err)
	}
	if said, err := doctor(t, s); err == nil || !strings.Contains(said, "visit_packs: the trigger visit_packs_delete is missing") {
		t.Errorf("got %q %v", said, err)
	}
	if said, err := doctor(t, s, "--repair"); err == nil || strings.Contains(said, "Repaired.") {
		t.Errorf("--repair cannot: got %q %v", said, err)
	}
}

// TestRepairIsSeenByARunningServer changes rows behind the triggers' back.
func TestRepairIsSeenByARunningServer(t *testing.T) {
	s := set.Start(t)
	agrees(t, s, "2000-01-01", "2040-01-01")
	var drop, create string
	row := s.App.DB().NewQuery("SELECT 'DROP TRIGGER ' || name, sql FROM sqlite_master WHERE name = 'visit_packs_update'")
	if err := row.Row(&drop, &create); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{drop, "UPDATE appointments SET patientId = '" + patientsapi.Bob + "', status = 'completed'", create} {
		if err := raw(s.App, sql, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := reports.Repair(s.App); err != nil {
		t.Fatal(err)
	}
	agrees(t, s, "2000-01-01", "2040-01-01")
}

// TestRegisteredOnTheClinicsDay: somewhere it is always another day than in UTC.
func TestRegisteredOnTheClinicsDay(t *testing.T) {
	s := set.Start(t)
	l := &life{T: t, s: s}
	for _, name := range []string{"Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Auckland"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		l.zone(name)
		r := s.As(t, alma, "POST", "/api/patients", `{"name":"Somebody"}`)
		p, err := s.App.FindRecordById("patients", r.ID(t))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.GetString("registeredOn"), p.GetDateTime("created").Time().In(zone).Format(time.DateOnly); got != want {
			t.Errorf("%s: registered on %s, want %s", name, got, want)
		}
		if strings.Contains(r.Body, "registeredOn") {
			t.Errorf("the day is for reports only: %s", r.Body)
		}
	}
	if r := s.As(t, alma, "POST", "/api/patients", `{"name":"Somebody","registeredOn":"2020-01-01"}`); r.Status != 400 || r.Code("registeredOn") != "server_set" {
		t.Errorf("no client sets it: got %d %s", r.Status, r.Body)
	}
}

// TestReportsAreOneState reads while others write: the parts of a report always add up.
func TestReportsAreOneState(t *testing.T) {
	s := set.Start(t)
	s.Token(t, alma)
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	writers.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			err := raw(s.App, fmt.Sprintf(`INSERT INTO appointments (id, patientId, doctorId, appointmentDate, timeSlot, status)
				VALUES ('writer%09d', 'patient%d', 'doctor%d', '2025-0%d-15', '10:00-10:30', '%s')`, i, i%17, i%3, 1+i%9, []string{"completed", "cancelled"}[i%2]), nil)
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 4 {
		readers.Go(func() {
			for range 40 {
				var v struct {
					Visits                            struct{ Total, Cancelled int }
					ActivePatients                    int
					ByMonth, ByDoctor, VisitFrequency []struct {
						Visits   any
						Patients int
					}
				}
				r := s.As(t, alma, "GET", patientsPath+"?from=2025-01-01&to=2025-12-31", nil)
				if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
					t.Error(err)
					return
				}
				months, doctors, patients := 0.0, 0.0, 0
				for _, m := range v.ByMonth {
					months += m.Visits.(float64)
				}
				for _, d := range v.ByDoctor {
					doctors += d.Visits.(float64)
				}
				for _, f := range v.VisitFrequency {
					patients += f.Patients
				}
				if int(months) != v.Visits.Total || int(doctors) != v.Visits.Total || patients != v.ActivePatients {
					t.Errorf("the parts do not add up: %s", r.Body)
					return
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	writers.Wait()
	agrees(t, s, "2025-01-01", "2025-12-31")
}

func TestEveryContributionHasItsTriggers(t *testing.T) {
	s := set.Start(t)
	var have []string
	if err := s.App.DB().NewQuery("SELECT name FROM sqlite_master WHERE type = 'trigger'").Column(&have); err != nil {
		t.Fatal(err)
	}
	summaries := kernel.All[reportsapi.Summary](s.Kernel)
	if len(summaries) != 10 {
		t.Errorf("got %d summaries, want 10", len(summaries))
	}
	for _, sum := range summaries {
		for _, name := range have {
			if strings.HasPrefix(name, sum.Table+"_") && !slices.Contains(sum.Triggers, name) {
				t.Errorf("%s: the doctor does not look for %s", sum.Table, name)
			}
		}
	}
}
