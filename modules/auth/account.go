package auth

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// errLastAdmin is raised by triggers: whatever writes, somebody can still administer.
var errLastAdmin = kernel.Fail(http.StatusConflict, "last_admin", "This is the last active administrator.")

var accountErrors = append([]*kernel.Error{errLastAdmin, errEmailTaken}, passwordErrors...)

var accountRules = []kernel.Hook{
	kernel.OnRequest(kernel.Create, "users", "an account that an admin makes is active unless the admin says otherwise", madeByAdmin),
	kernel.Before(kernel.Create, "users", "e-mail addresses are kept in small letters, names without spaces around them", tidy),
	kernel.Before(kernel.Update, "users", "e-mail addresses are kept in small letters, names without spaces around them", tidy),
	kernel.Before(kernel.Create, "users", "a new password is not weak", strongPassword),
	kernel.Before(kernel.Update, "users", "a new password is not weak", strongPassword),
	kernel.Before(kernel.Delete, "users", "an account that records name stays", keepNamed),
	kernel.Before(kernel.Update, "users", "a change of role or status makes every token void", voidTokens),
	kernel.After(kernel.Update, "users", "sessions end with the tokens", endVoidSessions),
	kernel.After(kernel.Update, "users", "others learn that an account was closed or has another role", announceRevoked),
	kernel.After(kernel.Create, "users", "an active account that signed up has a profile", firstProfile),
	kernel.After(kernel.Update, "users", "an account that becomes active or changes its role has a profile", laterProfile),
}

// profileKey marks a new account that is to have a profile made for it; a sibling that
// makes an account for a profile of its own does not want another. It is not a field, so
// it is neither stored nor sent.
const profileKey = "@profile"

func madeByAdmin(e *core.RecordRequestEvent) error {
	if e.Record.GetString("status") == "" {
		e.Record.Set("status", authapi.Active)
	}
	e.Record.SetRaw(profileKey, true)
	return nil
}

func tidy(_ core.App, r *core.Record) error {
	r.SetEmail(tidyEmail(r.Email()))
	r.Set("name", strings.TrimSpace(r.GetString("name")))
	// Whoever may see an account sees its address; only so can an admin search for it.
	r.SetEmailVisibility(true)
	return nil
}

func strongPassword(tx core.App, r *core.Record) error {
	clinic, err := clinicapi.Current(tx)
	if err != nil {
		return err
	}
	return refuseWeakPassword(tx, r, clinic)
}

// refuseWeakPassword looks at the record's new password, if it has one.
func refuseWeakPassword(tx core.App, r *core.Record, clinic clinicapi.Settings) error {
	password := r.GetString("password") // the plain text until it is stored, then nothing
	if password == "" {
		return nil
	}
	if weak := weakness(clinic, password, r.GetString("name"), r.Email()); weak != nil {
		return kernel.Invalid{weak}.Complete(tx, r)
	}
	return nil
}

func voidTokens(_ core.App, r *core.Record) error {
	if changed(r, "role") || changed(r, "status") {
		r.RefreshTokenKey()
	}
	return nil
}

func changed(r *core.Record, field string) bool {
	return r.GetString(field) != r.Original().GetString(field)
}

// keepKey names, on an account, the session that outlives a change of the password. It is
// not a field.
const keepKey = "@keepSession"

// endVoidSessions covers PocketBase's own changes of the key as well: it makes a new one
// when the password or the e-mail address changes, by whatever way.
func endVoidSessions(tx core.App, r *core.Record) error {
	if r.TokenKey() == r.Original().TokenKey() {
		return nil
	}
	if err := voidInvitations(tx, r.Id); err != nil {
		return err
	}
	keep, _ := r.GetRaw(keepKey).(string)
	return of(tx).sessions.end(tx, r.Id, keep)
}

func firstProfile(tx core.App, r *core.Record) error {
	if wanted, _ := r.GetRaw(profileKey).(bool); !wanted {
		return nil
	}
	return ensureProfile(tx, r)
}

func laterProfile(tx core.App, r *core.Record) error {
	if !changed(r, "role") && !changed(r, "status") {
		return nil
	}
	if changed(r, "role") {
		if err := leaveProfiles(tx, r); err != nil {
			return err
		}
	}
	return ensureProfile(tx, r)
}

// ensureProfile makes the profile of an active account that has none. Roles without
// profiles, such as admin, need none.
func ensureProfile(tx core.App, account *core.Record) error {
	if account.GetString("status") != authapi.Active {
		return nil
	}
	for _, p := range kernel.All[authapi.Profile](kernel.Of(tx)) {
		if p.Role != account.GetString("role") {
			continue
		}
		there, err := profileOf(tx, p, account)
		switch {
		case err != nil:
		case there == nil && p.Create != nil:
			err = p.Create(tx, account)
		case there != nil && p.Return != nil && changed(account, "role"):
			err = p.Return(tx, there)
		}
		if err != nil {
			return fmt.Errorf("profile of account %s: %w", account.Id, err)
		}
	}
	return nil
}

// leaveProfiles tells the profiles of the roles that an account does not have. A role that has
// none of its own takes nobody's: a doctor who manages the clinic is still one of its doctors.
func leaveProfiles(tx core.App, account *core.Record) error {
	all, role := kernel.All[authapi.Profile](kernel.Of(tx)), account.GetString("role")
	if !slices.ContainsFunc(all, func(p authapi.Profile) bool { return p.Role == role }) {
		return nil
	}
	for _, p := range all {
		if p.Role == role || p.Leave == nil {
			continue
		}
		there, err := profileOf(tx, p, account)
		if err == nil && there != nil {
			err = p.Leave(tx, there)
		}
		if err != nil {
			return fmt.Errorf("former profile of account %s: %w", account.Id, err)
		}
	}
	return nil
}

// profileOf returns the account's own profile of one sort, a deleted one too, nil for none.
func profileOf(tx core.App, p authapi.Profile, account *core.Record) (*core.Record, error) {
	there, err := tx.FindFirstRecordByData(p.Collection, "userId", account.Id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	kernel.SetActor(there, kernel.Actor(account))
	return there, nil
}
