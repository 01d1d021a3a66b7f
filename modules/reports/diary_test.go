package reports_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// TestAVisitIsMeasured takes one appointment through the day.
func TestAVisitIsMeasured(t *testing.T) {
	s := set.Start(t)
	today := time.Now().UTC().Format(time.DateOnly)
	figures := func(field string) map[string]any {
		t.Helper()
		r := report(t, s, appointmentsPath, today, today)
		agrees(t, s, today, today)
		return r[field].(map[string]any)
	}
	before := figures("waiting")["measured"]
	err := raw(s.App, `INSERT INTO appointments (id, patientId, doctorId, appointmentDate, timeSlot, startMinute, endMinute, status)
		VALUES ('measuredvisit01', {:p}, {:d}, {:day}, '00:00-00:01', 0, 1, 'scheduled')`, dbx.Params{"p": patientsapi.Bob, "d": staffapi.Omar, "day": today})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"check-in", "start", "complete"} {
		if r := s.As(t, alma, "POST", "/api/appointments/measuredvisit01/"+verb, nil); r.Status != 200 {
			t.Fatalf("%s: %d %s", verb, r.Status, r.Body)
		}
	}
	if after := figures("waiting"); after["measured"] == before || after["upTo15"] == json.Number("0") {
		t.Errorf("measured %v, before %v", after, before)
	}
}

// TestOfferedMinutes goes over the ways in which hours are set.
func TestOfferedMinutes(t *testing.T) {
	for _, c := range []struct {
		name, hours, clinic, from, to, want string
	}{
		{"nobody set hours", "", "{}", "2026-11-02", "2026-11-08", "0"},
		{"a shift on Mondays, four of them", `[{"weekday":1,"from":"09:00","to":"12:00"}]`, "{}", "2026-11-01", "2026-11-28", "720"},
		{"part of a week", `[{"weekday":1,"from":"09:00","to":"12:00"},{"weekday":3,"from":"09:00","to":"10:00"}]`, "{}", "2026-11-03", "2026-11-09", "240"},
		{"within the clinic's hours", `[{"weekday":1,"from":"06:00","to":"12:00"}]`, `{"opensAt":"08:00","closesAt":"18:00"}`, "2026-11-02", "2026-11-02", "240"},
		{"over the end of a month", `[{"weekday":0,"from":"00:00","to":"24:00"}]`, "{}", "2026-10-25", "2026-11-01", "2880"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := set.Start(t)
			if err := raw(s.App, "UPDATE doctors SET deletedAt = '2020-01-01 00:00:00.000Z' WHERE id != {:omar}", dbx.Params{"omar": staffapi.Omar}); err != nil {
				t.Fatal(err)
			}
			if err := raw(s.App, "UPDATE doctors SET hours = {:h} WHERE id = {:omar}", dbx.Params{"h": c.hours, "omar": staffapi.Omar}); err != nil {
				t.Fatal(err)
			}
			if r := s.As(t, alma, "PUT", "/api/clinic", c.clinic); r.Status != 200 {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			if got := report(t, s, appointmentsPath, c.from, c.to)["offeredMinutes"]; got != json.Number(c.want) {
				t.Errorf("got %v minutes, want %s", got, c.want)
			}
			agrees(t, s, c.from, c.to)
		})
	}
}

// TestMovementsAreOfTheClinicsDay: somewhere it is always another day than in UTC.
func TestMovementsAreOfTheClinicsDay(t *testing.T) {
	s := set.Start(t)
	l := &life{T: t, s: s}
	for _, name := range []string{"Pacific/Kiritimati", "Pacific/Pago_Pago"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		l.zone(name)
		r := s.As(t, alma, "POST", "/api/inventory", `{"itemName":"Something","quantity":5}`)
		if r.Status != 201 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		moves, err := s.App.FindAllRecords("inventory_movements", dbx.HashExp{"itemId": r.ID(t)})
		if err != nil || len(moves) != 1 {
			t.Fatalf("%v %v", moves, err)
		}
		if got, want := moves[0].GetString("movedOn"), moves[0].GetDateTime("created").Time().In(zone).Format(time.DateOnly); got != want {
			t.Errorf("%s: of %s, want %s", name, got, want)
		}
	}
}
