//go:build unix

package reports_test

import (
	"flag"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/reports"
)

// rows is for a size that takes too long to make each time: ten million take half an hour.
var rows = flag.Int("rows", 0, "how many appointments BenchmarkReports measures, beside 1,000")

// BenchmarkReports measures the reports at 1,000, 100,000 and 1,000,000 appointments, and
// as many payments and twice the invoices, over HTTP, sign-in check included: asked again, as when a
// screen is opened once more. "first" is the first of it after the server made the reports ready at its
// start, "changed" the median of reports each of which follows a change of a visit, a patient, an
// invoice, a payment, an item and a movement of the last day, and "start" how long making ready took.
// For comparison there are "health", a request that does nothing, and "signed-in", which looks up who
// asks and nothing else. cpu-µs is the time of server and client together, which other programs on the
// machine disturb least; the ratios are to it at 1,000 rows.
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
			s := grown(b, n)
			start := time.Now()
			if err := reports.Ready(b.Context(), s.Kernel); err != nil {
				b.Fatal(err)
			}
			b.Logf("made ready in %v", time.Since(start))
			for _, r := range measured {
				first := timed(b, s, r.path) // a benchmark is run twice: the second time, it has been asked for
				b.Run(r.name, func(b *testing.B) { measure(b, s, r.path, n, base, first) })
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

// measure times one report of n rows; base is the times at 1,000 rows by path.
func measure(b *testing.B, s *kerneltest.Server, path string, n int, base map[string]float64, first time.Duration) {
	changed := make([]time.Duration, changes)
	var busyChanged time.Duration
	for i := range changed {
		change(b, s, n)
		busy := cpu(b)
		changed[i] = timed(b, s, path)
		busyChanged += cpu(b) - busy
	}
	slices.Sort(changed)
	busy := cpu(b)
	b.ResetTimer()
	for range b.N {
		timed(b, s, path)
	}
	b.StopTimer()
	ratio := func(what string, busy time.Duration, times int) {
		took := float64(busy.Microseconds()) / float64(times)
		b.ReportMetric(took, what+"cpu-µs")
		if n == 1_000 {
			base[what+path] = took
		}
		if base[what+path] > 0 { // not when -bench leaves the small clinic out
			b.ReportMetric(took/base[what+path], what+"×1k")
		}
	}
	ratio("", cpu(b)-busy, b.N)
	ratio("changed-", busyChanged, changes)
	b.ReportMetric(float64(first.Microseconds()), "first-µs")
	b.ReportMetric(float64(changed[changes/2].Microseconds()), "changed-µs")
}

// changes is how many changes "changed" is the median of.
const changes = 21

// change alters one row of the last day of each kind that reports count, or alters it back.
func change(b *testing.B, s *kerneltest.Server, n int) {
	b.Helper()
	err := s.App.RunInTransaction(func(tx core.App) error {
		for _, statement := range []string{
			"UPDATE appointments SET status = iif(status = 'completed', 'cancelled', 'completed') WHERE id = 'benchap' || printf('%08d', {:n} - 1)",
			"UPDATE patients SET gender = iif(gender = 'female', 'male', 'female') WHERE id = 'benchpt' || printf('%08d', {:n} / 10 - 1)",
			"UPDATE invoices SET balanceMinor = iif(balanceMinor = 0, amountMinor, 0) WHERE id = 'benchiv' || printf('%08d', 2 * {:n} - 1)",
			"INSERT INTO payments (id, invoiceId, kind, amountMinor, method, paidOn) VALUES ('bp' || {:i}, printf('benchiv%08d', 40 * (abs(random()) % max({:n} / 40, 1))), 'refund', 1, 'cash', '2026-11-23')",
			"UPDATE inventory SET quantity = iif(quantity = 0, 9, 0) WHERE id = 'benchit00000499'",
			"INSERT INTO inventory_movements (id, itemId, delta, kind, movedOn) VALUES ('bm' || {:i}, 'benchit00000001', -9, 'adjustment', '2026-11-23')",
		} {
			done, err := tx.NonconcurrentDB().NewQuery(statement).Bind(dbx.Params{"n": n, "i": core.GenerateDefaultRandomId()[:13]}).Execute()
			if err != nil {
				return err
			}
			if rows, err := done.RowsAffected(); err != nil || rows != 1 {
				return fmt.Errorf("%.40s: %d rows, %w", statement, rows, err)
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
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
