package ship

import (
	"errors"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
)

func TestChangesOfTheSchema(t *testing.T) {
	c := newClinic(t)
	c.people("a", 20)
	c.ships(func(cfg *Config) { cfg.Options.Extra = true }).settle().same()
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"the clinic adds a field", func() {
			col := c.collection("visits")
			col.Fields.Add(&core.TextField{Name: "x_room"}, &core.NumberField{Name: "notdeclared"})
			c.must(c.app.Save(col))
			c.exec(`UPDATE visits SET x_room = 'R1' WHERE id = 'va0000001'`)
		}},
		{"a declared field is renamed away", func() {
			col := c.collection("visits")
			col.Fields.GetByName("minutes").SetName("duration")
			c.must(c.app.Save(col))
			c.exec(`UPDATE visits SET duration = 7 WHERE id = 'va0000002'`)
		}},
		{"and comes back", func() {
			col := c.collection("visits")
			col.Fields.GetByName("duration").SetName("minutes")
			c.must(c.app.Save(col))
		}},
		{"a field is removed", func() {
			col := c.collection("visits")
			col.Fields.RemoveByName("fee")
			c.must(c.app.Save(col))
		}},
		{"the collection is renamed", func() {
			col := c.collection("visits")
			col.Name = "encounters"
			c.must(c.app.Save(col))
			c.exec(`UPDATE encounters SET minutes = 77 WHERE id = 'va0000003'`)
			c.exec(`DELETE FROM encounters WHERE id = 'va0000004'`)
		}},
		{"a minute goes by", func() { c.minuteLater() }},
		{"the collection is dropped", func() { c.must(c.app.Delete(c.collection("encounters"))); c.minuteLater() }},
		{"and made anew", func() {
			col := core.NewBaseCollection("visits")
			col.Fields.Add(&core.NumberField{Name: "minutes"})
			c.must(c.app.Save(col))
			c.exec(`INSERT INTO visits (id, minutes) VALUES ('anew', 1)`)
			c.minuteLater()
		}},
		{"a row of it changes", func() { c.exec(`UPDATE visits SET minutes = 2`) }},
	} {
		step.do()
		c.settle().same()
		if t.Failed() {
			t.Fatal(step.name)
		}
	}
	c.wants(`SELECT minutes FROM polyclinic.visits`, int64(2))
}

func TestATriggerDroppedByHandIsNoticed(t *testing.T) {
	c := newClinic(t)
	c.people("a", 20)
	c.ships().settle()
	id := c.collection("visits").Id
	c.exec(`DROP TRIGGER _analytics_` + id + `_u`)
	c.exec(`UPDATE visits SET minutes = 1`)
	c.settle()
	c.wants(`SELECT min(minutes) FROM polyclinic.visits`, int64(20))
	c.minuteLater().settle().same()
	c.exec(`UPDATE visits SET minutes = 2`)
	c.settle().same()

	// The log itself, with what waits in it.
	c.exec(`UPDATE visits SET minutes = 3`)
	c.exec(`DROP TABLE _analytics_log`)
	if _, err := c.minuteLater().step(ctx); err == nil {
		t.Error("nobody noticed that the log is gone")
	}
	c.exec(`UPDATE visits SET minutes = 4`)
	c.ships().settle().same()
	c.exec(`UPDATE visits SET minutes = 5`)
	c.settle().same()
}

func TestTheLogIsBounded(t *testing.T) {
	c := newClinic(t)
	c.people("a", 100)
	c.ships().settle()
	c.leaves()
	for range 30 {
		c.exec(`UPDATE visits SET minutes = minutes + 1`)
	}
	c.exec(`DELETE FROM visits WHERE id = 'va0000001'`)
	source, err := capture.NewSource(c.app, tables, capture.Options{})
	c.must(err)
	defer source.Close()
	state, err := capture.Floor(c.app)
	c.must(err)
	left, err := source.Compact(ctx, c.app, state)
	c.must(err)
	if left != 100 {
		t.Errorf("%d notes are left, want one of each row that changed", left)
	}
	c.ships().settle().same()
	c.leaves()

	// Beyond the cap the log goes and the tables are read in full.
	c.people("b", 200)
	c.exec(`DELETE FROM people WHERE id = 'a0000002'`)
	url := c.url
	c.url = "postgres://nobody@127.0.0.1:1/none"
	if err := c.tries(func(cfg *Config) { cfg.Cap = 50 }); err == nil {
		t.Fatal("connected")
	}
	kept, err := capture.ReadState(c.app)
	c.must(err)
	if kept.Overflows != 1 || !kept.Dropped {
		t.Errorf("the log was not dropped: %+v", kept)
	}
	c.url = url
	c.ships().settle().same()
	if kept, err = capture.ReadState(c.app); err != nil || kept.Dropped {
		t.Errorf("it still counts as dropped: %+v, %v", kept, err)
	}
}

