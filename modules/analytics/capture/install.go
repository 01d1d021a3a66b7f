package capture

import (
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

// Reasons for which a table is read in full again.
const (
	NewTable    = "new"     // never shipped
	Untriggered = "trigger" // a trigger was gone: changes may have gone unnoticed
	Reshaped    = "shape"   // its columns, or what becomes of them, changed
	Gone        = "gone"    // the collection does not exist any more
	Asked       = "asked"   // by a person
	PutBack     = "putback" // the warehouse went back to before it was read
	Emptied     = "emptied" // the warehouse has none of its rows
	Remade      = "remade"  // a column was dropped in the warehouse and made again: it is empty there
	LogLost     = "log"     // the log was dropped with what waited in it
)

// noted is what capture remembers of a table.
type noted struct {
	Name         string `db:"name"`
	CollectionID string `db:"collectionId"`
	Shape        string `db:"shape"`
	Resync       string `db:"resync"`
	Since        int64  `db:"since"`
}

// Ensure makes the log and the triggers of all tables complete, and marks the tables whose
// triggers were not for being read in full again. It returns their names. While nothing is
// missing it only reads.
func Ensure(app core.App, tables []analyticsapi.Table) (mended []string, err error) {
	if complete, err := isComplete(app, tables); err != nil || complete {
		return nil, err
	}
	err = app.RunInTransaction(func(tx core.App) error {
		if err := ensureTables(tx); err != nil {
			return err
		}
		known, err := readNoted(tx.NonconcurrentDB())
		if err != nil {
			return err
		}
		found, err := findTriggers(tx.NonconcurrentDB())
		if err != nil {
			return err
		}
		places, err := locate(tx.NonconcurrentDB(), tables, known)
		if err != nil {
			return err
		}
		wanted, unseen := map[string]bool{}, false
		for _, p := range places {
			for _, g := range p.triggers() {
				wanted[g.name(p.id)] = true
				unseen = unseen || g.suffix == held && !g.installed(found, p.id, p.name)
			}
			reason, err := p.ensure(tx, found, known[p.table.Name])
			if err != nil {
				return err
			}
			if reason != "" {
				mended = append(mended, p.table.Name)
			}
		}
		for name := range found {
			if !wanted[name] { // of a table that is not declared any more
				if err := execute(tx, "DROP TRIGGER "+quote(name), nil); err != nil {
					return err
				}
			}
		}
		if unseen {
			if mended, err = markHeld(tx, places, mended); err != nil {
				return err
			}
		}
		mended, err = guard(tx, places, mended)
		return err
	})
	return mended, err
}

// ensureTables makes the tables of capture. A log that was dropped begins behind everything
// that it ever held, and what it held counts as trimmed: else its first notes would pass for
// shipped ones.
func ensureTables(tx core.App) error {
	var lost bool
	err := tx.NonconcurrentDB().NewQuery(`SELECT count(*) = 1 FROM sqlite_master WHERE name IN ('_analytics_log', '_analytics_state') AND (SELECT count(*) FROM sqlite_master WHERE name = '_analytics_log') = 0`).Row(&lost)
	if err != nil {
		return fmt.Errorf("tables of analytics: %w", err)
	}
	for _, ddl := range []string{ddlLog, ddlState, ddlRow, ddlBatch, ddlSeq, ddlRefusal, ddlTable} {
		if err := execute(tx, ddl, nil); err != nil {
			return err
		}
	}
	if !lost {
		return nil
	}
	for _, sql := range []string{
		`UPDATE _analytics_state SET trimmed = max(trimmed, coalesce((SELECT max(seq) FROM _analytics_batch), 0)) + 1`,
		`INSERT INTO _analytics_log (seq, tbl, pk) SELECT trimmed, '', '' FROM _analytics_state`,
		`DELETE FROM _analytics_log`,
		`UPDATE _analytics_table SET resync = '` + LogLost + `'`,
	} {
		if err := execute(tx, sql, nil); err != nil {
			return err
		}
	}
	return nil
}

// LogIsGone reports whether a write was refused because its trigger found no log: somebody
// dropped it. Ensure makes it again, in the write's transaction too.
func LogIsGone(err error) bool {
	return err != nil && strings.Contains(err.Error(), "no such table: main."+logTable)
}

// SchemaVersion returns a number that is another after every change of the database's schema.
func SchemaVersion(app core.App) (version int64, err error) {
	err = app.ConcurrentDB().NewQuery("PRAGMA schema_version").Row(&version)
	return version, err
}

// place is where a declared table's rows are: the collection of the noted id, which may
// have been renamed, else the one of the declared name. id is "" when there is neither.
type place struct {
	table    analyticsapi.Table
	id, name string
	held     string // the field that withholds a patient, "" where there is none
}

func locate(db dbx.Builder, tables []analyticsapi.Table, known map[string]noted) ([]place, error) {
	var list []struct {
		ID   string `db:"id"`
		Name string `db:"name"`
	}
	if err := db.NewQuery(`SELECT id, name FROM _collections WHERE type != 'view'`).All(&list); err != nil {
		return nil, fmt.Errorf("collections: %w", err)
	}
	names, ids := map[string]string{}, map[string]string{}
	for _, c := range list {
		names[c.ID], ids[c.Name] = c.Name, c.ID
	}
	out := make([]place, 0, len(tables))
	for _, t := range tables {
		p := place{table: t, id: known[t.Name].CollectionID}
		if p.name = names[p.id]; p.name == "" {
			if p.id = ids[t.Collection]; p.id != "" {
				p.name = t.Collection
			}
		}
		if t.Patients && t.Withheld != "" && p.name != "" {
			if err := db.NewQuery(`SELECT coalesce(max(name), '') FROM pragma_table_info({:table}) WHERE name = {:field}`).Bind(dbx.Params{"table": p.name, "field": t.Withheld}).Row(&p.held); err != nil {
				return nil, fmt.Errorf("table %s: %w", t.Name, err)
			}
		}
		out = append(out, p)
	}
	return out, nil
}

// ensure makes one table's triggers complete and returns why it is to be read in full, ""
// when it is not.
func (p place) ensure(tx core.App, found map[string]foundTrigger, was noted) (reason string, err error) {
	switch {
	case was.Name == "":
		reason = NewTable
	case p.id == "" && was.CollectionID != "":
		reason = Gone
	case p.id != was.CollectionID:
		reason = NewTable
	}
	for _, g := range p.triggers() {
		if g.installed(found, p.id, p.name) {
			continue
		}
		if reason == "" {
			reason = Untriggered
		}
		if err := execute(tx, "DROP TRIGGER IF EXISTS "+quote(g.name(p.id)), nil); err != nil {
			return "", err
		}
		if err := execute(tx, g.ddl(p.id, p.name), nil); err != nil {
			return "", err
		}
	}
	if reason == "" {
		return "", nil
	}
	return reason, execute(tx, `INSERT INTO _analytics_table (name, collectionId, resync) VALUES ({:name}, {:id}, {:why})
		ON CONFLICT (name) DO UPDATE SET collectionId = excluded.collectionId, resync = excluded.resync`,
		dbx.Params{"name": p.table.Name, "id": p.id, "why": reason})
}

func isComplete(app core.App, tables []analyticsapi.Table) (bool, error) {
	db := app.ConcurrentDB()
	var n int
	err := db.NewQuery(`SELECT count(*) FROM sqlite_master WHERE name IN ('_analytics_log', '_analytics_state', '_analytics_batch', '_analytics_batch_seq', '_analytics_refusal', '_analytics_table')`).Row(&n)
	if err != nil || n < 6 {
		return false, err
	}
	found, err := findTriggers(db)
	if err != nil {
		return false, err
	}
	known, err := readNoted(db)
	if err != nil {
		return false, err
	}
	places, err := locate(db, tables, known)
	if err != nil {
		return false, err
	}
	right := 0
	for _, p := range places {
		if was, ok := known[p.table.Name]; !ok || was.CollectionID != p.id {
			return false, nil
		}
		for _, g := range p.triggers() {
			if !g.installed(found, p.id, p.name) {
				return false, nil
			}
			right++
		}
	}
	if right != len(found) {
		return false, nil
	}
	return kernel.ReplaceGuarded(app)
}

func readNoted(db dbx.Builder) (map[string]noted, error) {
	var list []noted
	if err := db.NewQuery(`SELECT name, collectionId, shape, resync, since FROM _analytics_table`).All(&list); err != nil {
		return nil, fmt.Errorf("tables of analytics: %w", err)
	}
	known := map[string]noted{}
	for _, n := range list {
		known[n.Name] = n
	}
	return known, nil
}

// Mark has tables read in full again, all when names is empty.
func Mark(app core.App, reason string, names ...string) error {
	params := dbx.Params{"why": reason}
	sql := `UPDATE _analytics_table SET resync = {:why}`
	if len(names) > 0 {
		var in []string
		for i, n := range names {
			key := fmt.Sprintf("n%d", i)
			in, params[key] = append(in, "{:"+key+"}"), n
		}
		sql += " WHERE name IN (" + strings.Join(in, ", ") + ")"
	}
	return execute(app, sql, params)
}
