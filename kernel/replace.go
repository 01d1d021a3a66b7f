package kernel

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// REPLACE, INSERT OR REPLACE and UPDATE OR REPLACE delete the rows that stand in the way, and
// SQLite fires their DELETE triggers only where PRAGMA recursive_triggers is ON. Ours is, see
// Connect; another program's is not. What counts, notes or refuses deletes would be gone round.
// So a table that has a DELETE trigger has a guard: two triggers that carry out such a
// statement's deletes themselves, ahead of it, as plain DELETEs. Whoever writes needs to say
// nothing, and a statement without a conflict costs a look into each unique index.

// guardPrefix is how the names of the guards begin.
const guardPrefix = "_replaced_"

// ddlReplaced makes the table by which a guard learns whether its statement replaces. SQLite
// lets the conflict clause of the outermost statement rule those in a trigger, so that in a
// REPLACE, and in nothing else, INSERT OR IGNORE overwrites a row that is there.
const ddlReplaced = "CREATE TABLE IF NOT EXISTS _replaced (taken INTEGER PRIMARY KEY, replacing INTEGER NOT NULL)"

type guard struct {
	Name  string `db:"name"`
	Table string `db:"tbl_name"`
	SQL   string `db:"sql"`
}

// GuardReplace makes the guards of all tables as the schema now asks for, in the transaction
// tx. It returns the tables whose guard was missing or another: what was replaced there
// meanwhile may have gone unnoticed.
func GuardReplace(tx core.App) (tables []string, err error) {
	db := tx.NonconcurrentDB()
	stale, missing, err := compareGuards(tx, db)
	if err != nil {
		return nil, err
	}
	var steps []string
	for _, g := range stale {
		steps = append(steps, "DROP TRIGGER "+sqlName(g.Name))
	}
	if len(missing) > 0 {
		steps = append(steps, ddlReplaced)
	}
	for _, g := range missing {
		steps = append(steps, g.SQL)
		if len(tables) == 0 || tables[len(tables)-1] != g.Table {
			tables = append(tables, g.Table)
		}
	}
	for _, sql := range steps {
		if _, err := db.NewQuery(sql).Execute(); err != nil {
			return nil, fmt.Errorf("guards against REPLACE: %w", err)
		}
	}
	return tables, nil
}

// ReplaceGuarded reports whether GuardReplace would find nothing to do.
func ReplaceGuarded(app core.App) (bool, error) {
	stale, missing, err := compareGuards(app, app.ConcurrentDB())
	return len(stale)+len(missing) == 0, err
}

func compareGuards(app core.App, db dbx.Builder) (stale, missing []guard, err error) {
	var triggers []guard
	if err := db.NewQuery("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'").All(&triggers); err != nil {
		return nil, nil, fmt.Errorf("guards against REPLACE: %w", err)
	}
	tables, err := readGuarded(app, db, guardedTables(triggers))
	if err != nil {
		return nil, nil, fmt.Errorf("guards against REPLACE: %w", err)
	}
	have := map[string]guard{}
	for _, t := range triggers {
		if strings.HasPrefix(t.Name, guardPrefix) {
			have[t.Name] = t
		}
	}
	var there bool
	if err := db.NewQuery("SELECT count(*) > 0 FROM sqlite_master WHERE name = '_replaced'").Row(&there); err != nil {
		return nil, nil, fmt.Errorf("guards against REPLACE: %w", err)
	}
	for _, t := range tables {
		for _, g := range t.guards() {
			if have[g.Name].SQL != g.SQL || !there {
				missing = append(missing, g)
				continue
			}
			delete(have, g.Name)
		}
	}
	for _, name := range sortedKeys(have) {
		stale = append(stale, have[name])
	}
	return stale, missing, nil
}

var (
	onDelete = regexp.MustCompile(`(?i)\bDELETE\s+ON\b`)
	upsert   = regexp.MustCompile("(?is)\\bINSERT\\s+(?:OR\\s+\\w+\\s+)?INTO\\s+[\"`\\[]?(\\w+)[^;]*\\bON\\s+CONFLICT\\b")
)

// guardedTables returns the tables that have a DELETE trigger. Those in which triggers keep
// sums by upserts are none: a REPLACE of what is summed up would replace the sums.
func guardedTables(triggers []guard) map[string]bool {
	out := map[string]bool{}
	for _, t := range triggers {
		if onDelete.MatchString(t.SQL) {
			out[t.Table] = true
		}
	}
	for _, t := range triggers {
		for _, m := range upsert.FindAllStringSubmatch(t.SQL, -1) {
			delete(out, m[1])
		}
	}
	return out
}

// bindGuards lets a collection change its fields and indexes: no column can go that a trigger
// names. Its guards, and what notes its texts, are made anew from what it has then, in the same
// transaction.
func (k *Kernel) bindGuards() {
	k.App.OnCollectionUpdateExecute().Bind(&hook.Handler[*core.CollectionEvent]{Id: "kernel.guards", Priority: -1000, Func: func(e *core.CollectionEvent) error {
		outer := e.App
		defer func() { e.App = outer }() // PocketBase runs AfterSuccess on e.App
		return outer.RunInTransaction(func(tx core.App) error {
			e.App = tx
			var names []string
			db := tx.NonconcurrentDB()
			err := db.NewQuery("SELECT name FROM sqlite_master WHERE type = 'trigger' AND (name GLOB '" + guardPrefix + "*' OR name GLOB '" + textPrefix + "*') AND tbl_name = (SELECT name FROM _collections WHERE id = {:id})").
				Bind(dbx.Params{"id": e.Collection.Id}).Column(&names)
			if err != nil || len(names) == 0 {
				if err != nil {
					return err
				}
				return e.Next()
			}
			for _, name := range names {
				if _, err := db.NewQuery("DROP TRIGGER " + sqlName(name)).Execute(); err != nil {
					return err
				}
			}
			if err := e.Next(); err != nil {
				return err
			}
			if err := k.noteTexts(tx); err != nil {
				return err
			}
			_, err = GuardReplace(tx)
			return err
		})
	}})
}
