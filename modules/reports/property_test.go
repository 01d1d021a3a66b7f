package reports_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/reports"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// edges are the days on which a report is easily wrong: ends of months and years, a leap
// day, and the days on which Auckland's clocks change.
var edges = []string{
	"2023-12-31", "2024-01-01", "2024-02-28", "2024-02-29", "2024-03-01", "2025-11-30", "2025-12-01", "2025-12-31", "2026-01-01",
	"2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01", "2026-04-04", "2026-04-05", "2026-04-06", "2026-04-30", "2026-05-01",
	"2026-09-26", "2026-09-27", "2026-09-28", "2026-09-30", "2026-10-01",
}

// life is a clinic in which anything happens, on every path.
type life struct {
	*testing.T
	s     *kerneltest.Server
	dice  *rand.Rand
	n     int            // of operations
	done  map[string]int // by kind: how many were carried out
	slots int            // every booking gets a slot of its own
}

func (l *life) pick(list ...string) string { return list[l.dice.IntN(len(list))] }
func (l *life) edge() string               { return l.pick(edges...) }

// anyID returns the id of some row, "" when there is none.
func (l *life) anyID(app core.App, table string, where ...dbx.Expression) (id string) {
	l.Helper()
	var ids []string
	if err := app.DB().Select("id").From(table).Where(dbx.And(where...)).OrderBy("id").Column(&ids); err != nil {
		l.Fatal(err)
	}
	if len(ids) == 0 {
		return ""
	}
	return l.pick(ids...)
}

func (l *life) id() string {
	l.n++
	return fmt.Sprintf("rnd%012d", l.n)
}

// births are dates of birth around the edges of the age groups.
func (l *life) birth() string {
	return l.pick("", "1946", "2008", "2024-02-29", "2019-03-01", "2021-01-01", "2008-04-05", "1986-09-27", "1961-02-28", "1946-10-01", "1930-12-31", "2008-02-29")
}

func (l *life) gender() string { return l.pick("female", "male", "Female", "other", "") }

// raw runs plain SQL, which no hook hears of.
func raw(tx core.App, sql string, params dbx.Params) error {
	_, err := tx.NonconcurrentDB().NewQuery(sql).Bind(params).Execute()
	return err
}

// act is one thing that happens inside a transaction. An error is a refusal: it is fine.
type act struct {
	name string
	do   func(l *life, tx core.App) error
}

