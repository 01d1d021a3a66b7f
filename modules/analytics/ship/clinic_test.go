package ship

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	_ "github.com/pocketbase/pocketbase/migrations" // PocketBase's own steps

	"github.com/polyclinic-os/polyclinic/kernel"
	a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

var postgres postgrestest.Shared

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

var ctx = context.Background()

// tables are those of a small clinic: people, and visits that go with their person.
var tables = []a.Table{
	{Collection: "people", Name: "people", Doc: "People.", Patients: true, Columns: []a.Column{
		{Name: "gender", Field: "gender", Doc: "Gender."},
	}},
	{Collection: "visits", Name: "visits", Doc: "Visits.", Columns: []a.Column{
		{Name: "person_id", Field: "patientId", Patient: true, Doc: "Whose."},
		{Name: "minutes", Field: "minutes", Kind: a.Integer, Doc: "How long."},
		{Name: "fee", Field: "fee", Kind: a.Money, Doc: "How much."},
		{Name: "at", Field: "at", Kind: a.Time, Doc: "When."},
		{Name: "codes", Field: "codes", Kind: a.JSON, Doc: "What."},
	}},
}

// clinic is a data folder and, while it ships, its shipper, which a test drives step by step.
type clinic struct {
	t   testing.TB
	app *core.BaseApp
	url string
	*Shipper
	ahead atomic.Int64 // how far its clock is ahead
}

// open opens a data folder and gives it the small clinic's collections.
func open(t testing.TB, dir, url string) *clinic {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: kernel.Connect})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	if err := app.RunSystemMigrations(); err != nil {
		t.Fatal(err)
	}
	c := &clinic{t: t, app: app, url: url}
	t.Cleanup(func() {
		c.leaves()
		_ = app.ResetBootstrapState() // the folder goes with the test
	})
	if _, err := app.FindCollectionByNameOrId("people"); err == nil {
		return c
	}
	people := core.NewBaseCollection("people")
	people.Fields.Add(&core.TextField{Name: "gender"}, &core.TextField{Name: "name"})
	c.must(app.Save(people))
	visits := core.NewBaseCollection("visits")
	visits.Fields.Add(
		&core.RelationField{Name: "patientId", CollectionId: people.Id, MaxSelect: 1, CascadeDelete: true},
		&core.NumberField{Name: "minutes"}, &core.NumberField{Name: "fee"}, &core.DateField{Name: "at"}, &core.JSONField{Name: "codes"},
	)
	visits.AddIndex("visits_person", false, "patientId", "")
	c.must(app.Save(visits))
	return c
}

func newClinic(t testing.TB) *clinic {
	t.Helper()
	return open(t, t.TempDir(), postgres.Server(t).Database(t))
}

func (c *clinic) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// ships starts to ship, and changes its settings first.
func (c *clinic) ships(with ...func(*Config)) *clinic {
	c.t.Helper()
	c.must(c.tries(with...))
	return c
}

func (c *clinic) tries(with ...func(*Config)) error {
	c.t.Helper()
	c.leaves()
	cfg := Config{
		App: c.app, Tables: tables, URL: func() string { return c.url }, Site: "north", Holder: c.app.DataDir(), Cap: 1 << 40,
		Now: func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) },
	}
	for _, fn := range with {
		fn(&cfg)
	}
	c.Shipper = New(cfg)
	var err error
	c.source, err = capture.NewSource(c.app, cfg.Tables, cfg.Options)
	c.must(err)
	if err := c.tend(ctx); err != nil {
		return err
	}
	if err := c.connect(ctx); err != nil {
		return err
	}
	return c.take(ctx)
}

// leaves stops shipping, cleanly.
func (c *clinic) leaves() {
	if c.Shipper == nil {
		return
	}
	if c.w != nil {
		c.leave()
	}
	c.source.Close()
	c.Shipper = nil
}

// dies stops shipping without a word.
func (c *clinic) dies() {
	_ = c.w.Close(ctx) // as a killed process's
	c.source.Close()
	c.Shipper = nil
}

// settle ships until nothing waits.
func (c *clinic) settle() *clinic {
	c.t.Helper()
	for range 10_000 {
		c.marksRead = time.Time{}
		seq, todo := c.at.Seq, len(c.plan.Todo)
		busy, err := c.step(ctx)
		c.must(err)
		if busy || c.at.Seq != seq || todo > 0 || len(c.plan.Todo) > 0 {
			continue
		}
		marks, err := capture.Resyncs(c.app)
		c.must(err)
		if len(marks) == 0 {
			return c
		}
	}
	c.t.Fatal("it never settles")
	return c
}

