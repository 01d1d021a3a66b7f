package staffapi

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// TieAccount checks the field userId of a profile that is about to be saved: the account
// must exist, have the role, and belong to nobody else. It returns what is wrong with it,
// nil when the field is empty or as it was; the second result is a fault.
//
// A deleted profile gives its account up: somebody who was registered twice keeps the one
// that is not deleted. The collection has the date field deletedAt.
func TieAccount(tx core.App, profile *core.Record, role kernel.Role) (*kernel.Error, error) {
	id := profile.GetString("userId")
	if id == "" || id == profile.Original().GetString("userId") {
		return nil, nil
	}
	account, err := tx.FindRecordById(kernel.AccountsCollection, id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("account of a profile: %w", err)
	}
	if err != nil || !role.Has(account) {
		return kernel.Bad("userId", "unknown_account", "There is no such account with the role "+role.Name+"."), nil
	}
	others, err := tx.FindAllRecords(profile.Collection(), dbx.HashExp{"userId": id}, dbx.Not(dbx.HashExp{"id": profile.Id}))
	if err != nil {
		return nil, fmt.Errorf("account of a profile: %w", err)
	}
	for _, other := range others {
		if other.GetDateTime("deletedAt").IsZero() {
			return kernel.Bad("userId", "account_taken", "The account belongs to somebody else."), nil
		}
		other.Set("userId", "")
		if err := tx.Save(other); err != nil {
			return nil, fmt.Errorf("account of a deleted profile: %w", err)
		}
	}
	return nil, nil
}
