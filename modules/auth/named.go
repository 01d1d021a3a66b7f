package auth

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

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

// namedBy returns the collections that name the account, in order.
func namedBy(tx core.App, account *core.Record) (by []string, err error) {
	refs, err := tx.FindCachedCollectionReferences(account.Collection())
	if err != nil {
		return nil, err
	}
	k := kernel.Of(tx)
	for c, fields := range refs {
		if _, owned := k.AccessOf(c.Name); !owned {
			continue // a clinic's own collection says itself what becomes of its rows
		}
		for _, f := range fields {
			if rel, ok := f.(*core.RelationField); !ok || rel.CascadeDelete || isProfile(k, c.Name, rel.Name) {
				continue
			}
			_, err := tx.FindFirstRecordByFilter(c, f.GetName()+" ?= {:account}", dbx.Params{"account": account.Id})
			if err == nil {
				by = append(by, c.Name)
			} else if !errors.Is(err, sql.ErrNoRows) {
				return nil, fmt.Errorf("who names an account in %s: %w", c.Name, err)
			}
		}
	}
	if len(by) > 0 {
		slices.Sort(by)
		return slices.Compact(by), nil
	}
	for _, n := range kernel.All[authapi.Named](k) { // not indexed, so last
		var found string
		err := tx.DB().Select("id").From(n.Collection).Where(dbx.NewExp(n.Where, dbx.Params{"account": account.Id})).Limit(1).Row(&found)
		if err == nil {
			by = append(by, n.Collection)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("who names an account in %s: %w", n.Collection, err)
		}
	}
	return by, nil
}

// isProfile reports whether the field ties a profile to its account.
func isProfile(k *kernel.Kernel, collection, field string) bool {
	return field == "userId" && slices.ContainsFunc(kernel.All[authapi.Profile](k), func(p authapi.Profile) bool { return p.Collection == collection })
}
