package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
)

func TestFaultPoisonRows(t *testing.T) {
	c := newClinic(t)
	c.ships(c.url)
	for round := range 2 { // as changes, and read in full
		prefix := []string{"s", "f"}[round]
		if round == 1 {
			c.stops()
		}
		c.people(prefix, 200)
		for i, set := range []string{
			`minutes = 'many'`, `minutes = 9223372036854775808`, `fee = 1e300`, `fee = 12.5`, `fee = 9e999`, `weight = 9e999`, `weight = -9e999`, `weight = 'NaN'`,
			`at = '2026-02-30 00:00:00.000Z'`, `at = 'soon'`, `at = 5`, `day = '2026-02-30'`, `day = '0000-00-00'`,
			`codes = '{"a":'`, `codes = '["\u0000"]'`, `codes = '[1e999999]'`, `codes = CAST(x'5b22ff225d' AS TEXT)`, `patientId = CAST(x'610062' AS TEXT)`, `patientId = CAST(x'61ff' AS TEXT)`,
		} {
			c.exec(fmt.Sprintf(`UPDATE visits SET %s WHERE id = 'v%s%07d'`, set, prefix, i+1))
		}
		c.exec(`UPDATE visits SET weight = 1e308, fee = 9007199254740992, minutes = 9e18 WHERE id = 'v` + prefix + `0000099'`) // large, and yet right
		if round == 1 {
			c.must(capture.Remove(c.app)) // so that all is read anew
			c.ships(c.url)
		}
		c.same()
		var n int
		var without int
		c.must(c.ask(`SELECT count(*), count(*) FILTER (WHERE reason = '' OR col = '') FROM polyclinic.sync_reject WHERE tbl = 'visits' AND id LIKE 'v`+prefix+`%'`, &n, &without))
		if n != 19 || without != 0 {
			t.Errorf("round %d: %d values are set aside, %d without a reason or column, want 19", round, n, without)
		}
		c.wants(fmt.Sprintf(`SELECT count(*) FROM polyclinic.visits WHERE id LIKE 'v%s%%'`, prefix), int64(200))
	}
	// Mended at the clinic, nothing is set aside any more.
	c.exec(`UPDATE visits SET minutes = 1, fee = 2, weight = 3, at = '2026-05-06 07:08:09.123Z', day = '2026-05-06', codes = '[]', patientId = ''`)
	c.same()
	c.wants(`SELECT count(*) FROM polyclinic.sync_reject`, int64(0))
}

func TestFaultSchemaChangesWhileWritesGoOn(t *testing.T) {
	c := newClinic(t)
	c.options.Extra = true
	c.people("a", 500)
	c.ships(c.url).settled()
	collection := func(name string) *core.Collection {
		col, err := c.app.FindCollectionByNameOrId(name)
		c.must(err)
		return col
	}
	visits := func(change func(*core.Collection)) func() {
		return func() {
			col := collection("visits")
			change(col)
			c.must(c.app.Save(col))
		}
	}
	for _, step := range []struct {
		name string
		do   func()
		then string
	}{
		{"an x_ field comes", visits(func(col *core.Collection) { col.Fields.Add(&core.TextField{Name: "x_room"}) }), `UPDATE visits SET x_room = 'R1' WHERE rowid % 2 = 0`},
		{"the x_ field becomes a number", visits(func(col *core.Collection) { // as the dashboard does it: another field of the name, in one save
			col.Fields.RemoveByName("x_room")
			col.Fields.Add(&core.NumberField{Name: "x_room"})
		}), `UPDATE visits SET x_room = 7 WHERE rowid % 10 = 0`},
		{"another x_ field comes", visits(func(col *core.Collection) { col.Fields.Add(&core.NumberField{Name: "x_bed"}) }), `UPDATE visits SET x_bed = 9`},
		{"the two trade names", visits(func(col *core.Collection) {
			room, bed := col.Fields.GetByName("x_room"), col.Fields.GetByName("x_bed")
			room.SetName("x_bed")
			bed.SetName("x_room")
		}), `UPDATE visits SET minutes = 2 WHERE rowid % 5 = 0`},
		{"the other x_ field goes", visits(func(col *core.Collection) { col.Fields.RemoveByName("x_bed") }), `UPDATE visits SET minutes = 2 WHERE rowid % 5 = 0`},
		{"the x_ field goes", visits(func(col *core.Collection) { col.Fields.RemoveByName("x_room") }), `UPDATE visits SET minutes = 3 WHERE rowid % 5 = 0`},
		{"a declared field goes", visits(func(col *core.Collection) { col.Fields.RemoveByName("weight") }), `UPDATE visits SET minutes = 4 WHERE rowid % 5 = 0`},
		{"a declared field comes", visits(func(col *core.Collection) { col.Fields.Add(&core.NumberField{Name: "weight"}) }), `UPDATE visits SET weight = 80.25 WHERE rowid % 3 = 0`},
		{"VACUUM", func() { c.exec(`VACUUM`) }, `UPDATE visits SET minutes = 5 WHERE rowid % 5 = 0`},
	} {
		c.while(step.do)
		c.exec(step.then)
		c.same()
		if t.Failed() {
			t.Fatal(step.name)
		}
	}
	// Renamed and dropped in the middle of a stream of changes.
	col := collection("visits")
	col.Name = "encounters"
	c.must(c.app.Save(col))
	for range 100 {
		c.change("encounters")
	}
	c.minuteLater()
	c.same()
	c.exec(`UPDATE encounters SET minutes = 6`)
	c.must(c.app.Delete(collection("encounters")))
	c.minuteLater()
	until(t, func() string {
		var n int
		if err := c.ask(`SELECT count(*) FROM polyclinic.visits`, &n); err != nil || n > 0 {
			return fmt.Sprint(n, " rows of a collection that is gone ", err)
		}
		return ""
	})
	c.same()
}

