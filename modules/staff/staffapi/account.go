package staffapi

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// CheckAccount returns what is wrong with the field userId of a profile: the account must
// exist, have the role, and belong to no other profile of the collection. It returns nil
// when the field is empty or as it was. The second result is a fault.
func CheckAccount(tx core.App, profile *core.Record, role kernel.Role) (*kernel.Error, error) {
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
	others, err := tx.CountRecords(profile.Collection(), dbx.HashExp{"userId": id}, dbx.Not(dbx.HashExp{"id": profile.Id}))
	if err != nil {
		return nil, fmt.Errorf("account of a profile: %w", err)
	}
	if others > 0 {
		return kernel.Bad("userId", "account_taken", "The account belongs to somebody else."), nil
	}
	return nil, nil
}
