package ship

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

func TestWhateverChangesARowArrives(t *testing.T) {
	c := newClinic(t)
	c.people("old", 30)
	c.ships().settle().same()
	c.wants(`SELECT count(*) FROM polyclinic.visits`, int64(30))
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"a record is saved", func() {
			r := core.NewRecord(c.collection("people"))
			r.Id = "adapatient00001"
			r.Set("gender", "female")
			c.must(c.app.Save(r))
		}},
		{"a record is changed", func() {
			r, err := c.app.FindRecordById("people", "adapatient00001")
			c.must(err)
			r.Set("gender", "other")
			c.must(c.app.Save(r))
		}},
		{"raw SQL", func() {
			c.exec(`INSERT INTO visits (id, patientId, minutes) VALUES ('adavisit0000001', 'adapatient00001', 5)`)
			c.exec(`UPDATE visits SET minutes = minutes + 1, fee = fee * 2`)
		}},
		{"a delete that cascades", func() {
			r, err := c.app.FindRecordById("people", "old0000001")
			c.must(err)
			c.must(c.app.Delete(r))
		}},
		{"another id", func() { c.exec(`UPDATE visits SET id = 'newid0000000001' WHERE id = 'vold0000002'`) }},
		{"ids that change places", func() {
			c.exec(`UPDATE visits SET id = 'tmp' WHERE id = 'vold0000003'`)
			c.exec(`UPDATE visits SET id = 'vold0000003' WHERE id = 'vold0000004'`)
			c.exec(`UPDATE visits SET id = 'vold0000004' WHERE id = 'tmp'`)
		}},
		{"a row that takes another's place", func() {
			c.exec(`CREATE UNIQUE INDEX only ON people (name) WHERE name = 'one'`)
			c.exec(`UPDATE people SET name = 'one' WHERE id = 'old0000005'`)
			c.exec(`INSERT OR REPLACE INTO people (id, name, gender) VALUES ('old0000006', 'one', 'male')`)
		}},
		{"an empty id", func() { c.exec(`INSERT INTO people (id, gender) VALUES ('', 'male')`) }},
		{"a change that is undone", func() {
			err := c.app.RunInTransaction(func(tx core.App) error {
				if _, err := tx.NonconcurrentDB().NewQuery(`DELETE FROM visits`).Execute(); err != nil {
					return err
				}
				return errors.New("no")
			})
			if err == nil {
				t.Fatal("committed")
			}
		}},
		{"a truncated collection", func() { c.must(c.app.TruncateCollection(c.collection("visits"))) }},
	} {
		step.do()
		c.settle().same()
		if t.Failed() {
			t.Fatal(step.name)
		}
	}
	c.wants(`SELECT count(*) FROM polyclinic.visits`, int64(0))
}

func TestPoisonValuesAreSetAside(t *testing.T) {
	c := newClinic(t)
	c.ships().settle()
	c.people("p", 5)
	c.exec(`UPDATE visits SET minutes = 'many', at = '2026-02-30 00:00:00.000Z', codes = '{"a":' WHERE id = 'vp0000001'`)
	c.exec(`UPDATE people SET gender = CAST(x'ff00' AS TEXT) WHERE id = 'p0000002'`)
	c.exec(`UPDATE visits SET fee = 9e999 WHERE id = 'vp0000003'`)
	c.exec(`INSERT INTO people (id, gender) VALUES (CAST(x'00ff' AS TEXT), 'x'), (x'0102', 'y'), ({:long}, 'z')`, dbx.Params{"long": strings.Repeat("l", 3000)})
	c.settle().same()
	c.wants(`SELECT count(*) FROM polyclinic.sync_reject WHERE tbl = 'visits'`, int64(4))
	c.wants(`SELECT count(*) FROM polyclinic.people`, int64(5))
	c.exec(`UPDATE visits SET minutes = 3, at = '', codes = '[]', fee = 1`)
	c.settle().same()
	c.wants(`SELECT count(*) FROM polyclinic.sync_reject WHERE tbl = 'visits'`, int64(0))
	c.wants(`SELECT count(*) FROM polyclinic.sync_reject WHERE reason = 'the id is too long'`, int64(1))
	c.exec(`UPDATE people SET gender = 'w' WHERE length(id) = 3000`)
	c.settle()
	c.wants(`SELECT count(*) FROM polyclinic.sync_reject WHERE reason = 'the id is too long'`, int64(1))
	c.exec(`DELETE FROM people WHERE length(id) = 3000`)
	c.settle().same()
	c.wants(`SELECT count(*) FROM polyclinic.sync_reject WHERE reason = 'the id is too long'`, int64(0))

	// The same rows, read in full.
	c.must(capture.Mark(c.app, capture.Asked))
	c.settle().same()
}

