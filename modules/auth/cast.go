package auth

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// cast makes the accounts, and for the first of them a superuser of the same e-mail
// address and password, so that the demo's dashboard can be opened.
func cast(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	for _, a := range authapi.Cast {
		r := core.NewRecord(c)
		r.Id = a.ID
		r.Load(map[string]any{"name": a.Name, "email": a.Email, "role": a.Role, "status": authapi.Active, "duty": a.Duty, "verified": true})
		r.SetPassword(a.Password)
		if err := tx.Save(r); err != nil {
			return err
		}
	}
	return upsertSuperuser(tx, authapi.Alma.Email, authapi.Alma.Password)
}
