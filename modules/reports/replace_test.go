package reports_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/reports"
)

// another opens the server's data as a program that says nothing of triggers, such as a script.
func another(t *testing.T, s *kerneltest.Server) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.App.DataDir(), "data.db")+"?_pragma=busy_timeout(10000)&_pragma=trusted_schema(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // what it wrote is committed
	db.SetMaxOpenConns(1)
	var on bool
	if err := db.QueryRow("PRAGMA recursive_triggers").Scan(&on); err != nil || on {
		t.Fatalf("recursive triggers: %v, %v", on, err)
	}
	return db
}

func TestReplaceByAnotherProgram(t *testing.T) {
	s := set.Start(t)
	other := another(t, s)
	const visit = " INTO appointments (id, patientId, doctorId, appointmentDate, status, sourceId) VALUES "
	for _, c := range []struct{ name, statement, left string }{ // the test's own visits that there are then
		{"at first", "INSERT" + visit + "('replace00000001', 'p', 'd', '2026-03-01', 'completed', 's1'), ('replace00000002', 'q', 'd', '2026-04-01', 'completed', 's2')", "1s1 2s2"},
		{"a row in its own place", "REPLACE" + visit + "('replace00000001', 'p', 'e', '2026-05-01', 'cancelled', 's1')", "1s1 2s2"},
		{"another row by a unique index", "INSERT OR REPLACE" + visit + "('replace00000003', 'p', 'd', '2026-05-02', 'completed', 's2')", "1s1 3s2"},
		{"two rows at once", "REPLACE" + visit + "('replace00000001', 'r', 'd', '2026-05-03', 'completed', 's2')", "1s2"},
		{"nothing, by INSERT OR IGNORE", "INSERT OR IGNORE" + visit + "('replace00000001', 'x', 'x', '2026-06-01', 'completed', ''), ('replace00000004', 'x', 'x', '2026-06-01', 'completed', '')", "1s2 4"},
		{"an upsert", "INSERT" + visit + "('replace00000001', 'x', 'x', '2026-06-02', 'completed', 's5') ON CONFLICT (id) DO UPDATE SET status = 'cancelled', sourceId = excluded.sourceId", "1s5 4"},
		{"an update that takes a key", "UPDATE OR REPLACE appointments SET sourceId = 's5' WHERE id = 'replace00000004'", "4s5"},
		{"an update that takes an id", "INSERT" + visit + "('replace00000006', 'p', 'd', '2026-07-01', 'completed', ''); UPDATE OR REPLACE appointments SET id = 'replace00000006' WHERE id = 'replace00000004'", "6s5"},
		{"a row by its rowid", "REPLACE INTO appointments (rowid, id, patientId, doctorId, appointmentDate, status) SELECT rowid, 'replace00000007', patientId, doctorId, appointmentDate, status FROM appointments WHERE id = 'replace00000006'", "7"},
	} {
		if _, err := other.Exec(c.statement); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var left string
		if err := other.QueryRow("SELECT group_concat(substr(id, 15) || sourceId, ' ') FROM (SELECT * FROM appointments WHERE id LIKE 'replace%' ORDER BY id)").Scan(&left); err != nil || left != c.left {
			t.Errorf("%s: left are %q, %v, want %q", c.name, left, err, c.left)
		}
		if found, err := reports.Recount(s.App); err != nil || len(found) > 0 {
			t.Errorf("%s: the summaries differ: %v %v", c.name, found, err)
		}
		agrees(t, s, "2026-01-01", "2026-12-31")
	}
	if _, err := other.Exec("INSERT" + visit + "('replace00000007', 'p', 'd', '2026-03-01', 'completed', '')"); err == nil || !strings.Contains(err.Error(), "UNIQUE constraint failed: appointments.id") {
		t.Errorf("an insert is no REPLACE: %v", err)
	}
}

// What the database keeps from deletes, it keeps from a REPLACE by another program.
func TestReplaceIsRefusedWhereDeletesAre(t *testing.T) {
	s := set.Start(t)
	other := another(t, s)
	for table, code := range map[string]string{
		"patients": "patient_kept", "doctors": "profile_kept", "payments": "ledger_immutable", "inventory": "item_kept", "inventory_movements": "movement_final",
	} {
		_, err := other.Exec("REPLACE INTO " + table + " SELECT * FROM " + table)
		if err == nil || !strings.Contains(err.Error(), "polyclinic:"+code) {
			t.Errorf("%s: got %v, want %s", table, err, code)
		}
	}
}
