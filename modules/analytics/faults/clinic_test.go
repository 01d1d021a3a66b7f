package faults_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	_ "github.com/pocketbase/pocketbase/migrations" // PocketBase's own steps

	"github.com/polyclinic-os/polyclinic/kernel"
	a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
)

// small is what a clinic of the tests lets out: people, and visits that go with them.
func small() []a.Table {
	return []a.Table{
		{Collection: "people", Name: "people", Doc: "People.", Patients: true, Columns: []a.Column{
			{Name: "gender", Field: "gender", Doc: "Gender."},
		}},
		{Collection: "visits", Name: "visits", Doc: "Visits.", Columns: []a.Column{
			{Name: "person_id", Field: "patientId", Patient: true, Doc: "Whose."},
			{Name: "minutes", Field: "minutes", Kind: a.Integer, Doc: "How long."},
			{Name: "fee", Field: "fee", Kind: a.Money, Doc: "How much."},
			{Name: "weight", Field: "weight", Kind: a.Number, Doc: "How heavy."},
			{Name: "at", Field: "at", Kind: a.Time, Doc: "When."},
			{Name: "day", Field: "day", Kind: a.Day, Doc: "On which day."},
			{Name: "codes", Field: "codes", Kind: a.JSON, Doc: "What."},
		}},
	}
}

// clinic is a data folder with a shipper that runs.
type clinic struct {
	folder
	app     *core.BaseApp
	ahead   atomic.Int64 // how far its clock is ahead
	shipper *ship.Shipper
	cancel  context.CancelFunc
	done    chan struct{}
	random  *rand.Rand
	made    int
}

// newClinic makes one with a database of its own in the warehouse's server.
func newClinic(t testing.TB) *clinic {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := &clinic{folder: folder{t: t, dir: t.TempDir(), url: postgres.Server(t).Database(t), site: "north", tables: small()}, random: rand.New(rand.NewPCG(seed, 1))}
	c.app = core.NewBaseApp(core.BaseAppConfig{DataDir: c.dir, DBConnect: kernel.Connect})
	c.must(c.app.Bootstrap())
	c.must(c.app.RunSystemMigrations())
	t.Cleanup(func() {
		c.stops()
		_ = c.app.ResetBootstrapState() // the folder goes with the test
	})
	people := core.NewBaseCollection("people")
	people.Fields.Add(&core.TextField{Name: "gender"}, &core.TextField{Name: "name"})
	c.must(c.app.Save(people))
	visits := core.NewBaseCollection("visits")
	visits.Fields.Add(
		&core.RelationField{Name: "patientId", CollectionId: people.Id, MaxSelect: 1, CascadeDelete: true},
		&core.NumberField{Name: "minutes"}, &core.NumberField{Name: "fee"}, &core.NumberField{Name: "weight"}, &core.DateField{Name: "at"}, &core.TextField{Name: "day"}, &core.JSONField{Name: "codes"},
	)
	visits.AddIndex("visits_person", false, "patientId", "")
	c.must(c.app.Save(visits))
	return c
}

// ships starts shipping by an address, a proxy's or the server's own.
func (c *clinic) ships(url string, with ...func(*ship.Config)) *clinic {
	c.t.Helper()
	c.stops()
	cfg := ship.Config{
		App: c.app, Tables: c.tables, Options: c.options, URL: func() string { return url }, Site: c.site, Holder: c.dir, Cap: 1 << 40,
		Now: func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) },
	}
	for _, fn := range with {
		fn(&cfg)
	}
	var running context.Context
	running, c.cancel = context.WithCancel(ctx)
	c.shipper, c.done = ship.New(cfg), make(chan struct{})
	go func(s *ship.Shipper, done chan struct{}) {
		defer close(done)
		if err := s.Run(running, nil); err != nil {
			c.t.Error(err)
		}
	}(c.shipper, c.done)
	return c
}

func (c *clinic) stops() {
	if c.cancel != nil {
		c.cancel()
		<-c.done
		c.cancel = nil
	}
}

// minuteLater lets the minute go by after which the triggers are looked at.
func (c *clinic) minuteLater() { c.ahead.Add(int64(time.Minute)) }