// An update of Polyclinic declares a column more: the rows that are there already get it.
func TestFaultUpgradeDeclaresAColumn(t *testing.T) {
	c := newClinic(t)
	full := c.tables
	older := slices.Clone(full)
	older[1].Columns = full[1].Columns[:3]
	c.tables = older
	c.people("a", 500)
	c.ships(c.url).same()
	c.exec(`UPDATE visits SET weight = 64.5, fee = 3`)
	c.tables = full
	c.ships(c.url)
	c.while(c.settled)
	c.same()
	c.wants(`SELECT count(*) > 400 FROM polyclinic.visits WHERE weight IS NOT NULL`, true)
	// An older version, started again, leaves what it does not know.
	c.tables = older
	c.ships(c.url)
	c.exec(`UPDATE visits SET minutes = 2`)
	c.same()
	c.tables = full
	c.ships(c.url).same()
}

func TestFaultTriggerDroppedByHand(t *testing.T) {
	c := newClinic(t)
	c.people("a", 300)
	c.ships(c.url).same()
	col, err := c.app.FindCollectionByNameOrId("visits")
	c.must(err)
	for i, suffix := range []string{"i", "u", "k", "d"} {
		c.exec(`DROP TRIGGER _analytics_` + col.Id + `_` + suffix)
		c.writes(60)
		c.exec(fmt.Sprintf(`INSERT INTO visits (id, minutes) VALUES ('unseen%d', 1)`, i), `UPDATE visits SET minutes = 77`, `UPDATE visits SET id = 'moved' || id WHERE id LIKE 'va%3'`, `DELETE FROM visits WHERE id LIKE 'va%2'`)
		c.minuteLater()
		until(t, func() string {
			var n int
			c.must(c.app.DB().NewQuery(`SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name = '_analytics_` + col.Id + `_` + suffix + `'`).Row(&n))
			return map[bool]string{true: "the trigger is not back"}[n == 0]
		})
		c.same()
	}
}

// In the middle of a first copy that goes by rowids these change without a trace in the log,
// as VACUUM may do it.
func TestFaultVacuumInTheFirstCopy(t *testing.T) {
	for _, renumbered := range []bool{false, true} {
		c := newClinic(t)
		c.people("a", 400)
		proxy := postgrestest.NewProxy(t, postgres.Server(t).Address())
		proxy.Slow(10 * time.Millisecond)
		c.ships(postgres.Server(t).Via(c.url, proxy.Address()), func(cfg *ship.Config) { cfg.Chunk = 20 })
		until(t, func() string {
			var snap string
			if err := c.ask(`SELECT snap FROM polyclinic.sync_site`, &snap); err != nil {
				return err.Error()
			}
			return map[bool]string{false: "not in the middle: " + snap}[strings.Contains(snap, `["visits"]`) && strings.Contains(snap, `"rowid":`)]
		})
		c.stops()
		if renumbered {
			col, err := c.app.FindCollectionByNameOrId("visits")
			c.must(err)
			c.must(c.app.RunInTransaction(func(tx core.App) error {
				var sql string
				name := `_analytics_` + col.Id + `_u`
				if err := tx.DB().NewQuery(`SELECT sql FROM sqlite_master WHERE name = '` + name + `'`).Row(&sql); err != nil {
					return err
				}
				for _, s := range []string{`DROP TRIGGER ` + name, `UPDATE visits SET rowid = -rowid`, sql} {
					if _, err := tx.NonconcurrentDB().NewQuery(s).Execute(); err != nil {
						return err
					}
				}
				return nil
			}))
		} else {
			c.exec(`DELETE FROM visits WHERE rowid % 3 = 0`, `VACUUM`)
		}
		c.ships(c.url, func(cfg *ship.Config) { cfg.Chunk = 40 }).same()
	}
}

// Somebody drops or empties tables in the warehouse: they are made again and filled.
func TestFaultTableDroppedInTheWarehouse(t *testing.T) {
	c := newClinic(t)
	c.people("a", 300)
	c.ships(c.url).same()
	for _, sql := range []string{`DROP TABLE polyclinic.visits CASCADE`, `DROP TABLE polyclinic.sync_site`, `DROP SCHEMA polyclinic CASCADE`} {
		postgres.Server(t).Exec(t, c.url, sql)
		c.exec(`UPDATE visits SET minutes = minutes + 1 WHERE id = 'va0000007'`)
		c.says(func(is ship.Snapshot) bool { return is.Failures > 0 })
		c.ships(c.url).same() // else it waits, as somebody may have to act
	}
	c.stops()
	postgres.Server(t).Exec(t, c.url, `TRUNCATE polyclinic.people`)
	c.ships(c.url).same()
}