func TestARowThatTheWarehouseRefuses(t *testing.T) {
	c := newClinic(t)
	c.ships().settle()
	postgres.Server(t).Exec(t, c.url, `ALTER TABLE polyclinic.visits ADD CONSTRAINT no_long CHECK (minutes < 100)`)
	c.people("p", 50)
	c.exec(`UPDATE visits SET minutes = 500 WHERE id = 'vp0000007'`)
	c.settle()
	c.wants(`SELECT count(*) FROM polyclinic.visits`, int64(49))
	c.wants(`SELECT id FROM polyclinic.sync_reject`, "vp0000007")
	c.verifies(0)
	c.exec(`UPDATE visits SET minutes = 5 WHERE id = 'vp0000007'`)
	c.settle().same().verifies(0)
}

// verifies checks what a verification finds.
func (c *clinic) verifies(want int) (found []Difference) {
	c.t.Helper()
	v := Verifier{App: c.app, Source: c.source, W: c.w}
	for _, table := range c.Tables {
		got, err := v.Table(ctx, table)
		c.must(err)
		found = append(found, got.Differences...)
	}
	if len(found) != want {
		c.t.Errorf("%d differences: %v, want %d", len(found), found, want)
	}
	return found
}

func TestVerifyNamesAndMends(t *testing.T) {
	for _, key := range []string{"", "a key of the clinic"} {
		c := newClinic(t)
		c.people("p", 200)
		c.ships(func(cfg *Config) { cfg.Options.Key = []byte(key) }).settle().verifies(0)
		c.exec(`UPDATE visits SET fee = 3 WHERE id = 'vp0000009'`) // under way: no difference
		c.verifies(0)
		c.settle()
		postgres.Server(t).Exec(t, c.url,
			`DELETE FROM polyclinic.people WHERE id = (SELECT min(id) FROM polyclinic.people)`,
			`UPDATE polyclinic.visits SET h = h + 1, minutes = 99 WHERE id = 'vp0000002'`,
			`UPDATE polyclinic.visits SET fee = 77, codes = '[ 1.0,2 ]' WHERE id = 'vp0000003'`, // by hand: not in the hash
			`UPDATE polyclinic.visits SET codes = '[ 1.0 ]' WHERE id = 'vp0000004'`,             // the same, written in another way
			`INSERT INTO polyclinic.visits (site_id, id, h) VALUES ('north', 'ghost', 1), ('south', 'notours', 2)`,
			`INSERT INTO polyclinic.people (site_id, id, h) VALUES ('north', 'ghost', 1)`)
		found := c.verifies(5)
		v := Verifier{App: c.app, Source: c.source, W: c.w, Quick: true}
		quick := 0
		for _, table := range c.Tables {
			got, err := v.Table(ctx, table)
			c.must(err)
			quick += len(got.Differences)
		}
		if quick != 4 {
			t.Errorf("by the stored hashes alone %d rows differ, want 4", quick)
		}
		c.must(v.Repair(ctx, found))
		c.settle().same().verifies(0)
		c.wants(`SELECT count(*) FROM polyclinic.visits WHERE site_id = 'south'`, int64(1))
	}
}

func TestRestoredBackupHasNoGhosts(t *testing.T) {
	for _, since := range []int{1, 300} { // its log is shorter than the lost one, or longer
		c := newClinic(t)
		c.people("a", 40)
		c.ships().settle()
		backup := c.copied()
		c.people("b", 40)
		c.exec(`DELETE FROM visits WHERE id = 'va0000001'`)
		c.exec(`UPDATE people SET gender = 'male'`)
		c.settle().same()
		epoch, holder := c.at.Epoch, c.Holder
		c.dies()
		backup.people("since", since)
		backup.ships(func(cfg *Config) { cfg.Holder = holder }).settle().same()
		backup.wants(`SELECT count(*) FROM polyclinic.people`, int64(40+since))
		if backup.at.Epoch == epoch {
			t.Error("the epoch is the same")
		}
	}
}