var acts = []act{
	{"a patient is registered", func(l *life, tx core.App) error {
		c, err := tx.FindCollectionByNameOrId("patients")
		if err != nil {
			return err
		}
		r := core.NewRecord(c)
		r.Load(map[string]any{"name": "Somebody", "gender": l.gender(), "dateOfBirth": l.birth(), "registeredOn": l.pick(l.edge(), "")})
		return tx.Save(r)
	}},
	{"a patient is corrected", func(l *life, tx core.App) error {
		r, err := tx.FindRecordById("patients", l.anyID(tx, "patients"))
		if err != nil {
			return err
		}
		r.Load(map[string]any{"gender": l.gender(), "dateOfBirth": l.birth(), "contact": "5550100"})
		return tx.Save(r)
	}},
	{"a patient is deleted", func(l *life, tx core.App) error {
		r, err := tx.FindRecordById("patients", l.anyID(tx, "patients"))
		if err != nil {
			return err
		}
		return tx.Delete(r)
	}},
	{"patients are changed in SQL", func(l *life, tx core.App) error {
		column, value := "registeredOn", l.edge()
		switch l.dice.IntN(4) {
		case 0:
			column, value = "gender", l.gender()
		case 1:
			column, value = "dateOfBirth", l.birth()
		case 2:
			column, value = "deletedAt", l.pick("", "2026-01-01 00:00:00.000Z")
		}
		return raw(tx, "UPDATE patients SET "+column+" = {:v} WHERE rowid % 5 = {:k}", dbx.Params{"v": value, "k": l.dice.IntN(5)})
	}},
	{"a past visit is noted", func(l *life, tx core.App) error {
		c, err := tx.FindCollectionByNameOrId("appointments")
		if err != nil {
			return err
		}
		r := core.NewRecord(c)
		r.Load(map[string]any{
			"patientId": l.anyID(tx, "patients"), "doctorId": l.anyID(tx, "doctors"), "appointmentDate": l.edge(), "timeSlot": "09:00-09:30",
			"status": l.pick("completed", "completed", "cancelled", "no-show"),
		})
		return tx.Save(r)
	}},
	{"visits are inserted in SQL", func(l *life, tx core.App) error {
		return raw(tx, `INSERT INTO appointments (id, patientId, doctorId, appointmentDate, timeSlot, status)
			VALUES ({:a}, {:p}, {:d}, {:day}, '10:00-10:30', {:s}), ({:b}, {:p}, {:d}, {:day}, '11:00-11:30', 'completed')`,
			dbx.Params{"a": l.id(), "b": l.id(), "p": l.anyID(tx, "patients"), "d": l.anyID(tx, "doctors"), "day": l.edge(), "s": l.pick("completed", "cancelled", "no-show")})
	}},
	{"a visit is replaced in SQL", func(l *life, tx core.App) error {
		return raw(tx, `INSERT OR REPLACE INTO appointments (id, patientId, doctorId, appointmentDate, timeSlot, status) VALUES ({:id}, {:p}, {:d}, {:day}, '10:00-10:30', 'completed')`,
			dbx.Params{"id": l.anyID(tx, "appointments"), "p": l.anyID(tx, "patients"), "d": l.anyID(tx, "doctors"), "day": l.edge()})
	}},
	{"visits are moved in SQL", func(l *life, tx core.App) error {
		return raw(tx, "UPDATE appointments SET appointmentDate = {:day} WHERE rowid % 11 = {:k}", dbx.Params{"day": l.edge(), "k": l.dice.IntN(11)})
	}},
	{"a visit changes hands in SQL", func(l *life, tx core.App) error {
		return raw(tx, "UPDATE appointments SET doctorId = {:d}, patientId = {:p}, status = {:s} WHERE id = {:id}", dbx.Params{
			"d": l.anyID(tx, "doctors"), "p": l.anyID(tx, "patients"), "s": l.pick("completed", "cancelled", "no-show", "scheduled"), "id": l.anyID(tx, "appointments"),
		})
	}},
	{"visits are deleted in SQL", func(l *life, tx core.App) error {
		return raw(tx, "DELETE FROM appointments WHERE rowid % 23 = {:k}", dbx.Params{"k": l.dice.IntN(23)})
	}},
}

var allActs = slices.Concat(acts, moneyActs, diaryActs)

var errChangedTheirMind = errors.New("rolled back")

// transaction does some acts in one transaction and keeps them four times out of five.
func (l *life) transaction() {
	err := l.s.App.RunInTransaction(func(tx core.App) error {
		for range 1 + l.dice.IntN(80) {
			a := allActs[l.dice.IntN(len(allActs))]
			if err := a.do(l, tx); err == nil {
				l.done[a.name]++
			}
		}
		if l.dice.IntN(5) == 0 {
			return errChangedTheirMind
		}
		return nil
	})
	if err != nil && !errors.Is(err, errChangedTheirMind) {
		l.Fatal(err)
	}
}

