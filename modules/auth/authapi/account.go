package authapi

import (
	"database/sql"
	"errors"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// SetDuty makes an account's duties those of its member of staff. It does nothing when
// they are so already, and returns kernel.ErrNotFound when there is no such account.
func SetDuty(tx core.App, accountID string, duties []string) error {
	r, err := tx.FindRecordById(kernel.AccountsCollection, accountID)
	if errors.Is(err, sql.ErrNoRows) {
		return kernel.ErrNotFound
	}
	if err != nil {
		return err
	}
	if slices.Equal(slices.Sorted(slices.Values(r.GetStringSlice("duty"))), slices.Sorted(slices.Values(duties))) {
		return nil
	}
	r.Set("duty", duties)
	return tx.Save(r)
}

// sessionKey is where a request keeps the id of its session.
const sessionKey = "polyclinic.session"

// SessionID returns the id of the session that a request came by, "" for guests. A
// superuser's is a row of superuser_sessions, an account's one of sessions.
func SessionID(e *core.RequestEvent) string {
	id, _ := e.Get(sessionKey).(string)
	return id
}

// SetSessionID notes it; the auth module does so for every request.
func SetSessionID(e *core.RequestEvent, id string) { e.Set(sessionKey, id) }