func TestCopiedFolderIsRefused(t *testing.T) {
	for _, idle := range []bool{true, false} {
		c := newClinic(t)
		c.people("a", 10)
		c.ships().settle()
		clone := c.copied()
		if !idle {
			c.people("b", 10)
			c.settle()
		}
		clone.people("c", 3)
		if err := clone.tries(); !errors.Is(err, warehouse.ErrInUse) || !strings.Contains(err.Error(), "POLYCLINIC_SITE_ID") {
			t.Fatalf("idle %v: the copy was let in: %v", idle, err)
		}
		clone.leaves()
		c.people("d", 10)
		c.settle().same()

		// When the first has ended, the other may.
		c.leaves()
		clone.ships().settle().same()
		if err := c.tries(); !errors.Is(err, warehouse.ErrInUse) {
			t.Errorf("idle %v: the first takes over again: %v", idle, err)
		}
		c.leaves()
	}
}

func TestKilledProcessComesBackAtOnce(t *testing.T) {
	c := newClinic(t)
	c.ships().settle()
	for i := range 5 {
		c.people(fmt.Sprintf("r%d", i), 10)
		if i%2 == 0 { // killed with a batch noted here that the warehouse never saw
			_, err := c.begin(c.at.Seq+5, c.plan)
			c.must(err)
		}
		epoch := c.at.Epoch
		c.dies()
		c.ships().settle().same()
		if c.at.Epoch != epoch {
			t.Error("it starts over")
		}
	}
}

func TestFirstCopyUnderWrites(t *testing.T) {
	for _, key := range []string{"", "a key of the clinic"} {
		c := newClinic(t)
		c.people("a", 300)
		with := func(cfg *Config) { cfg.Chunk, cfg.Options.Key = 50, []byte(key) }
		c.ships(with)
		n := 0
		c.url = strings.Clone(c.url)
		for range 1000 {
			n++
			if n < 12 {
				c.exec(fmt.Sprintf(`INSERT INTO people (id, gender) VALUES ('new%d', 'x')`, n))
				c.exec(fmt.Sprintf(`DELETE FROM people WHERE id = 'a%07d'`, n*20))
				c.exec(fmt.Sprintf(`UPDATE visits SET minutes = %d`, n))
				c.exec(fmt.Sprintf(`INSERT OR REPLACE INTO people (id, gender) VALUES ('a%07d', 'again')`, n*7))
			}
			if _, err := c.step(ctx); err != nil {
				t.Fatal(err)
			}
			if n == 2 {
				c.dies()
				c.ships(with)
			}
			if len(c.plan.Todo) == 0 && n > 12 {
				break
			}
		}
		c.settle().same().verifies(0)
	}
}

// interrupted reads one chunk of the first table and stops there.
func (c *clinic) interrupted() {
	c.t.Helper()
	table, _ := c.source.Table(c.plan.first())
	p := c.plan
	p.Begun, p.Copy = true, true
	got := c.reader(table)(ctx, p)
	c.must(got.err)
	c.must(c.put(ctx, table, got))
	if !c.plan.Begun || c.plan.Rowid == 0 {
		c.t.Fatalf("not in the middle: %+v", c.plan)
	}
}

func TestFirstCopyGoesOnWhereItStopped(t *testing.T) {
	for _, between := range []struct {
		name string
		do   func(*clinic)
	}{
		{"nothing", func(*clinic) {}},
		{"VACUUM", func(c *clinic) {
			c.exec(`DELETE FROM people WHERE id < 'a0000040'`)
			c.exec(`VACUUM`)
		}},
		{"a row that moves behind the cursor", func(c *clinic) {
			c.exec(`INSERT OR REPLACE INTO people (id, gender) VALUES ('a0000003', 'moved')`)
		}},
		{"a field more", func(c *clinic) {
			col := c.collection("people")
			col.Fields.Add(&core.TextField{Name: "x_ward"})
			c.must(c.app.Save(col))
		}},
		{"the collection's end", func(c *clinic) {
			c.must(c.app.Delete(c.collection("visits")))
			c.must(c.app.Delete(c.collection("people")))
		}},
	} {
		c := newClinic(t)
		c.people("a", 100)
		small := func(cfg *Config) { cfg.Chunk = 30 }
		c.ships(small)
		c.interrupted()
		c.dies()
		between.do(c)
		c.ships(small).settle().same()
		if t.Failed() {
			t.Fatal(between.name)
		}
	}
}
