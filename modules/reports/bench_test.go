//go:build unix

package reports_test

import (
	"flag"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/reports"
)

// grow fills the clinic with n appointments, n/10 patients, 2n invoices, n payments and n
// movements of 500 items over ten years up to 2026-11-23, for 50 doctors. Of the last
// year's invoices one in nine is still owed, of older ones one in a hundred. The triggers and indexes are away
// meanwhile, as a row by row insert takes minutes, and Repair makes up for the former.
func grow(tb testing.TB, app core.App, n int) {
	tb.Helper()
	const day = "date('2016-11-24', '+' || (i * 3652 / {:n}) || ' days')"
	const count = "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < {:n}) "
	patients := max(n/10, 1)
	err := app.RunInTransaction(func(tx core.App) error {
		var away []struct {
			Type string `db:"type"`
			Name string `db:"name"`
			SQL  string `db:"sql"`
		}
		if err := tx.DB().NewQuery("SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql != '' ORDER BY type").All(&away); err != nil {
			return err
		}
		statements := []string{}
		for _, a := range away {
			statements = append(statements, "DROP "+a.Type+" `"+a.Name+"`")
		}
		statements = append(statements,
			count+`INSERT INTO doctors (id, name, specialty) SELECT printf('benchdoc%07d', i), 'Dr ' || i, 'Cardiology' FROM c LIMIT 50`,
			count+`INSERT INTO patients (id, mrn, name, gender, dateOfBirth, registeredOn)
				SELECT printf('benchpat%07d', i), 'B-' || i, 'Patient ' || i, iif(i % 2, 'female', 'male'),
					date('1930-01-01', '+' || (i * 7919 % 35000) || ' days'), date('2016-11-24', '+' || (i * 3652 / {:p}) || ' days')
				FROM c LIMIT {:p}`,
			count+`INSERT INTO appointments (id, patientId, doctorId, appointmentDate, timeSlot, status)
				SELECT printf('benchapp%07d', i), printf('benchpat%07d', i * 48271 % {:p}), printf('benchdoc%07d', i * 31 % 50), `+day+`,
					'09:00-09:30', iif(i % 10 = 3, 'cancelled', iif(i % 17 = 5, 'no-show', 'completed')) FROM c`,
		)
		statements = append(statements,
			count+`INSERT INTO invoices (id, patientId, doctorId, invoiceNumber, status, currency, issuedOn, amountMinor, balanceMinor)
				SELECT printf('benchinv%07d', 2 * i + k), printf('benchpat%07d', i * 48271 % {:p}), printf('benchdoc%07d', i * 31 % 50), 'B-' || i || '-' || k,
					iif(i % 20 = 7, 'void', iif(open, 'unpaid', 'paid')), 'USD', `+day+`, 1000 + i % 9973, iif(open, 1000 + i % 9973, 0)
				FROM (SELECT i, value AS k, (2 * i + value) % iif(i * 10 >= {:n} * 9, 9, 100) = 2 AS open FROM c, json_each('[0,1]'))`,
			count+`INSERT INTO payments (id, invoiceId, kind, amountMinor, method, paidOn)
				SELECT printf('benchpay%07d', i), printf('benchinv%07d', i), iif(i % 40 = 11, 'refund', 'payment'), 1000 + i % 9973,
					CASE i % 3 WHEN 0 THEN 'cash' WHEN 1 THEN 'card' ELSE 'insurance' END, `+day+` FROM c`,
			count+`INSERT INTO inventory (id, itemName, quantity, unitPriceMinor, category, expiryDate)
				SELECT printf('benchitm%07d', i), 'Item ' || i, i, 100 + i, 'Category ' || i % 12, date('2026-06-01', '+' || i || ' days') FROM c LIMIT 500`,
			count+`INSERT INTO inventory_movements (id, itemId, delta, kind, movedOn)
				SELECT printf('benchmov%07d', i), printf('benchitm%07d', i * 7919 % 90), iif(i % 10 = 0, 90, -9), 'adjustment', `+day+` FROM c`,
		)
		for _, a := range away {
			statements = append(statements, a.SQL)
		}
		for _, s := range statements {
			if _, err := tx.NonconcurrentDB().NewQuery(s).Bind(dbx.Params{"n": n, "p": patients}).Execute(); err != nil {
				return fmt.Errorf("%.60s: %w", s, err)
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	if err := reports.Repair(app); err != nil {
		tb.Fatal(err)
	}
	if _, err := app.NonconcurrentDB().NewQuery("ANALYZE").Execute(); err != nil {
		tb.Fatal(err)
	}
}

// rows is for a size that takes too long to make each time: ten million take half an hour.
var rows = flag.Int("rows", 0, "how many appointments BenchmarkReports measures, beside 1,000")

// BenchmarkReports measures the reports at 1,000, 100,000 and 1,000,000 appointments, and
// as many invoices and as many payments, over HTTP, sign-in check included: a report that
// was made before, as when a screen is opened again. "cold" is the first of it after the start,
// "changed" the first after a visit of the last day was cancelled, or was not after all. For comparison there are "health", a
// request that does nothing, and "signed-in", which looks up who asks and nothing else. cpu-µs is the time of server and client together, which other
// programs on the machine disturb least; the ratio is to it at 1,000 rows.
//
//	go test -run '^$' -bench Reports -benchtime 200x ./modules/reports/
func BenchmarkReports(b *testing.B) {
	base := map[string]float64{}
	sizes := []int{1_000, 100_000, 1_000_000}
	if *rows > 0 {
		sizes = []int{1_000, *rows}
	}
	for _, n := range sizes {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			s := set.Start(b)
			grow(b, s.App, n)
			for _, r := range measured {
				cold := timed(b, s, r.path) // a benchmark is run twice: the second time, it has been asked for
				b.Run(r.name, func(b *testing.B) { measure(b, s, r.path, n, base, cold) })
			}
			agreesAtScale(b, s, n)
		})
	}
}

var measured = []struct{ name, path string }{
	{"health", "/api/health?"},
	{"signed-in", "/api/auth/me?"},
	{"patients/twelve-months", patientsPath + "?from=2025-12-01&to=2026-11-23"},
	{"patients/mid-month", patientsPath + "?from=2025-11-24&to=2026-11-23"},
	{"patients/ten-years", patientsPath + "?from=2016-12-01&to=2026-11-23"},
	{"revenue/twelve-months", revenuePath + "?from=2025-12-01&to=2026-11-23"},
	{"revenue/mid-month", revenuePath + "?from=2025-11-24&to=2026-11-23"},
	{"revenue/ten-years", revenuePath + "?from=2016-12-01&to=2026-11-23"},
	{"appointments/mid-month", appointmentsPath + "?from=2025-11-24&to=2026-11-23"},
	{"appointments/ten-years", appointmentsPath + "?from=2016-12-01&to=2026-11-23"},
	{"inventory/mid-month", inventoryPath + "?from=2025-11-24&to=2026-11-23"},
	{"inventory/ten-years", inventoryPath + "?from=2016-12-01&to=2026-11-23"},
	{"receivables", receivablesPath + "?to=2026-11-23"},
}

// measure times one report of n rows; base is the time at 1,000 rows by path.
func measure(b *testing.B, s *kerneltest.Server, path string, n int, base map[string]float64, cold time.Duration) {
	if err := raw(s.App, "UPDATE appointments SET status = iif(status = 'completed', 'cancelled', 'completed') WHERE id = 'benchapp' || printf('%07d', {:n} - 1)", dbx.Params{"n": n}); err != nil {
		b.Fatal(err)
	}
	changed := timed(b, s, path)
	busy := cpu(b)
	b.ResetTimer()
	for range b.N {
		timed(b, s, path)
	}
	b.StopTimer()
	warm := float64((cpu(b) - busy).Microseconds()) / float64(b.N)
	if n == 1_000 {
		base[path] = warm
	}
	b.ReportMetric(warm, "cpu-µs/op")
	if base[path] > 0 { // not when -bench leaves the small clinic out
		b.ReportMetric(warm/base[path], "×1k-rows")
	}
	b.ReportMetric(float64(cold.Microseconds()), "cold-µs")
	b.ReportMetric(float64(changed.Microseconds()), "changed-µs")
}

// agreesAtScale makes sure that what was measured is right. A million rows as Go structs, or
// their recount, take minutes: what they would show, 100,000 show too.
func agreesAtScale(b *testing.B, s *kerneltest.Server, n int) {
	b.Helper()
	if n > 100_000 {
		return
	}
	if found, err := reports.Recount(s.App); err != nil || len(found) > 0 {
		b.Fatalf("the summaries differ from the rows: %v %v", found, err)
	}
	agrees(b, s, "2025-11-24", "2026-11-23")
}

// BenchmarkTriggers measures what keeping the summaries costs a write: an appointment and
// its cancellation in SQL, forty a day, with the triggers and without.
//
//	go test -run '^$' -bench Triggers -benchtime 20000x ./modules/reports/
func BenchmarkTriggers(b *testing.B) {
	for _, kept := range []bool{false, true} {
		s := set.Start(b)
		if !kept {
			for _, name := range []string{"visit_sums_insert", "visit_sums_update", "visit_packs_insert", "visit_packs_update"} {
				if err := raw(s.App, "DROP TRIGGER "+name, nil); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.Run(fmt.Sprintf("kept=%v", kept), func(b *testing.B) {
			busy := cpu(b)
			err := s.App.RunInTransaction(func(tx core.App) error {
				for i := range b.N {
					id := dbx.Params{"id": fmt.Sprintf("%05d%010d", b.N, i), "day": time.Date(2026, 1, 1+i/40, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)}
					if err := raw(tx, "INSERT INTO appointments (id, patientId, doctorId, appointmentDate, status) VALUES ({:id}, {:id}, {:id}, {:day}, 'completed')", id); err != nil {
						return err
					}
					if err := raw(tx, "UPDATE appointments SET status = 'cancelled' WHERE id = {:id}", id); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64((cpu(b)-busy).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func timed(b *testing.B, s *kerneltest.Server, path string) time.Duration {
	b.Helper()
	token := s.Token(b, alma)
	start := time.Now()
	if r := s.Do(b, "GET", path, token, nil); r.Status != 200 {
		b.Fatalf("%d %s", r.Status, r.Body)
	}
	return time.Since(start)
}
