package auth

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// knowAddress notes that the account signed in from the address.
func knowAddress(app core.App, account, address string, now time.Time) error {
	at, _ := types.ParseDateTime(now) // a time.Time always parses
	_, err := app.NonconcurrentDB().NewQuery(`INSERT INTO known_addresses (id, userId, network, lastSeen) VALUES ({:id}, {:user}, {:network}, {:at})
		ON CONFLICT (userId, network) DO UPDATE SET lastSeen = excluded.lastSeen`).
		Bind(dbx.Params{"id": core.GenerateDefaultRandomId(), "user": account, "network": network(address), "at": at.String()}).Execute()
	if err != nil {
		return fmt.Errorf("note the address of %s: %w", account, err)
	}
	return nil
}

// knownAddress reports whether the account signed in from the address within goodMemory.
func knownAddress(app core.App, account, address string, now time.Time) (bool, error) {
	if account == "" {
		return false, nil
	}
	since, _ := types.ParseDateTime(now.Add(-goodMemory)) // likewise
	var one int
	err := app.DB().Select("(1)").From("known_addresses").Where(dbx.HashExp{"userId": account, "network": network(address)}).
		AndWhere(dbx.NewExp("lastSeen > {:since}", dbx.Params{"since": since.String()})).Row(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func forgetAddresses(app core.App, now time.Time) error {
	since, _ := types.ParseDateTime(now.Add(-goodMemory)) // likewise
	_, err := app.NonconcurrentDB().Delete("known_addresses", dbx.NewExp("lastSeen <= {:since}", dbx.Params{"since": since.String()})).Execute()
	return err
}

// remember makes a pair known that this server has not seen since its start.
func (a *attempts) remember(account, address string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.tally(pairKey(account, network(address)), now); t.good.IsZero() {
		t.good = now
	}
}
