package remote_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/remote"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/reports"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var postgres postgrestest.Shared

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

var ctx = context.Background()

const site, holder = "north", "this folder"

// clinicOf starts a clinic whose reports ask the warehouse at *url.
func clinicOf(t *testing.T, url *string) *kerneltest.Server {
	t.Helper()
	reader := remote.Reader{URL: func() string { return *url }, Site: func(core.App) (string, error) { return site, nil },
		Holder: func(core.App) (string, error) { return holder, nil }, Patience: 5 * time.Second}
	far := kernel.Module{Name: "far", Doc: "Reports from a warehouse.", Provides: remote.Reports(reader)}
	set := &kerneltest.Set{Modules: []kernel.Module{
		hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(),
		appointments.Module(), billing.Module(), inventory.Module(), reports.Module(), far,
	}}
	s := set.Start(t)
	t.Cleanup(func() { remote.Close(s.App) })
	return s
}

var names = []string{"patient-summary", "revenue-summary", "appointments", "inventory", "receivables"}

func ask(t *testing.T, s *kerneltest.Server, name, query string) (status int, body map[string]any) {
	t.Helper()
	alma := kerneltest.Account{Email: authapi.Alma.Email, Password: authapi.Alma.Password}
	r := s.As(t, alma, "GET", "/api/reports/"+name+"?"+query, nil)
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
		t.Fatalf("%s: %d %s", name, r.Status, r.Body)
	}
	return r.Status, body
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func raw(t testing.TB, app core.App, sql string, params dbx.Params) {
	t.Helper()
	if _, err := app.NonconcurrentDB().NewQuery(sql).Bind(params).Execute(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// birth is a random date of birth around the days on which people change their age group;
// without whole only such as are the same by the year alone.
func birth(r *rand.Rand, whole bool) string {
	if !whole || r.IntN(4) == 0 {
		list := []string{"", "1950", "2026", "2027", "1986-01-01", "2008-01-01", "2021-01-01", "1961",
			"1950-13-01", "1951-02-30", "1952-06", "1953-1-1", "1954-01-01 00:00:00.000Z", "1955-02-29", "19x6"} // what only plain SQL leaves there
		return list[r.IntN(len(list))]
	}
	to := []string{"2026-12-31", "2026-03-29", "2026-10-25", "2027-06-30", "2026-02-28", "2026-04-01", "2024-02-29", time.Now().UTC().Format(time.DateOnly)}[r.IntN(8)]
	at, err := time.Parse(time.DateOnly, to)
	if err != nil {
		panic(err)
	}
	return at.AddDate(-[]int{0, 5, 18, 40, 65, 80, 30}[r.IntN(7)], 0, r.IntN(5)-2).Format(time.DateOnly)
}

// fill makes rows that no clinic would let in together, on days around the edges of months,
// with instants around the changes of Berlin's clocks.
func fill(t *testing.T, app core.App, r *rand.Rand, n int, whole bool) {
	t.Helper()
	for _, guard := range []string{"payments_owed", "payments_refundable", "payments_delete", "invoices_void", "invoices_amount", "invoices_void_paid",
		"appointments_doctorId_insert", "appointments_patientId_insert"} {
		raw(t, app, "DROP TRIGGER IF EXISTS "+guard, nil)
	}
	raw(t, app, "UPDATE clinic SET timeZone = 'Europe/Berlin', currency = 'JOD', opensAt = '08:00', closesAt = '17:30'", nil)
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	days := []string{"2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01", "2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31",
		"2026-04-01", "2026-10-24", "2026-10-25", "2026-10-26", "2026-10-31", "2026-11-01", "2026-12-31", "2027-01-01", "2024-02-29"}
	instant := func(day string, minute, millis int) string {
		at, err := time.Parse(time.DateOnly, day)
		must(t, err)
		return at.Add(time.Duration(minute)*time.Minute + time.Duration(millis)*time.Millisecond).Format("2006-01-02 15:04:05.000Z")
	}
	maybe := func(s string) string { return pick(s, s, s, "") }
	for i := range 6 {
		raw(t, app, "INSERT INTO doctors (id, name, specialty, hours, deletedAt) VALUES ({:id}, {:name}, 'Cardiology', {:hours}, {:gone})", dbx.Params{
			"id": fmt.Sprintf("randomdoctor%03d", i), "name": pick("Ä", "B", "b", "Zoë") + " Doctor",
			"hours": []string{"", "null", `[{"weekday":1,"from":"07:00","to":"12:00"},{"weekday":1,"from":"11:00","to":"18:00"}]`, `[{"weekday":0,"from":"00:00","to":"24:00"}]`, `{"broken":1}`, `[]`}[i],
			"gone":  pick("", "", "2026-03-28 23:30:00.000Z", "2026-10-31 22:59:59.999Z"),
		})
	}
	doctor := func() string { return fmt.Sprintf("randomdoctor%03d", r.IntN(6)) }
	for i := range n / 3 {
		raw(t, app, `INSERT INTO patients (id, mrn, name, gender, dateOfBirth, registeredOn, deletedAt) VALUES ({:id}, {:id}, 'Nobody', {:gender}, {:born}, {:day}, {:gone})`, dbx.Params{
			"id": fmt.Sprintf("randompat%06d", i), "gender": pick("female", "Female ", "male", "", " DIVERSE"), "born": birth(r, whole),
			"day": pick(days...), "gone": pick("", "", "", "2026-02-01 10:00:00.000Z"),
		})
	}
	patient := func() string { return fmt.Sprintf("randompat%06d", r.IntN(n/3)) }
	for i := range n {
		day, start := pick(days...), 15*r.IntN(90)
		arrived := instant(day, start-r.IntN(70), r.IntN(1000))
		started := instant(day, start+r.IntN(70)-10, r.IntN(1000))
		raw(t, app, `INSERT INTO appointments (id, patientId, doctorId, appointmentDate, timeSlot, status, startMinute, endMinute, startsAt, checkedInAt, startedAt, completedAt, sourceId, created)
			VALUES ({:id}, {:patient}, {:doctor}, {:day}, 'x', {:status}, {:start}, {:end}, {:starts}, {:arrived}, {:started}, {:done}, {:source}, {:created})`, dbx.Params{
			"id": fmt.Sprintf("randomapp%06d", i), "patient": patient(), "doctor": doctor(), "day": day,
			"status": pick("scheduled", "checked-in", "in-progress", "completed", "completed", "cancelled", "no-show"),
			"start":  start, "end": start + 5 + r.IntN(60), "starts": instant(day, start, 0), "arrived": maybe(arrived), "started": maybe(started),
			"done": maybe(instant(day, start+r.IntN(90), r.IntN(1000))), "source": pick("", "", fmt.Sprint("other-", i)), "created": instant(pick(days...), r.IntN(1440), r.IntN(1000)),
		})
	}
	for i := range n {
		day, amount := pick(days...), r.IntN(1_000_000)
		raw(t, app, `INSERT INTO invoices (id, patientId, doctorId, invoiceNumber, status, currency, issuedOn, dueOn, amountMinor, balanceMinor)
			VALUES ({:id}, {:patient}, {:doctor}, {:id}, {:status}, 'JOD', {:day}, {:due}, {:amount}, {:balance})`, dbx.Params{
			"id": fmt.Sprintf("randominv%06d", i), "patient": patient(), "doctor": pick("", doctor()), "status": pick("draft", "unpaid", "partial", "paid", "void", "refunded"),
			"day": day, "due": maybe(pick(days...)), "amount": amount, "balance": pick("0", fmt.Sprint(r.IntN(amount+1)), fmt.Sprint(amount)),
		})
		raw(t, app, "INSERT INTO payments (id, invoiceId, kind, amountMinor, method, paidOn) VALUES ({:id}, {:invoice}, {:kind}, {:amount}, {:method}, {:day})", dbx.Params{
			"id": fmt.Sprintf("randompay%06d", i), "invoice": fmt.Sprintf("randominv%06d", i), "kind": pick("payment", "payment", "refund"), "amount": 1 + r.IntN(1_000_000),
			"method": pick("cash", "card", "transfer", "insurance"), "day": pick(days...),
		})
	}
	today := time.Now().UTC()
	for i := range 40 {
		id := fmt.Sprintf("randomitem%05d", i)
		raw(t, app, `INSERT INTO inventory (id, itemName, quantity, unit, expiryDate, unitPriceMinor, reorderLevel, category, deletedAt, changeReason)
			VALUES ({:id}, {:name}, {:quantity}, 'box', {:expiry}, {:price}, {:level}, {:category}, {:gone}, '')`, dbx.Params{
			"id": id, "name": pick("Gauze", "gauze", "Ätheröl", "Swab"), "quantity": r.IntN(50), "expiry": maybe(today.AddDate(0, 0, r.IntN(200)-60).Format(time.DateOnly)),
			"price": r.IntN(100_000), "level": r.IntN(30), "category": pick("", "Wound", "Drug"), "gone": pick("", "", "", "2026-02-01 10:00:00.000Z"),
		})
		for j := range 4 {
			raw(t, app, `INSERT INTO inventory_movements (id, itemId, delta, quantityAfter, kind, reason, created, movedOn) VALUES ({:id}, {:item}, {:delta}, 1, {:kind}, 'x', {:at}, {:day})`, dbx.Params{
				"id": fmt.Sprintf("randommove%02d%03d", j, i), "item": id, "delta": r.IntN(21) - 10, "kind": pick("adjustment", "opening", "correction", "outside"),
				"at": instant(pick(days...), 3, 0), "day": pick(days...),
			})
		}
	}
}

// ship copies all declared tables of the clinic into the warehouse.
func ship(t *testing.T, app core.App, url, name string, key []byte) {
	t.Helper()
	tables := kernel.All[analyticsapi.Table](kernel.Of(app))
	must(t, analyticsapi.Check(tables))
	w, err := warehouse.Open(ctx, url, name)
	must(t, err)
	defer w.Close(ctx)
	w.Holder = holder
	must(t, w.EnsureSchema(ctx, tables))
	at := warehouse.Position{Epoch: "e", Token: "0"}
	must(t, w.NewEpoch(ctx, warehouse.Position{}, at))
	_, err = capture.Ensure(app, tables)
	must(t, err)
	must(t, capture.BeginEpoch(app, at.Epoch, at.Token, 0))
	source, err := capture.NewSource(app, tables, capture.Options{Key: key})
	must(t, err)
	defer source.Close()
	view, err := source.View(ctx)
	must(t, err)
	defer view.End()
	for i, table := range tables {
		var rows []row.Row
		must(t, view.Each(table.Name, func(r row.Row) error { rows = append(rows, r); return nil }))
		to := warehouse.Position{Epoch: "e", Token: fmt.Sprint(i + 1)}
		must(t, capture.Begin(app, at.Token, to.Token, 0))
		rejected, err := w.CopyInto(ctx, warehouse.Load{From: at, To: to, Table: table, Rows: rows})
		must(t, err)
		if len(rejected) > 0 {
			t.Fatalf("%s: rejected %v", table.Name, rejected)
		}
		at = to
	}
	list, err := w.Unfilled(ctx, tables)
	must(t, err)
	for _, u := range list {
		must(t, w.Fill(ctx, at, u))
	}
}

var ranges = []string{"from=2026-01-01&to=2026-12-31", "from=2026-03-29&to=2026-03-29", "from=2026-03-28&to=2026-10-25", "from=2024-02-29&to=2027-06-30",
	"from=2026-02-01&to=2026-02-28", "from=2026-03-31&to=2026-04-01", "from=2019-01-01&to=2019-12-31", ""}

func TestReportsAgreeWithTheClinicsOwn(t *testing.T) {
	for _, c := range []struct {
		name string
		key  []byte
		seed uint64
	}{{"ids as they are", nil, 1}, {"pseudonyms", []byte("a key of some length"), 2}} {
		t.Run(c.name, func(t *testing.T) {
			url := ""
			s := clinicOf(t, &url)
			must(t, s.App.RunInTransaction(func(tx core.App) error {
				fill(t, tx, rand.New(rand.NewPCG(c.seed, 7)), 300, c.key == nil)
				return nil
			}))
			clinicapi.Forget(s.App) // plain SQL has changed the currency
			url = postgres.Server(t).Database(t)
			ship(t, s.App, url, site, c.key)
			ship(t, s.App, url, "another", c.key) // whose rows do not count
			for _, name := range names {
				for _, days := range ranges {
					_, want := ask(t, s, name, days)
					status, got := ask(t, s, name, days+"&source=postgres")
					if status != 200 || got["source"] != "postgres" {
						t.Fatalf("%s %s: %d %v", name, days, status, got)
					}
					for _, own := range []string{"generatedAt", "source"} {
						delete(want, own)
						delete(got, own)
					}
					for key := range want {
						if !reflect.DeepEqual(got[key], want[key]) {
							g, _ := json.Marshal(got[key])
							w, _ := json.Marshal(want[key])
							t.Errorf("%s %s %s:\n got %.600s\nwant %.600s", name, days, key, g, w)
						}
					}
				}
			}
		})
	}
}

func TestWarehouseAway(t *testing.T) {
	server := postgrestest.Start(t)
	url := ""
	s := clinicOf(t, &url)
	if status, body := ask(t, s, "patient-summary", "source=postgres"); status != 503 || !strings.Contains(fmt.Sprint(body), "POLYCLINIC_ANALYTICS_URL") {
		t.Errorf("not configured: got %d %v", status, body)
	}
	url = server.Database(t)
	if status, body := ask(t, s, "patient-summary", "source=postgres"); status != 503 || !strings.Contains(fmt.Sprint(body), "analytics_unavailable") {
		t.Errorf("no schema yet: got %d %v", status, body)
	}
	ship(t, s.App, url, site, nil)
	if status, body := ask(t, s, "patient-summary", "source=postgres"); status != 200 {
		t.Errorf("there: got %d %v", status, body)
	}
	server.Kill(t)
	if status, body := ask(t, s, "patient-summary", "source=postgres"); status != 503 || strings.Contains(fmt.Sprint(body), "127.0.0.1") {
		t.Errorf("killed: got %d %v", status, body)
	}
	server.Restart(t)
	if status, body := ask(t, s, "patient-summary", "source=postgres"); status != 200 {
		t.Errorf("back: got %d %v", status, body)
	}
}
