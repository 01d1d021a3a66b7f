package staff

import (
	"errors"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

// profile gives an account of the kind's role its profile.
func (k kind) profile() authapi.Profile {
	return authapi.Profile{
		Role: k.role.Name, Collection: k.collection,
		Create: func(tx core.App, account *core.Record) error {
			c, err := tx.FindCollectionByNameOrId(k.collection)
			if err != nil {
				return err
			}
			r := core.NewRecord(c)
			r.Load(map[string]any{"name": account.GetString("name"), "email": account.Email(), "userId": account.Id})
			if k.collection == "doctors" {
				r.Set("specialty", "General practice") // until an admin says which
			}
			return tx.Save(r)
		},
		Leave: k.leave,
		Return: func(tx core.App, profile *core.Record) error {
			if profile.GetDateTime("deletedAt").IsZero() {
				return nil
			}
			return Restore(tx, profile)
		},
	}
}

// leave takes the profile of an account that has another role now off every list. Where
// something still needs it, as a booked doctor's, it stays until an admin deletes it.
func (k kind) leave(tx core.App, profile *core.Record) error {
	if !profile.GetDateTime("deletedAt").IsZero() {
		return nil
	}
	err := k.checkFuture(tx, profile)
	if errors.Is(err, errNeeded) {
		return nil
	}
	if err != nil {
		return err
	}
	profile.SetRaw(roleKey, true)
	return tx.Delete(profile)
}

var doctorTable = exchangeapi.Table{
	Name: "doctors", Collection: "doctors", Doc: "The clinic's doctors, without their accounts.",
	Columns: []string{"name", "specialty", "contact", "email", "consultationFee", "hours", "sourceId"},
	Keys:    [][]string{{"sourceId"}},
	Natural: []string{"name", "specialty", "email"},
}
