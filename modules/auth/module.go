// Package auth owns the accounts of the clinic's people: who they are, what role they
// have, and their sessions.
package auth

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// Module declares accounts, roles, sign-in and sessions.
func Module() kernel.Module {
	provides := []any{}
	for _, r := range authapi.Roles {
		provides = append(provides, r)
	}
	return kernel.Module{
		Name: "auth", Doc: "Accounts, roles, sign-in and sessions.",
		Requires:   []string{"clinic"},
		Migrations: migrations,
		Access:     access,
		Provides:   provides,
		Cast:       cast,
	}
}

var self = kernel.Rule{Name: "self", Filter: "id = @request.auth.id"}

var access = []kernel.Access{{
	Collection: "users", Doc: "Accounts of the clinic's people.",
	List:      kernel.Allow(authapi.Admin.Always()),
	View:      kernel.SignedInWhen(kernel.Rule{Name: "self or admin", Filter: "id = @request.auth.id || @request.auth.role = 'admin'"}),
	Update:    kernel.Allow(authapi.Admin.Always()),
	ServerSet: []string{"duty"},
	Queryable: []string{"name", "email", "role", "status", "duty"},
}}

func cast(app core.App) error {
	c, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	for _, a := range authapi.Cast {
		r := core.NewRecord(c)
		r.Id = a.ID
		r.Load(map[string]any{"name": a.Name, "email": a.Email, "role": a.Role, "status": authapi.Active, "duty": a.Duty, "verified": true})
		r.SetPassword(a.Password)
		if err := app.Save(r); err != nil {
			return err
		}
	}
	return nil
}