func TestAWarehouseThatIsPutBack(t *testing.T) {
	c := newClinic(t)
	c.people("a", 50)
	c.ships().settle()
	server := postgres.Server(t)
	server.Exec(t, c.url, `CREATE SCHEMA old`, `CREATE TABLE old.people AS TABLE polyclinic.people`, `CREATE TABLE old.visits AS TABLE polyclinic.visits`, `CREATE TABLE old.sync_site AS TABLE polyclinic.sync_site`)
	putBack := func() {
		for _, table := range []string{"people", "visits", "sync_site"} {
			server.Exec(t, c.url, `DELETE FROM polyclinic.`+table, `INSERT INTO polyclinic.`+table+` SELECT * FROM old.`+table)
		}
	}
	c.people("b", 50)
	c.exec(`DELETE FROM visits WHERE id = 'va0000001'`)
	c.settle().same()
	epoch := c.at.Epoch
	c.leaves()
	putBack()
	c.exec(`UPDATE visits SET minutes = 3 WHERE id = 'va0000002'`)
	c.ships().settle().same()
	if c.at.Epoch != epoch {
		t.Error("the log would have reached, but everything was compared")
	}

	// The log reaches no longer.
	c.leaves()
	c.must(capture.Trim(c.app, 1<<40))
	putBack()
	c.ships().settle().same()
	if c.at.Epoch == epoch {
		t.Error("it goes on though notes are gone")
	}
}

func TestAnotherKeyAndTheSettingExtra(t *testing.T) {
	c := newClinic(t)
	col := c.collection("people")
	col.Fields.Add(&core.JSONField{Name: "x_more"}, &core.NumberField{Name: "x_n"})
	c.must(c.app.Save(col))
	c.people("a", 25)
	c.exec(`UPDATE people SET x_more = '{"a": [1]}', x_n = 2.5`)
	c.exec(`UPDATE people SET x_more = x'00ff' WHERE id = 'a0000001'`)
	c.ships().settle().same()
	c.wants(`SELECT count(*) FROM polyclinic.people WHERE extra IS NOT NULL`, int64(0))
	for _, key := range []string{"the first key of it", "the second key of it", ""} {
		c.ships(func(cfg *Config) { cfg.Options.Extra, cfg.Options.Key = true, []byte(key) }).settle().same().verifies(0)
		c.wants(`SELECT count(*) FROM polyclinic.people`, int64(25))
		c.wants(`SELECT count(*) FROM polyclinic.visits JOIN polyclinic.people p ON p.id = person_id AND p.site_id = visits.site_id`, int64(25))
		c.wants(`SELECT count(*) FROM polyclinic.people WHERE extra->>'x_n' = '2.5'`, int64(25))
		real := map[string]int64{"": 25}[key]
		c.wants(`SELECT count(*) FROM polyclinic.visits WHERE person_id LIKE 'a0%'`, real)
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	c := newClinic(t)
	c.people("a", 5)
	c.ships().settle().leaves()
	c.must(capture.Remove(c.app))
	var n int
	c.must(c.app.DB().NewQuery(`SELECT count(*) FROM sqlite_master WHERE name GLOB '_analytics*'`).Row(&n))
	if n != 0 {
		t.Errorf("%d things are left", n)
	}
	c.people("b", 5)
	c.exec(`DELETE FROM people WHERE id = 'a0000001'`)
	c.ships().settle().same() // nobody noted it, and yet
}

// A batch that was on its way when the log was dropped, and covered all of it, is lost too
// until the warehouse is known to have it.
func TestALogIsDroppedUnderABatch(t *testing.T) {
	c := newClinic(t)
	c.people("a", 10)
	c.ships(func(cfg *Config) { cfg.Cap = 300 }).settle().same()
	dropped := func(want bool) {
		t.Helper()
		own, err := capture.ReadState(c.app)
		c.must(err)
		if own.Dropped != want {
			t.Errorf("dropped is %v, want %v: %+v", own.Dropped, want, own)
		}
	}
	dropped(false)
	_ = c.w.Close(ctx) // as when the network is cut
	c.people("b", 200)
	if _, err := c.step(ctx); err == nil {
		t.Fatal("shipped over no connection")
	}
	c.leave()
	c.must(c.tend(ctx))
	dropped(true)
	c.ships().settle().same()
	dropped(false)
}

// A log that was dropped with all that belongs to it begins anew below what was shipped of
// the old one: its first notes do not pass for shipped.
func TestALogThatBeginsAnew(t *testing.T) {
	c := newClinic(t)
	c.people("a", 10)
	c.ships().settle()
	c.exec(`UPDATE people SET gender = 'male'`)
	c.settle().same()
	for _, table := range []string{"log", "batch", "state", "table"} {
		c.exec(`DROP TABLE _analytics_` + table)
	}
	_, err := capture.Ensure(c.app, tables)
	c.must(err)
	c.exec(`UPDATE people SET gender = 'other' WHERE id = 'a0000001'`)
	if _, err := c.step(ctx); !errors.Is(err, errLogLost) {
		t.Fatalf("got %v, want that the log is lost", err)
	}
	c.ships().settle().same()
}
