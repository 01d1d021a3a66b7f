// Package capture notes which rows change, whatever changes them, and reads what is to be
// shipped. The notes are made by triggers in the transaction of the write: the key alone,
// so that a change of a collection's fields does them no harm.
package capture

import (
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// The tables that capture keeps in data.db, beside the clinic's. A backup holds them too:
// that is how a restored one is told from the present state.
const (
	logTable = "_analytics_log"
	ddlLog   = `CREATE TABLE IF NOT EXISTS _analytics_log (seq INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT NOT NULL, pk)`
	// trimmed: every note up to it may be gone. drainedAt: unix seconds when nothing was waiting.
	ddlState = `CREATE TABLE IF NOT EXISTS _analytics_state (id INTEGER PRIMARY KEY CHECK (id = 1),
		epoch TEXT NOT NULL DEFAULT '', token TEXT NOT NULL DEFAULT '', previous TEXT NOT NULL DEFAULT '',
		trimmed INTEGER NOT NULL DEFAULT 0, drainedAt INTEGER NOT NULL DEFAULT 0, overflows INTEGER NOT NULL DEFAULT 0)`
	ddlRow     = `INSERT INTO _analytics_state (id) VALUES (1) ON CONFLICT DO NOTHING`
	ddlBatch   = `CREATE TABLE IF NOT EXISTS _analytics_batch (token TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID`
	ddlSeq     = `CREATE INDEX IF NOT EXISTS _analytics_batch_seq ON _analytics_batch (seq)`
	ddlRefusal = `CREATE TABLE IF NOT EXISTS _analytics_refusal (id INTEGER PRIMARY KEY CHECK (id = 1), why TEXT NOT NULL, at INTEGER NOT NULL)`
	// resync: why the table is to be read in full again, '' when it is not. since: the log's
	// head when it was last begun to be.
	ddlTable = `CREATE TABLE IF NOT EXISTS _analytics_table (name TEXT PRIMARY KEY, collectionId TEXT NOT NULL DEFAULT '',
		shape TEXT NOT NULL DEFAULT '', resync TEXT NOT NULL DEFAULT '', since INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID`
)

// heldMark stands in a note in a collection's place: the patient's rows in all tables may say
// whose they are no more, or again. They are looked up when the note is read.
const heldMark = "_held"

// trigger is one of the four of a table, or of the five of one whose patients may be withheld.
type trigger struct{ suffix, event, body string }

// triggers returns what notes every change of a collection's rows. The id of the collection
// stands for it: when it is renamed, SQLite renames the table in a trigger, but not a name in
// its text.
func (p place) triggers() []trigger {
	if p.id == "" {
		return nil
	}
	note := func(collection, row string) string {
		return "BEGIN INSERT INTO " + logTable + " (tbl, pk) VALUES ('" + collection + "', " + row + ".id); END"
	}
	list := []trigger{
		{"i", "AFTER INSERT", note(p.id, "NEW")},
		{"u", "AFTER UPDATE", note(p.id, "NEW")},
		{"k", "AFTER UPDATE OF id", "WHEN OLD.id IS NOT NEW.id " + note(p.id, "OLD")},
		{"d", "AFTER DELETE", note(p.id, "OLD")},
	}
	if p.held != "" {
		empty := func(row string) string { return "(coalesce(" + row + "." + quote(p.held) + ", '') = '')" }
		list = append(list, trigger{held, "AFTER UPDATE OF " + quote(p.held), "WHEN " + empty("OLD") + " != " + empty("NEW") + " " + note(heldMark, "NEW")})
	}
	return list
}

// held is the suffix of the trigger that notes when a patient is withheld, or no more.
const held = "h"

func (t trigger) name(collectionID string) string {
	return "_analytics_" + collectionID + "_" + t.suffix
}

func (t trigger) ddl(collectionID, table string) string {
	return "CREATE TRIGGER " + quote(t.name(collectionID)) + " " + t.event + " ON " + quote(table) + " " + t.body
}

// quote makes an identifier of SQLite's.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// installed says whether the database has the trigger as it should be. SQLite rewrites its
// text when the table is renamed.
func (t trigger) installed(have map[string]foundTrigger, collectionID, table string) bool {
	f, ok := have[t.name(collectionID)]
	return ok && f.Table == table && strings.HasSuffix(f.SQL, t.body) && strings.Contains(f.SQL, " "+t.event+" ON ")
}

type foundTrigger struct {
	Name  string `db:"name"`
	Table string `db:"tbl_name"`
	SQL   string `db:"sql"`
}

func findTriggers(db dbx.Builder) (map[string]foundTrigger, error) {
	var list []foundTrigger
	err := db.NewQuery(`SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB '_analytics_*'`).All(&list)
	if err != nil {
		return nil, fmt.Errorf("triggers of analytics: %w", err)
	}
	found := map[string]foundTrigger{}
	for _, t := range list {
		found[t.Name] = t
	}
	return found, nil
}

// Remove takes every trigger and table of capture out of the database. Nothing is noted
// from then on; what was not shipped is known again by reading the tables in full.
func Remove(app core.App) error {
	return app.RunInTransaction(func(tx core.App) error {
		found, err := findTriggers(tx.NonconcurrentDB())
		if err != nil {
			return err
		}
		for name := range found {
			if err := execute(tx, "DROP TRIGGER "+quote(name), nil); err != nil {
				return err
			}
		}
		for _, t := range []string{logTable, "_analytics_state", "_analytics_batch", "_analytics_refusal", "_analytics_table"} {
			if err := execute(tx, "DROP TABLE IF EXISTS "+t, nil); err != nil {
				return err
			}
		}
		_, err = kernel.GuardReplace(tx)
		return err
	})
}

// Present reports whether capture was ever installed in the database.
func Present(app core.App) (bool, error) {
	var n int
	err := app.ConcurrentDB().NewQuery(`SELECT count(*) FROM sqlite_master WHERE name = '_analytics_state' OR type = 'trigger' AND name GLOB '_analytics_*'`).Row(&n)
	return n > 0, err
}

// execute runs one writing statement. What SQLite says names tables, never a row's values.
func execute(app core.App, sql string, params dbx.Params) error {
	if _, err := app.NonconcurrentDB().NewQuery(sql).Bind(params).Execute(); err != nil {
		return fmt.Errorf("analytics capture: %w", err)
	}
	return nil
}
