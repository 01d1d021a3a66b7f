package auth

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

var errNamed = kernel.Fail(http.StatusConflict, "account_named", "Records name this account: set its status to disabled instead.")

// keepNamed refuses to delete an account that a row of a module names, as its author or in
// another way: who did what would be lost. PocketBase alone empties such a relation, which is
// a change of the row too. Sessions and the like go with the account, and a profile can be
// without one.
func keepNamed(tx core.App, account *core.Record) error {
	by, err := namedBy(tx, account)
	if err != nil || len(by) == 0 {
		return err
	}
	return errNamed.Saying("The account cannot be deleted: it is named in " + strings.Join(by, ", ") + ". Set its status to disabled instead.")
}

// naming is where accounts are named: the rows of a collection on which the SQL condition
// holds name the account {:account}.
type naming struct{ collection, where string }

// namings returns where rows of modules name accounts; what has an index comes first.
func namings(tx core.App) (all []naming, err error) {
	accounts, err := tx.FindCachedCollectionByNameOrId(kernel.AccountsCollection)
	if err != nil {
		return nil, err
	}
	refs, err := tx.FindCollectionReferences(accounts) // the cache is behind a schema that is being changed
	if err != nil {
		return nil, err
	}
	k := kernel.Of(tx)
	for c, fields := range refs {
		if _, owned := k.AccessOf(c.Name); !owned {
			continue // a clinic's own collection says itself what becomes of its rows
		}
		for _, f := range fields {
			rel, ok := f.(*core.RelationField)
			if !ok || rel.CascadeDelete || isProfile(k, c.Name, rel.Name) {
				continue
			}
			where := "[" + rel.Name + "] = {:account}"
			if rel.IsMultiple() {
				where = "EXISTS (SELECT 1 FROM json_each(iif(json_valid([" + rel.Name + "]), [" + rel.Name + "], '[]')) WHERE value = {:account})"
			}
			all = append(all, naming{c.Name, where})
		}
	}
	slices.SortFunc(all, func(a, b naming) int {
		return cmp.Or(strings.Compare(a.collection, b.collection), strings.Compare(a.where, b.where))
	})
	for _, n := range kernel.All[authapi.Named](k) {
		all = append(all, naming{n.Collection, n.Where})
	}
	return all, nil
}

// namedBy returns the collections that name the account, in order.
func namedBy(tx core.App, account *core.Record) (by []string, err error) {
	all, err := namings(tx)
	if err != nil {
		return nil, err
	}
	relations := len(all) - len(kernel.All[authapi.Named](kernel.Of(tx)))
	for i, n := range all {
		if i == relations && len(by) > 0 {
			break // what is left has no index
		}
		var found string
		err := tx.DB().Select("id").From(n.collection).Where(dbx.NewExp(n.where, dbx.Params{"account": account.Id})).Limit(1).Row(&found)
		if err == nil {
			by = append(by, n.collection)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("who names an account in %s: %w", n.collection, err)
		}
	}
	slices.Sort(by)
	return slices.Compact(by), nil
}

// namedTrigger is the database's own refusal: plain SQL, of a script or another program, asks
// no hook.
const namedTrigger = "users_named"

// bindNamed makes the trigger at the start, and anew whenever a collection changes its fields:
// no column can go that a trigger names.
func bindNamed(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "auth: plain SQL deletes no account that records name", Func: func(se *core.ServeEvent) error {
		if err := se.App.RunInTransaction(refuseNamed); err != nil {
			return fmt.Errorf("trigger %s: %w", namedTrigger, err)
		}
		return se.Next()
	}})
	k.App.OnCollectionUpdateExecute().Bind(&hook.Handler[*core.CollectionEvent]{Id: "auth: plain SQL deletes no account that records name", Func: func(e *core.CollectionEvent) error {
		outer := e.App
		defer func() { e.App = outer }() // PocketBase runs AfterSuccess on e.App
		return outer.RunInTransaction(func(tx core.App) error {
			e.App = tx
			var there string
			err := tx.NonconcurrentDB().Select("name").From("sqlite_master").Where(dbx.HashExp{"type": "trigger", "name": namedTrigger}).Row(&there)
			if errors.Is(err, sql.ErrNoRows) {
				return e.Next() // the start has yet to come
			}
			if err != nil {
				return err
			}
			if _, err := tx.NonconcurrentDB().NewQuery("DROP TRIGGER " + namedTrigger).Execute(); err != nil {
				return err
			}
			if err := e.Next(); err != nil {
				return err
			}
			return refuseNamed(tx)
		})
	}})
}

// refuseNamed makes the trigger as the schema now asks for.
func refuseNamed(tx core.App) error {
	all, err := namings(tx)
	if err != nil || len(all) == 0 {
		return err
	}
	named := make([]string, len(all))
	for i, n := range all {
		named[i] = "EXISTS (SELECT 1 FROM [" + n.collection + "] WHERE " + strings.ReplaceAll(n.where, "{:account}", "OLD.id") + ")"
	}
	want := "CREATE TRIGGER " + namedTrigger + " BEFORE DELETE ON users\nWHEN " + strings.Join(named, "\n\tOR ") + "\nBEGIN SELECT RAISE(ABORT, 'polyclinic:account_named:error'); END"
	db := tx.NonconcurrentDB()
	var have string
	err = db.Select("sql").From("sqlite_master").Where(dbx.HashExp{"type": "trigger", "name": namedTrigger}).Row(&have)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if have == want {
		return nil
	}
	if _, err := db.NewQuery("DROP TRIGGER IF EXISTS " + namedTrigger).Execute(); err != nil {
		return err
	}
	_, err = db.NewQuery(want).Execute()
	return err
}

// isProfile reports whether the field ties a profile to its account.
func isProfile(k *kernel.Kernel, collection, field string) bool {
	return field == "userId" && slices.ContainsFunc(kernel.All[authapi.Profile](k), func(p authapi.Profile) bool { return p.Collection == collection })
}
