package staff

import (
	"errors"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// makeAccount makes an account for a profile that has none when the body has a password. The
// password is no field of the profile, so it is neither stored with it nor sent back.
func (k kind) makeAccount(e *core.RecordRequestEvent) error {
	body := map[string]any{}
	if err := e.BindBody(&body); err != nil {
		return kernel.ErrBadInput
	}
	sent, ok := body["password"]
	if !ok || sent == nil || sent == "" {
		return nil
	}
	password, ok := sent.(string)
	if !ok {
		return kernel.Bad("password", "validation_invalid_type", "Must be text.")
	}
	if e.Record.GetString("userId") != "" {
		return kernel.Bad("password", "account_given", "There is an account already: a password makes a new one.")
	}
	c, err := e.App.FindCollectionByNameOrId(kernel.AccountsCollection)
	if err != nil {
		return err
	}
	account := core.NewRecord(c)
	account.Load(map[string]any{"name": e.Record.GetString("name"), "role": k.role.Name, "status": authapi.Active})
	account.SetEmail(e.Record.GetString("email"))
	account.SetPassword(password)
	kernel.SetActor(account, kernel.Actor(e.Record))
	if err := e.App.Save(account); err != nil {
		return k.accountErrors(e, err)
	}
	e.Record.Set("userId", account.Id)
	return nil
}

// accountErrors names what is wrong with the account and with the profile in one answer.
func (k kind) accountErrors(e *core.RecordRequestEvent, err error) error {
	bad := kernel.Of(e.App).FieldErrors(err)
	if len(bad) == 0 {
		return err
	}
	checked := k.checkEntries(e.App, e.Record)
	for _, own := range kernel.Of(e.App).FieldErrors(checked) {
		if !slices.ContainsFunc(bad, func(b *kernel.Error) bool { return b.Field == own.Field }) {
			bad = append(bad, own)
		}
	}
	return bad.Complete(e.App, e.Record)
}

// mirrorDuty keeps the duties where the access rules look: on the account.
func mirrorDuty(tx core.App, r *core.Record) error {
	before, now := r.Original().GetString("userId"), r.GetString("userId")
	if before != "" && before != now {
		if err := authapi.SetDuty(tx, before, nil); err != nil && !errors.Is(err, kernel.ErrNotFound) {
			return err
		}
	}
	if now == "" {
		return nil
	}
	return authapi.SetDuty(tx, now, r.GetStringSlice("duty"))
}
