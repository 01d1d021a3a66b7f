package backup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// megabytes is how large the benchmark's database is: POLYCLINIC_BENCH_MB, or a gigabyte.
func megabytes(b *testing.B) int {
	b.Helper()
	text := os.Getenv("POLYCLINIC_BENCH_MB")
	if text == "" {
		return 1024
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkWriteWaitDuringABackup writes a record every 20 ms over HTTP, once for as long as a
// backup takes without one and once while one is made, and reports the longest wait of each.
func BenchmarkWriteWaitDuringABackup(b *testing.B) {
	sealed(b)
	s := ballasted(b)
	token := s.Token(b, grace)
	for i := range b.N {
		out := filepath.Join(b.TempDir(), fmt.Sprint(i))
		var took time.Duration
		during, n := longest(b, s, token, func() {
			began := time.Now()
			kerneltest.MustRun(b, s.Kernel, "backup", "--to", out)
			took = time.Since(began)
		})
		without, _ := longest(b, s, token, func() { time.Sleep(took) })
		info, err := os.Stat(out)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(took.Seconds(), "s/backup")
		b.ReportMetric(float64(info.Size()>>20), "MB/backup")
		b.ReportMetric(float64(during.Milliseconds()), "ms-worst-write")
		b.ReportMetric(float64(without.Milliseconds()), "ms-worst-write-without")
		b.ReportMetric(float64(during)/float64(without), "ratio")
		b.ReportMetric(float64(n), "writes")
	}
}

// BenchmarkWriteWaitWhileABackupIsOpened does the same while one is opened by itself.
func BenchmarkWriteWaitWhileABackupIsOpened(b *testing.B) {
	sealed(b)
	s := ballasted(b)
	token := s.Token(b, grace)
	for i := range b.N {
		nightly(b, s, fmt.Sprint(i))
		var took time.Duration
		during, n := longest(b, s, token, func() {
			began := time.Now()
			if got := look(b, s); got != "" {
				b.Error(got)
			}
			took = time.Since(began)
		})
		without, _ := longest(b, s, token, func() { time.Sleep(took) })
		b.ReportMetric(took.Seconds(), "s/look")
		b.ReportMetric(float64(during.Milliseconds()), "ms-worst-write")
		b.ReportMetric(float64(without.Milliseconds()), "ms-worst-write-without")
		b.ReportMetric(float64(n), "writes")
	}
}

// BenchmarkWriteWaitDuringAStep does the same while a step is made, after ten changed rows and then
// with the writes of the measurement itself, and reports the step beside a base and a whole backup.
func BenchmarkWriteWaitDuringAStep(b *testing.B) {
	dir := elsewhere(b)
	s := ballasted(b)
	token := s.Token(b, grace)
	whole, wholeCPU := spent(func() { kerneltest.MustRun(b, s.Kernel, "backup", "--to", filepath.Join(b.TempDir(), "whole")) })
	base, baseCPU := spent(func() { kerneltest.MustRun(b, s.Kernel, "backup", "step") })
	for range b.N {
		for range 10 {
			write(s, b, token, "a changed row")
		}
		var file string
		alone, cpu := spent(func() { file = newest(b, s, dir) })
		info, err := os.Stat(file)
		if err != nil {
			b.Fatal(err)
		}
		var took time.Duration
		during, n := longest(b, s, token, func() { took, _ = spent(func() { newest(b, s, dir) }) })
		without, _ := longest(b, s, token, func() { time.Sleep(took) })
		b.ReportMetric(alone.Seconds(), "s/step")
		b.ReportMetric(cpu.Seconds(), "cpu-s/step")
		b.ReportMetric(float64(info.Size()>>10), "kB/step")
		b.ReportMetric(base.Seconds(), "s/base")
		b.ReportMetric(baseCPU.Seconds(), "cpu-s/base")
		b.ReportMetric(whole.Seconds(), "s/backup")
		b.ReportMetric(wholeCPU.Seconds(), "cpu-s/backup")
		b.ReportMetric(float64(during.Milliseconds()), "ms-worst-write")
		b.ReportMetric(float64(without.Milliseconds()), "ms-worst-write-without")
		b.ReportMetric(float64(n), "writes")
	}
}

// spent returns how long fn took, and how much of the processors this program did meanwhile.
func spent(fn func()) (wall, cpu time.Duration) {
	used := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // of ourselves: it cannot fail
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	began, before := time.Now(), used()
	fn()
	return time.Since(began), used() - before
}

// ballasted returns a server with a database of as many megabytes as are asked for.
func ballasted(b *testing.B) *kerneltest.Server {
	b.Helper()
	s := set.Start(b)
	mb := megabytes(b)
	if _, err := s.App.NonconcurrentDB().NewQuery("CREATE TABLE ballast (x BLOB)").Execute(); err != nil {
		b.Fatal(err)
	}
	for range mb {
		// Rows of 4 kB, of which half can be packed, as a clinic's.
		_, err := s.App.NonconcurrentDB().NewQuery(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 256)
			INSERT INTO ballast SELECT hex(randomblob(2000)) FROM n`).Execute()
		if err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// longest returns the longest of the writes while fn runs, and how many there were.
func longest(b *testing.B, s *kerneltest.Server, token string, fn func()) (worst time.Duration, n int) {
	b.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return worst, n
		case <-tick.C:
		}
		began := time.Now()
		r := s.Do(b, "POST", "/api/medical-records", token, `{"patientId":"`+patientsapi.Ada+`","diagnosis":"Cough"}`)
		if r.Status != 201 {
			b.Fatalf("%d %s", r.Status, r.Body)
		}
		worst, n = max(worst, time.Since(began)), n+1
	}
}
