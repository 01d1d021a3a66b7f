package auth

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780000200_users", Up: initUsers},
}

func initUsers(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	c.Fields.Add(
		&core.TextField{Name: "name", Required: true, Max: 200},
		&core.SelectField{Name: "role", Required: true, MaxSelect: 1, Values: []string{"admin", "doctor", "nurse", "staff", "patient"}},
		&core.SelectField{Name: "status", Required: true, MaxSelect: 1, Values: []string{"active", "pending", "disabled"}},
		&core.SelectField{Name: "duty", MaxSelect: 3, Values: []string{"reception", "cashier", "pharmacy"}},
	)
	if f, ok := c.Fields.GetByName("avatar").(*core.FileField); ok {
		f.Protected = true // PocketBase creates it public, and unprotected files ignore access rules
	}
	c.AddIndex("idx_users_role", false, "role, status", "")
	// A login from a new device would wait for the mail server, 15 s when that hangs.
	c.AuthAlert.Enabled = false
	return tx.Save(c)
}
