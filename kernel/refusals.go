package kernel

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// bindRefusals lets a collection be given a field though its rows may not be changed, as void
// invoices, payments and movements: PocketBase fills a new column of several values by an UPDATE of
// all rows. Triggers that refuse updates are away while the fields change, in the same transaction.
func (k *Kernel) bindRefusals() {
	k.App.OnCollectionUpdateExecute().Bind(&hook.Handler[*core.CollectionEvent]{Id: "kernel.refusals", Priority: -999, Func: func(e *core.CollectionEvent) error {
		outer := e.App
		defer func() { e.App = outer }() // PocketBase runs AfterSuccess on e.App
		return outer.RunInTransaction(func(tx core.App) error {
			e.App = tx
			before, err := tx.FindCollectionByNameOrId(e.Collection.Id)
			if err != nil {
				return err
			}
			if !keepsNames(before, e.Collection) {
				return e.Next()
			}
			db := tx.NonconcurrentDB()
			var refusals []guard
			err = db.NewQuery("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = {:table} AND sql LIKE '%BEFORE UPDATE%RAISE(%'").
				Bind(dbx.Params{"table": before.Name}).All(&refusals)
			if err != nil {
				return err
			}
			for _, t := range refusals {
				if _, err := db.NewQuery("DROP TRIGGER " + sqlName(t.Name)).Execute(); err != nil {
					return err
				}
			}
			if err := e.Next(); err != nil {
				return err
			}
			for _, t := range refusals {
				var there bool // made anew by the module that owns it
				if err := db.NewQuery("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = {:name})").Bind(dbx.Params{"name": t.Name}).Row(&there); err != nil {
					return err
				}
				if there {
					continue
				}
				if _, err := db.NewQuery(t.SQL).Execute(); err != nil {
					return err
				}
			}
			return nil
		})
	}})
}

// keepsNames reports whether every name that a trigger may have is there after the change as well. Of
// what is renamed SQLite writes the new name into triggers, and what they name cannot go: those have to stay.
func keepsNames(before, now *core.Collection) bool {
	for _, f := range before.Fields {
		if is := now.Fields.GetById(f.GetId()); is == nil || is.GetName() != f.GetName() {
			return false
		}
	}
	return before.Name == now.Name
}
