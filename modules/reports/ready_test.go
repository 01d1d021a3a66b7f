package reports_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/modules/reports"
)

// TestMadeReadyIsNotReadAgain makes the reports ready and then alters what they are read from
// behind the stamps' back: the first report after that still says what there was before.
func TestMadeReadyIsNotReadAgain(t *testing.T) {
	s := set.Start(t)
	visit := "INSERT INTO appointments (id, patientId, doctorId, appointmentDate, status) SELECT {:id}, (SELECT min(id) FROM patients), (SELECT min(id) FROM doctors), {:day}, 'completed'"
	for id, day := range map[string]string{"readyvisit00001": "2011-03-04", "readyvisit00002": time.Now().AddDate(0, -2, 0).Format(time.DateOnly)} {
		if err := raw(s.App, visit, dbx.Params{"id": id, "day": day}); err != nil {
			t.Fatal(err)
		}
	}
	if err := reports.Ready(t.Context(), s.Kernel); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"DROP TRIGGER visit_packs_stamps_update", "UPDATE visit_packs SET pack = ''"} {
		if err := raw(s.App, statement, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, days := range [][2]string{{"2011-03-01", "2011-04-30"}, {"", ""}} { // other days than were made ready, and the usual ones
		if got := report(t, s, patientsPath, days[0], days[1]); got["activePatients"] != json.Number("1") {
			t.Errorf("%v: %v patients came, want the 1 of what was made ready", days, got["activePatients"])
		}
	}
	if err := reports.Module().Jobs[0].Run(s.App); err != nil {
		t.Fatal(err)
	}
	if got := report(t, s, patientsPath, "2011-03-01", "2011-04-30"); got["activePatients"] != json.Number("0") {
		t.Errorf("after the night %v patients came, want what there is", got["activePatients"])
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := reports.Ready(stopped, s.Kernel); err != nil {
		t.Errorf("a server that stops meanwhile: %v", err)
	}
}

// TestADayThatChangedIsReadWithoutItsMonth alters the pack of one day behind the stamps' back, and then
// has somebody come on another day of the month: the report counts that, and of the first day
// still says what there was.
func TestADayThatChangedIsReadWithoutItsMonth(t *testing.T) {
	s := set.Start(t)
	come := func(day string) {
		t.Helper()
		if err := raw(s.App, `INSERT INTO appointments (id, patientId, doctorId, appointmentDate, status)
			SELECT {:id}, (SELECT min(id) FROM patients), (SELECT min(id) FROM doctors), {:day}, 'completed'`, dbx.Params{"id": "visit" + day, "day": day}); err != nil {
			t.Fatal(err)
		}
	}
	often := func(visits string) {
		t.Helper()
		for _, group := range report(t, s, patientsPath, "2011-03-01", "2011-04-30")["visitFrequency"].([]any) {
			g, want := group.(map[string]any), json.Number("0")
			if g["visits"] == visits {
				want = "1"
			}
			if g["patients"] != want {
				t.Errorf("%v patients came %v times, want one who came %s times", g["patients"], g["visits"], visits)
			}
		}
	}
	come("2011-03-04")
	come("2011-03-05")
	come("2011-03-07")
	often("2-3")
	for _, statement := range []string{"DROP TRIGGER visit_packs_days_update", "UPDATE visit_packs SET pack = '' WHERE day = '2011-03-04'"} {
		if err := raw(s.App, statement, nil); err != nil {
			t.Fatal(err)
		}
	}
	often("2-3") // the month has changed, and none of its days
	come("2011-03-06")
	often("4-6")
	if err := reports.Module().Jobs[0].Run(s.App); err != nil { // the nightly recount
		t.Fatal(err)
	}
	often("2-3")
}

// TestAPastRangeKnowsDoctorsWhoCameLater asks for what was owed in a past month, which is then in memory,
// has a new doctor's first invoice written, and asks again.
func TestAPastRangeKnowsDoctorsWhoCameLater(t *testing.T) {
	s := set.Start(t)
	owed := func() json.Number {
		t.Helper()
		return report(t, s, receivablesPath, "2020-01-01", "2020-01-31")["owed"].(json.Number)
	}
	before := owed()
	for id, day := range map[string]string{"lateinvoice0001": "2020-03-01", "lateinvoice0002": "2026-03-01"} {
		if err := raw(s.App, "INSERT INTO doctors (id, name, specialty) VALUES ({:id}, 'New', 'Surgery')", dbx.Params{"id": id}); err != nil {
			t.Fatal(err)
		}
		if err := raw(s.App, `INSERT INTO invoices (id, patientId, doctorId, status, currency, issuedOn, amountMinor, balanceMinor)
			SELECT {:id}, (SELECT min(id) FROM patients), {:id}, 'unpaid', 'USD', {:day}, 500, 500`, dbx.Params{"id": id, "day": day}); err != nil {
			t.Fatal(err)
		}
		if after := owed(); after != before {
			t.Errorf("in January %s were owed, after an invoice of %s it is %s", before, day, after)
		}
	}
}
