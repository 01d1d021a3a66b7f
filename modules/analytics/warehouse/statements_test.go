package warehouse_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

var update = flag.Bool("update", false, "write testdata/statements.sql anew")

// people have pseudonyms, and stays are of them.
var (
	people = analyticsapi.Table{Collection: "people", Name: "people", Doc: "People.", Patients: true, Columns: []analyticsapi.Column{{Name: "gender", Field: "gender", Doc: "Gender."}}}
	stays  = analyticsapi.Table{Collection: "stays", Name: "stays", Doc: "Stays.", Columns: []analyticsapi.Column{
		{Name: "person_id", Field: "patientId", Patient: true, Doc: "Whose."}, {Name: "bed", Field: "bed", Doc: "Where."},
	}}
)

// everything does with a warehouse all that it can, a row to set aside included.
func everything(t *testing.T, server *postgrestest.Server, url, via string, history bool, sent func(string)) {
	t.Helper()
	w, err := warehouse.Open(ctx, via, "north")
	must(t, err)
	defer w.Close(ctx)
	w.Sent, w.History = sent, history
	all := append(slices.Clone(tables), people, stays)
	must(t, w.EnsureSchema(ctx, all))
	server.Exec(t, url, "ALTER TABLE polyclinic.visits DROP COLUMN urgent", "ALTER TABLE polyclinic.visits ADD CONSTRAINT small CHECK (minutes < 1000)")
	must(t, w.EnsureSchema(ctx, all))
	must(t, w.NewEpoch(ctx, warehouse.Position{}, at(1)))
	must(t, w.NewEpoch(ctx, at(1), at(2)))
	_, err = w.Empty(ctx, visits)
	must(t, err)
	rows := several(10)
	steps := []func(from, to warehouse.Position) error{
		func(from, to warehouse.Position) error {
			_, err := w.CopyInto(ctx, warehouse.Load{From: from, To: to, Table: visits, Rows: rows})
			return err
		},
		func(from, to warehouse.Position) error {
			refused, err := w.Apply(ctx, warehouse.Batch{From: from, To: to, Rejects: []row.Reject{{Table: "visits", ID: "x", Column: "day", Reason: "is no day"}},
				Changes: []warehouse.Change{{Table: visits, Rows: []row.Row{visit("new", 1), visit("bad", 9998)}, Deleted: []string{"gone"}}}})
			if err == nil && (len(refused) != 1 || refused[0].ID != "bad") {
				err = fmt.Errorf("refused %v, want the bad one", refused)
			}
			return err
		},
		func(from, to warehouse.Position) error {
			_, err := w.Replace(ctx, warehouse.Range{From: from, To: to, Table: visits, Upto: &rows[3].ID, Rows: rows[:2]})
			return err
		},
		func(from, to warehouse.Position) error {
			_, err := w.Replace(ctx, warehouse.Range{From: from, To: to, Table: visits, After: &rows[3].ID, Upto: &rows[5].ID, Rows: rows[4:5]})
			return err
		},
		func(from, to warehouse.Position) error {
			_, err := w.Replace(ctx, warehouse.Range{From: from, To: to, Table: visits, After: &rows[5].ID, Rows: rows[6:8]})
			return err
		},
		func(from, to warehouse.Position) error {
			_, err := w.Replace(ctx, warehouse.Range{From: from, To: to, Table: visits, Rows: rows[6:8]})
			return err
		},
	}
	for i, step := range steps {
		if err := step(at(i+2), at(i+3)); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	end := at(len(steps) + 2)
	must(t, w.Beat(ctx, end))
	if history {
		must(t, w.UnhashVersions(ctx, end, all))
		must(t, w.FillVersions(ctx, end, all))
	}
	unfilled, err := w.Unfilled(ctx, all)
	must(t, err)
	must(t, w.Fill(ctx, end, unfilled[0]))
	must(t, w.Stale(ctx, end, people))
	must(t, w.Repseudonymise(ctx, end, all, "another"))
	_, _, err = w.Read(ctx)
	must(t, err)
	_, err = w.Buckets(ctx, visits, 2)
	must(t, err)
	_, err = w.IDs(ctx, visits, "vi", 2)
	must(t, err)
	for _, prefix := range []string{"", "vi"} {
		read := 0
		must(t, w.Rows(ctx, visits, prefix, func(row.Row) error { read++; return nil }))
		if read != 2 {
			t.Errorf("%d rows were read back, want 2", read)
		}
		w.Page = 1
	}
	must(t, w.Rows(ctx, visits, "vi", func(row.Row) error { return nil }))
	must(t, w.Rows(ctx, visits, "", func(row.Row) error { return nil }))
	must(t, w.Spoil(ctx, visits, []string{"nobody"}))
	must(t, w.Anchor(ctx, 7, "ab"))
	_, err = w.Anchors(ctx)
	must(t, err)
	_, _, err = w.Rejects(ctx, 3)
	must(t, err)
	_, err = w.OtherNames(ctx)
	must(t, err)
	_, err = w.Position(ctx)
	must(t, err)
	same(t, rowsOf(t, url, "north"), rows[6:8])
	must(t, w.Release(ctx, end))
}

// TestStatements holds on to the list of all that is ever sent to the warehouse, in
// testdata/statements.sql, and refuses in it what Citus, CockroachDB, YugabyteDB or a
// pooler in transaction mode does not take.
//
//	go test ./modules/analytics/warehouse/ -run TestStatements -update
func TestStatements(t *testing.T) {
	server := postgres.Server(t)
	list := []string{"SELECT version()"} // Open's, ahead of Sent
	for _, history := range []bool{false, true} {
		url := server.Database(t)
		everything(t, server, url, url, history, func(sql string) {
			if !slices.Contains(list, sql) {
				list = append(list, sql)
			}
		})
	}
	for _, sql := range list {
		if why := postgrestest.Unportable(sql); why != "" {
			t.Errorf("%s: %s", why, sql)
		}
	}
	for _, sql := range []string{"SAVEPOINT piece", "RELEASE SAVEPOINT piece", "ROLLBACK TO SAVEPOINT piece", "ROLLBACK"} {
		if !slices.Contains(list, sql) {
			t.Errorf("no row was sifted out: %s was not sent", sql)
		}
	}
	slices.Sort(list)
	got := "-- Every statement that the sync sends, here with the tables of the tests.\n" + strings.Join(list, ";\n") + ";\n"
	if *update {
		must(t, os.WriteFile("testdata/statements.sql", []byte(got), 0o644))
	}
	want, err := os.ReadFile("testdata/statements.sql")
	must(t, err)
	if got != string(want) {
		t.Errorf("testdata/statements.sql is not what is sent: see what changed, check it for the other engines, and run with -update. Sent:\n%s", got)
	}
}

// TestPoolerInTransactionMode does everything through a pooler that runs each transaction
// in another session, and makes sure that what is noted as sent is all that is on the wire.
func TestPoolerInTransactionMode(t *testing.T) {
	server := postgres.Server(t)
	url := server.Database(t)
	p := postgrestest.NewPooler(t, url, 3)
	sent := map[string]int{}
	everything(t, server, url, server.Via(url, p.Address()), true, func(sql string) { sent[sql]++ })
	if bad := p.Refused(); len(bad) > 0 {
		t.Errorf("not in transaction mode: %q", bad)
	}
	seen := p.Seen()
	for _, sql := range seen {
		if sent[sql] == 0 && sql != "SELECT version()" {
			t.Errorf("on the wire and not noted: %s", sql)
		}
	}
	if len(seen) < 50 {
		t.Error(fmt.Sprint("the pooler saw only ", len(seen), " statements"))
	}
}