// minuteLater lets the minute go by after which the triggers are looked at.
func (c *clinic) minuteLater() *clinic {
	c.ahead.Add(int64(tendEvery))
	return c
}

func (c *clinic) exec(sql string, params ...dbx.Params) {
	c.t.Helper()
	q := c.app.NonconcurrentDB().NewQuery(sql)
	for _, p := range params {
		q.Bind(p)
	}
	if _, err := q.Execute(); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
}

// people adds n of them, each with a visit.
func (c *clinic) people(prefix string, n int) {
	c.t.Helper()
	c.exec(fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO people (id, gender, name) SELECT printf('%s%%07d', i), 'female', 'secret' FROM n`, n, prefix))
	c.exec(fmt.Sprintf(`INSERT INTO visits (id, patientId, minutes, fee, at, codes) SELECT 'v' || id, id, 20, 1250, '2026-05-06 07:08:09.123Z', '[1]' FROM people WHERE id GLOB '%s*'`, prefix))
}

func (c *clinic) collection(name string) *core.Collection {
	c.t.Helper()
	col, err := c.app.FindCollectionByNameOrId(name)
	c.must(err)
	return col
}

// ask returns the first value that PostgreSQL answers.
func (c *clinic) ask(sql string) any {
	c.t.Helper()
	pg := postgrestest.Connect(c.t, c.url)
	defer pg.Close(ctx)
	var v any
	if err := pg.QueryRow(ctx, sql).Scan(&v); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func (c *clinic) wants(sql string, want any) {
	c.t.Helper()
	if got := c.ask(sql); got != want {
		c.t.Errorf("%s: got %v, want %v", sql, got, want)
	}
}

// same compares every value with what PostgreSQL has.
func (c *clinic) same() *clinic {
	c.t.Helper()
	view, err := c.source.View(ctx)
	c.must(err)
	defer view.End()
	for _, table := range c.Tables {
		want := map[string][]any{}
		c.must(view.Each(table.Name, func(r row.Row) error {
			var extra any
			if r.Extra != nil {
				extra = *r.Extra
			}
			want[r.ID] = plain(table, r.Values, r.Hash, extra)
			return nil
		}))
		got := c.inWarehouse(table)
		for id, w := range want {
			if g, ok := got[id]; !ok {
				c.t.Errorf("%s %q is missing", table.Name, id)
			} else if !reflect.DeepEqual(g, w) {
				c.t.Errorf("%s %q: got %v, want %v", table.Name, id, g, w)
			}
		}
		for id := range got {
			if _, ok := want[id]; !ok {
				c.t.Errorf("%s %q is a ghost", table.Name, id)
			}
		}
	}
	return c
}

// plain makes a row's values comparable: JSON without the way it is written.
func plain(table a.Table, values []any, hash any, extra any) []any {
	normal := func(raw any) any {
		var v any
		if s, ok := raw.(string); ok && json.Unmarshal([]byte(s), &v) == nil {
			out, err := json.Marshal(v)
			if err == nil {
				return string(out)
			}
		}
		return raw
	}
	out := slices.Clone(values)
	for i, c := range table.Columns {
		if c.Kind == a.JSON {
			out[i] = normal(out[i])
		}
		if at, ok := out[i].(time.Time); ok {
			out[i] = at.UTC()
		}
	}
	return append(out, hash, normal(extra))
}

func (c *clinic) inWarehouse(table a.Table) map[string][]any {
	c.t.Helper()
	pg := postgrestest.Connect(c.t, c.url)
	defer pg.Close(ctx)
	var columns []string
	for _, col := range table.Columns {
		columns = append(columns, map[bool]string{true: `"` + col.Name + `"::text`, false: `"` + col.Name + `"`}[col.Kind == a.JSON])
	}
	q, err := pg.Query(ctx, "SELECT id, "+strings.Join(columns, ", ")+`, h, extra::text FROM polyclinic."`+table.Name+`" WHERE site_id = $1`, c.Site)
	c.must(err)
	defer q.Close()
	got := map[string][]any{}
	for q.Next() {
		v, err := q.Values()
		c.must(err)
		n := len(v)
		got[v[0].(string)] = plain(table, v[1:n-2], v[n-2], v[n-1])
	}
	c.must(q.Err())
	return got
}

// copied returns a copy of the data folder as it is now, as a backup is one.
func (c *clinic) copied() *clinic {
	c.t.Helper()
	dir := c.t.TempDir()
	c.exec("VACUUM INTO '" + filepath.Join(dir, "data.db") + "'")
	return open(c.t, dir, c.url)
}
