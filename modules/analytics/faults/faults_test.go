// Package faults drives the analytics sync through what goes wrong in a clinic: a real
// PostgreSQL, a network that breaks, and the real program, ended without a word. After each
// fault every column of every row is compared, and counts and checksums are in the log of
// the test (-v). Random choices come from a seed that the log names: more rounds find more,
//
//	go test -count 20 -timeout 2h ./modules/analytics/faults/
package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
	a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

var (
	postgres postgrestest.Shared
	binary   program.Program
)

func TestMain(m *testing.M) {
	status := program.Test(m, "../../..", func(p program.Program) { binary = p })
	postgres.Remove()
	if dir, err := demo(); err == nil {
		_ = os.RemoveAll(dir) // it lies in the temporary folder
	}
	os.Exit(status)
}

var ctx = context.Background()

// patience bounds every wait.
const patience = 2 * time.Minute

// until waits until fn says that all is well, "".
func until(t testing.TB, fn func() string) {
	t.Helper()
	end := time.Now().Add(patience)
	for {
		wrong := fn()
		if wrong == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %s: %s", patience, wrong)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// folder is a data folder and its rows in the warehouse, whoever ships them.
type folder struct {
	t       testing.TB
	dir     string
	url     string // of the warehouse, past any proxy
	site    string
	tables  []a.Table
	options capture.Options
}

// data opens the folder's database, as somebody beside the server does.
func (f *folder) data() *dbx.DB {
	f.t.Helper()
	db, err := kernel.Connect(filepath.Join(f.dir, "data.db"))
	f.must(err)
	return db
}

func (f *folder) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) exec(statements ...string) {
	f.t.Helper()
	db := f.data()
	defer db.Close()
	for _, sql := range statements {
		if _, err := db.NewQuery(sql).Execute(); err != nil {
			f.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// ask scans the first row that PostgreSQL answers.
func (f *folder) ask(sql string, into ...any) error {
	c, err := pgx.Connect(ctx, f.url)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	return c.QueryRow(ctx, sql).Scan(into...)
}

func (f *folder) wants(sql string, want any) {
	f.t.Helper()
	var got any
	f.must(f.ask(sql, &got))
	if got != want {
		f.t.Errorf("%s: got %v, want %v", sql, got, want)
	}
}

// place is where the site stands in the warehouse.
func (f *folder) place() (epoch, holder string, seq int64) {
	f.t.Helper()
	f.must(f.ask(`SELECT epoch, holder, seq FROM polyclinic.sync_site WHERE site_id = '`+f.site+`'`, &epoch, &holder, &seq))
	return epoch, holder, seq
}

// settled waits until nothing of the folder waits to be shipped.
func (f *folder) settled() {
	f.t.Helper()
	db := f.data()
	defer db.Close()
	until(f.t, func() string {
		var head, marks int64
		if err := db.NewQuery(`SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = '_analytics_log'), 0), (SELECT count(*) FROM _analytics_table WHERE resync != '')`).Row(&head, &marks); err != nil {
			return err.Error()
		}
		var seq int64
		var snap string
		if err := f.ask(`SELECT seq, snap FROM polyclinic.sync_site WHERE site_id = '`+f.site+`'`, &seq, &snap); err != nil {
			return err.Error()
		}
		if seq < head || snap != "" || marks > 0 {
			return fmt.Sprintf("the warehouse is at %d of %d, to be read: %s, marked: %d", seq, head, snap, marks)
		}
		return ""
	})
}

// psql does in the warehouse what somebody might by hand.
func (f *folder) psql(statements ...string) {
	f.t.Helper()
	postgres.Server(f.t).Exec(f.t, f.url, statements...)
}

// same waits until all is shipped and compares every value with what PostgreSQL has.
func (f *folder) same() (rows int) {
	f.t.Helper()
	f.settled()
	source, err := capture.NewSource(core.NewBaseApp(core.BaseAppConfig{DataDir: f.dir}), f.tables, f.options)
	f.must(err)
	defer source.Close()
	view, err := source.View(ctx)
	f.must(err)
	defer view.End()
	var sums []string
	for _, table := range f.tables {
		want := map[string]string{}
		f.must(view.Each(table.Name, func(r row.Row) error {
			var extra any
			if r.Extra != nil {
				extra = *r.Extra
			}
			want[r.ID] = plain(append(slices.Clone(r.Values), extra, r.Hash))
			return nil
		}))
		got := f.inWarehouse(table)
		for id, w := range want {
			if g, there := got[id]; !there {
				f.t.Errorf("%s %q is missing", table.Name, id)
			} else if g != w {
				f.t.Errorf("%s %q: the warehouse has\n%s, the clinic\n%s", table.Name, id, g, w)
			}
		}
		for id := range got {
			if _, there := want[id]; !there {
				f.t.Errorf("%s %q is a ghost", table.Name, id)
			}
		}
		rows += len(got)
		if len(want)+len(got) > 0 {
			sums = append(sums, fmt.Sprintf("%s %d=%d %08x=%08x", table.Name, len(want), len(got), sum(want), sum(got)))
		}
	}
	f.t.Logf("%s, rows and checksums in clinic=warehouse: %s", f.site, strings.Join(sums, ", "))
	return rows
}

// sum is a checksum over all values of all rows.
func sum(rows map[string]string) (s uint32) {
	for id, values := range rows {
		h := fnv.New32a()
		fmt.Fprint(h, id, "\x00", values)
		s += h.Sum32()
	}
	return s
}

// plain writes values so that equal ones look the same: JSON without the way it is written.
func plain(values []any) string {
	for i, v := range values {
		switch v := v.(type) {
		case time.Time:
			values[i] = v.UTC().Format(time.RFC3339Nano)
		case string:
			var decoded any
			if strings.ContainsAny(v, "{[") && json.Unmarshal([]byte(v), &decoded) == nil {
				values[i] = fmt.Sprint(decoded)
			}
		}
	}
	return fmt.Sprintf("%v", values)
}

func (f *folder) inWarehouse(table a.Table) map[string]string {
	f.t.Helper()
	columns := []string{"id"}
	for _, c := range table.Columns {
		columns = append(columns, map[bool]string{true: `"` + c.Name + `"::text`, false: `"` + c.Name + `"`}[c.Kind == a.JSON])
	}
	c, err := pgx.Connect(ctx, f.url)
	f.must(err)
	defer c.Close(ctx)
	q, err := c.Query(ctx, "SELECT "+strings.Join(columns, ", ")+`, extra::text, h FROM polyclinic."`+table.Name+`" WHERE site_id = $1`, f.site)
	f.must(err)
	defer q.Close()
	got := map[string]string{}
	for q.Next() {
		v, err := q.Values()
		f.must(err)
		got[v[0].(string)] = plain(v[1:])
	}
	f.must(q.Err())
	return got
}
