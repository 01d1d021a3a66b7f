package auth

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// aloneCheck tells of administrators who see every patient by a password alone, and need no second
// factor to. Where the clinic demands one, nothing is open to whoever has none yet.
var aloneCheck = kernel.Check{
	Name: "admins", Doc: "Whether a second factor guards the administrators' accounts.", Run: adminsAlone,
}

func adminsAlone(app core.App) []kernel.Finding {
	if clinic, err := clinicapi.Current(app); err != nil || clinic.DemandsSecondFactor(authapi.Admin.Name) {
		return nil // the folder is not prepared, or cannot be read: that is another check's
	}
	if mark, err := kernel.One[kernel.DemoMark](kernel.Of(app)); err == nil {
		if is, err := mark.IsDemo(app); err != nil || is {
			return nil // its passwords are public
		}
	}
	var n int
	err := app.DB().Select("count(*)").From(kernel.AccountsCollection + " u").
		Where(dbx.HashExp{"u.role": authapi.Admin.Name, "u.status": authapi.Active}).
		AndWhere(dbx.NewExp("NOT EXISTS (SELECT 1 FROM authenticators a WHERE a.userId = u.id AND a.secret != '')")).Row(&n)
	if err != nil || n == 0 {
		return nil
	}
	return []kernel.Finding{{Level: kernel.Risk, Code: "admin_password_alone", Text: fmt.Sprintf(
		"%d administrators sign in with a password alone: demand a second factor of them with PUT /api/clinic {\"secondFactor\": {\"admin\": \"required\"}}.", n)}}
}
