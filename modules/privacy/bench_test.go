package privacy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// register adds patients by SQL: one in a hundred is Grace's.
func register(b *testing.B, s *kerneltest.Server, n int) {
	b.Helper()
	_, err := s.App.NonconcurrentDB().NewQuery(fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO patients (id, mrn, name, searchText, assignedDoctorId, registeredOn, created, updated)
		SELECT printf('bench%%010d', i), printf('B-%%07d', i), 'Somebody ' || i, 'somebody ' || i, CASE i %% 100 WHEN 0 THEN '%s' ELSE '%s' END, '2026-01-01',
			printf('2026-01-01 00:%%02d:%%02d.%%03dZ', i / 60000 %% 60, i / 1000 %% 60, i %% 1000), '2026-01-01 00:00:00.000Z' FROM n`,
		n, staffapi.Grace, staffapi.Omar)).Execute()
	if err != nil {
		b.Fatal(err)
	}
}

// A doctor's list and search under strict care, as a share of what they cost without it.
func BenchmarkStrictLists(b *testing.B) {
	s := set.Start(b)
	register(b, s, 100_000)
	took := func(path string) time.Duration {
		s.As(b, grace, "GET", path, nil)
		start := time.Now()
		for range 5 {
			if r := s.As(b, grace, "GET", path, nil); r.Status != 200 {
				b.Fatalf("%d %s", r.Status, r.Body)
			}
		}
		return time.Since(start) / 5
	}
	paths := map[string]string{"list": "/api/patients", "search": "/api/patients?q=somebody+99", "one": "/api/patients/bench0000000100"}
	usual := map[string]time.Duration{}
	for name, path := range paths {
		usual[name] = took(path)
	}
	if r := s.As(b, alma, "PUT", "/api/clinic", `{"strictCare":true}`); r.Status != 200 {
		b.Fatal(r.Body)
	}
	b.ResetTimer()
	for range b.N {
		for name, path := range paths {
			strict := took(path)
			b.ReportMetric(float64(strict)/float64(usual[name]), name+"-ratio")
			b.ReportMetric(float64(strict)/1e6, name+"-strict-ms")
			b.ReportMetric(float64(usual[name])/1e6, name+"-usual-ms")
		}
	}
}
