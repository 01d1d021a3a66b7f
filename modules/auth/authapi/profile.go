package authapi

import (
	"database/sql"
	"errors"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Profile is what a module contributes for the people of one role: the collection whose
// rows are tied to accounts by userId.
type Profile struct {
	Role       string
	Collection string
	// Create makes the profile of a new account, in the account's transaction.
	Create func(tx core.App, account *core.Record) error
	// Leave, where it is set, is told of the profile of an account that has another role now.
	Leave func(tx core.App, profile *core.Record) error
	// Return, where it is set, is told of the profile of an account that has the role again.
	Return func(tx core.App, profile *core.Record) error
}

// AccountID returns the account that id names: an account's own id, or the id of a
// profile that is tied to one. It returns "" when there is no such account.
func AccountID(app core.App, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	if _, err := app.FindRecordById(kernel.AccountsCollection, id); err == nil {
		return id, nil
	} else if !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	for _, p := range kernel.All[Profile](kernel.Of(app)) {
		r, err := app.FindRecordById(p.Collection, id)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return "", err
		}
		return r.GetString("userId"), nil
	}
	return "", nil
}

// ProfileOf returns the profile record of an account, nil when it has none.
func ProfileOf(app core.App, account *core.Record) (*core.Record, error) {
	for _, p := range kernel.All[Profile](kernel.Of(app)) {
		if p.Role != account.GetString("role") {
			continue
		}
		r, err := app.FindFirstRecordByData(p.Collection, "userId", account.Id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		return r, err
	}
	return nil, nil
}
