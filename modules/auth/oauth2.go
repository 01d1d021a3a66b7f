package auth

import (
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// bindOAuth2 makes the account of somebody who signs up with OAuth2, since PocketBase's
// own sign-up is closed: as a registration does, and never an admin.
func bindOAuth2(k *kernel.Kernel) {
	k.App.OnRecordAuthWithOAuth2Request(kernel.AccountsCollection).Bind(&hook.Handler[*core.RecordAuthWithOAuth2RequestEvent]{Id: "auth: sign-up with OAuth2", Func: func(e *core.RecordAuthWithOAuth2RequestEvent) error {
		e.OAuth2User.Email = tidyEmail(e.OAuth2User.Email)
		if e.Record == nil {
			r, err := signUp(e)
			if err != nil {
				return k.APIError(err)
			}
			e.Record = r
		}
		return e.Next()
	}})
}

// signUp takes name and role from createData, and the address that the provider vouches for.
func signUp(e *core.RecordAuthWithOAuth2RequestEvent) (*core.Record, error) {
	role, _ := e.CreateData["role"].(string)
	name, _ := e.CreateData["name"].(string)
	if role == "" {
		role = authapi.Patient.Name
	}
	for _, given := range []string{e.OAuth2User.Name, e.OAuth2User.Username, e.OAuth2User.Email} {
		if strings.TrimSpace(name) == "" {
			name = given
		}
	}
	switch {
	case role == authapi.Admin.Name:
		return nil, errAdminOnly
	case !slices.Contains(roleNames, role):
		return nil, kernel.Bad("role", "validation_in_invalid", "Must be one of "+strings.Join(roleNames, ", ")+".")
	}
	bad, err := checkEmail(e.App, e.OAuth2User.Email) // PocketBase finds who has it by the provider's spelling
	if err != nil {
		return nil, err
	}
	if bad == errEmailTaken {
		return e.App.FindAuthRecordByEmail(kernel.AccountsCollection, e.OAuth2User.Email)
	}
	if bad != nil {
		return nil, bad
	}
	r, err := newAccount(e.App, firstRunes(name, 200), e.OAuth2User.Email, role, false)
	if err != nil {
		return nil, err
	}
	r.SetRandomPassword()
	r.SetVerified(true)
	return r, e.App.Save(r)
}