// says waits until the shipper's status is fine with fn.
func (c *clinic) says(fn func(ship.Snapshot) bool) (is ship.Snapshot) {
	c.t.Helper()
	until(c.t, func() string {
		if is = c.shipper.Status(); !fn(is) {
			return fmt.Sprintf("%+v", is)
		}
		return ""
	})
	return is
}

// settled waits until the shipper has looked at everything, and nothing waits.
func (c *clinic) settled() {
	c.t.Helper()
	c.says(func(is ship.Snapshot) bool { return !is.DrainedAt.IsZero() })
	c.folder.settled()
}

func (c *clinic) same() {
	c.t.Helper()
	c.settled()
	c.folder.same()
}

// people adds n of them, each with a visit.
func (c *clinic) people(prefix string, n int) {
	c.t.Helper()
	c.exec(fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO people (id, gender, name) SELECT printf('%s%%07d', i), 'female', 'secret' FROM n`, n, prefix),
		fmt.Sprintf(`INSERT INTO visits (id, patientId, minutes, fee, weight, at, day, codes) SELECT 'v' || id, id, 20, 1250, 71.5, '2026-05-06 07:08:09.123Z', '2026-05-06', '[1, {"b": "ü", "a": 1.50}]'
			FROM people WHERE id GLOB '%s*'`, prefix))
}

// change is one random write, of a few rows or many. Every one must succeed, whatever is
// wrong with the warehouse.
func (c *clinic) change(visits string) {
	c.made++
	k, n := c.random.IntN(40), c.made
	sql := []string{
		fmt.Sprintf(`INSERT INTO %s (id, minutes, fee, at, day, codes) VALUES ('n%d', %d, %d, '2026-01-02 03:04:05.678Z', '2026-01-02', '{"n": %d}')`, visits, n, k, n, n),
		fmt.Sprintf(`UPDATE %s SET minutes = minutes + 1, fee = %d WHERE rowid %% 40 = %d`, visits, n, k),
		fmt.Sprintf(`UPDATE %s SET codes = '[%d]' WHERE rowid %% 3 = %d`, visits, n, k%3),
		fmt.Sprintf(`DELETE FROM %s WHERE rowid %% 400 = %d`, visits, k*10),
		fmt.Sprintf(`INSERT OR REPLACE INTO people (id, gender) VALUES ('p%d', 'other %d')`, k, n),
		fmt.Sprintf(`DELETE FROM people WHERE id = 'p%d'`, k),
		fmt.Sprintf(`UPDATE %s SET id = 'r%d' WHERE rowid = (SELECT min(rowid) + %d FROM %s)`, visits, n, k, visits),
	}[c.random.IntN(7)]
	if _, err := c.app.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
		c.t.Errorf("a write failed: %s: %v", sql, err)
	}
}

// while writes at random until fn is through.
func (c *clinic) while(fn func()) {
	c.t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	before := c.made
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				c.change("visits")
			}
		}
	}()
	defer func() {
		close(stop)
		<-done
		c.t.Logf("%d writes meanwhile", c.made-before)
	}()
	fn()
}

// writes does n of them.
func (c *clinic) writes(n int) {
	for range n {
		c.change("visits")
	}
}

// slowed makes PostgreSQL take its time in the middle of each batch, so that a test can do
// something to it there, see midBatch.
func (c *clinic) slowed() {
	c.t.Helper()
	postgres.Server(c.t).Exec(c.t, c.url,
		`CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.25); RETURN NULL; END $$`,
		`CREATE TRIGGER slow AFTER INSERT OR UPDATE ON polyclinic.visits FOR EACH STATEMENT EXECUTE FUNCTION slow()`)
}

// midBatch waits until PostgreSQL is in the middle of one.
func (f *folder) midBatch(table string) {
	f.t.Helper()
	until(f.t, func() string {
		var n int
		err := f.ask(`SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%polyclinic."`+table+`"%' AND wait_event = 'PgSleep'`, &n)
		if err != nil || n == 0 {
			return fmt.Sprint("no batch is under way: ", err)
		}
		return ""
	})
}
