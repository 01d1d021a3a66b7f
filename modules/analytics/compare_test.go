package analytics_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/analytics"
	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

// same waits until everything is shipped and compares every value of every declared column
// with what PostgreSQL has.
func same(t testing.TB, s *kerneltest.Server, url string) (rows int) {
	t.Helper()
	tables := kernel.All[analyticsapi.Table](s.Kernel)
	options := capture.Options{Extra: os.Getenv("POLYCLINIC_ANALYTICS_EXTRA") == "on"}
	if key := os.Getenv("POLYCLINIC_ANALYTICS_PSEUDONYM_KEY"); key != "" {
		options.Key = []byte(key)
	}
	settled(t, s)
	source, err := capture.NewSource(s.App, tables, options)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	view, err := source.View(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer view.End()
	for _, table := range tables {
		want := map[string]row.Row{}
		if err := view.Each(table.Name, func(r row.Row) error { want[r.ID] = plain(t, table, r); return nil }); err != nil {
			t.Fatal(err)
		}
		got := inWarehouse(t, s, url, table)
		rows += len(got)
		for id, r := range want {
			if g, ok := got[id]; !ok {
				t.Errorf("%s %s is missing", table.Name, id)
			} else if !reflect.DeepEqual(g, r) {
				t.Errorf("%s %s: got %+v, want %+v", table.Name, id, g, r)
			}
		}
		for id := range got {
			if _, ok := want[id]; !ok {
				t.Errorf("%s %s is a ghost", table.Name, id)
			}
		}
	}
	return rows
}

// settled waits until the server says that nothing waits, reactions to what was done included:
// an erasure cancels what was booked.
func settled(t testing.TB, s *kerneltest.Server) map[string]any {
	t.Helper()
	for s.Kernel.Deliver() > 0 {
	}
	var is map[string]any
	eventually(t, func() string {
		r := s.As(t, alma, "GET", "/api/analytics/status", nil)
		if r.Status != 200 {
			return r.Body
		}
		if is = r.JSON(t); is["state"] != "live" || is["lagRows"] != 0.0 {
			return r.Body
		}
		marks, err := capture.Resyncs(s.App)
		if err != nil || len(marks) > 0 {
			return "tables are still to be read"
		}
		return ""
	})
	return is
}

// inWarehouse reads a site's rows as Make makes them.
func inWarehouse(t testing.TB, s *kerneltest.Server, url string, table analyticsapi.Table) map[string]row.Row {
	t.Helper()
	site, err := analytics.Site(s.App)
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{"id"}
	for _, c := range table.Columns {
		name := `"` + c.Name + `"`
		if c.Kind == analyticsapi.JSON {
			name += "::text"
		}
		columns = append(columns, name)
	}
	c := postgrestest.Connect(t, url)
	defer c.Close(ctx)
	q, err := c.Query(ctx, "SELECT "+strings.Join(columns, ", ")+`, extra::text, h FROM polyclinic."`+table.Name+`" WHERE site_id = $1`, site)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	got := map[string]row.Row{}
	for q.Next() {
		v, err := q.Values()
		if err != nil {
			t.Fatal(err)
		}
		r := row.Row{ID: v[0].(string), Values: v[1 : len(v)-2], Hash: v[len(v)-1].(int64)}
		if x, ok := v[len(v)-2].(string); ok {
			r.Extra = &x
		}
		got[r.ID] = plain(t, table, r)
	}
	if q.Err() != nil {
		t.Fatal(q.Err())
	}
	return got
}

// plain makes rows comparable: JSON without the way it is written, times in UTC.
func plain(t testing.TB, table analyticsapi.Table, r row.Row) row.Row {
	t.Helper()
	normal := func(raw string) string {
		var v any
		if err := json.Unmarshal([]byte(raw), &v); err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for i, c := range table.Columns {
		switch v := r.Values[i].(type) {
		case string:
			if c.Kind == analyticsapi.JSON {
				r.Values[i] = normal(v)
			}
		case time.Time:
			r.Values[i] = v.UTC()
		}
	}
	if r.Extra != nil {
		x := normal(*r.Extra)
		r.Extra = &x
	}
	return r
}

// exec runs SQL on the clinic's database, as somebody would by hand.
func exec(t testing.TB, s *kerneltest.Server, sql string, params ...dbx.Params) {
	t.Helper()
	q := s.App.NonconcurrentDB().NewQuery(sql)
	if len(params) > 0 {
		q.Bind(params[0])
	}
	if _, err := q.Execute(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func number(t testing.TB, url, sql string, args ...any) (n int) {
	t.Helper()
	c := postgrestest.Connect(t, url)
	defer c.Close(ctx)
	if err := c.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}