// request sends something a client would.
func (l *life) request() {
	app, booked := l.s.App, dbx.NewExp("status = 'scheduled' AND appointmentDate > '2031'")
	send := func(name, method, path string, body any) {
		l.Helper()
		r := l.s.As(l, alma, method, path, body)
		if r.Status >= 500 {
			l.Fatalf("%s: %d %s", name, r.Status, r.Body)
		}
		if r.Status < 300 {
			l.done[name]++
		}
	}
	switch l.dice.IntN(12) {
	default:
		l.bill(send)
	case 0:
		send("POST patient", "POST", "/api/patients", map[string]any{"name": "Somebody", "gender": l.gender(), "dateOfBirth": l.birth()})
	case 1:
		send("PUT patient", "PUT", "/api/patients/"+l.anyID(app, "patients"), map[string]any{"gender": l.gender(), "dateOfBirth": l.birth()})
	case 2:
		id := l.anyID(app, "patients")
		send("DELETE patient", "DELETE", "/api/patients/"+id, nil)
		send("restore patient", "POST", "/api/patients/"+id+"/restore", nil)
	case 3:
		send("POST appointment", "POST", "/api/appointments", map[string]any{
			"patientId": l.anyID(app, "patients"), "doctorId": l.anyID(app, "doctors"),
			"appointmentDate": l.pick("2031-02-28", "2031-03-01", "2031-03-31"), "timeSlot": l.slot(),
		})
	case 4:
		send("PUT appointment", "PUT", "/api/appointments/"+l.anyID(app, "appointments", booked), map[string]any{"appointmentDate": "2031-04-06", "timeSlot": l.slot()})
	case 5:
		send("DELETE appointment", "DELETE", "/api/collections/appointments/records/"+l.anyID(app, "appointments", booked), nil)
	}
}

// slot returns another minute of the day every time.
func (l *life) slot() string {
	l.slots++
	at := 6*60 + l.slots%900
	return fmt.Sprintf("%02d:%02d-%02d:%02d", at/60, at%60, (at+1)/60, (at+1)%60)
}

// check compares some range and all of it, and the summaries with the rows.
func (l *life) check() {
	l.Helper()
	from, to := l.edge(), l.pick(append(edges, "2031-03-01", "2031-12-31")...)
	if from > to {
		from, to = to, from
	}
	agrees(l, l.s, from, to)
	agrees(l, l.s, "2000-01-01", "2035-12-31")
	for _, part := range []int{reportsapi.PartRows, 2} {
		found, err := recountInParts(l.s.App, part)
		if err != nil {
			l.Fatal(err)
		}
		if len(found) > 0 {
			l.Fatalf("the summaries differ from the rows, %d at once: %v", part, found)
		}
	}
}

// recountInParts recounts about so many rows at once.
func recountInParts(app core.App, part int) ([]reports.Difference, error) {
	before := reportsapi.PartRows
	defer func() { reportsapi.PartRows = before }()
	reportsapi.PartRows = part
	return reports.Recount(app)
}

// TestReportsAgreeWithTheRows does thousands of things to a clinic in Auckland and
// compares its reports with a recount written straight from the definitions.
func TestReportsAgreeWithTheRows(t *testing.T) {
	l := &life{T: t, s: set.Start(t), dice: rand.New(rand.NewPCG(3, 1867)), done: map[string]int{}}
	l.zone("Pacific/Auckland")
	round := 0
	for ; l.total() < 2000 || l.lacking() != ""; round++ {
		if round == 400 {
			t.Fatalf("%d operations, %q was carried out %d times: %v", l.total(), l.lacking(), l.done[l.lacking()], l.done)
		}
		l.transaction()
		for range 4 {
			l.request()
		}
		l.check()
	}
	t.Logf("%d operations in %d rounds: %v", l.total(), round, l.done)
}

// total returns how many operations were carried out so far.
func (l *life) total() int {
	total := 0
	for _, n := range l.done {
		total += n
	}
	return total
}

// requests is what request and bill send.
var requests = []string{
	"POST patient", "PUT patient", "DELETE patient", "restore patient", "POST appointment", "PUT appointment", "DELETE appointment",
	"POST invoice", "issue", "PUT amount", "pay", "refund", "void",
}

// lacking returns a kind of operation that was hardly carried out yet, "" when none is.
func (l *life) lacking() string {
	for _, a := range allActs {
		if l.done[a.name] < 20 {
			return a.name
		}
	}
	for _, name := range requests {
		if l.done[name] < 3 {
			return name
		}
	}
	return ""
}

func (l *life) zone(name string) {
	l.Helper()
	if r := l.s.As(l, alma, "PUT", "/api/clinic", map[string]any{"timeZone": name}); r.Status != 200 {
		l.Fatalf("time zone: %d %s", r.Status, r.Body)
	}
}
