// Package auth owns the accounts of the clinic's people: who they are, what role they
// have, and their sessions.
package auth

import (
	"io"
	"os"
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// Module declares accounts, roles, sign-in and sessions.
func Module() kernel.Module { return module(os.Stdout) }

// module prints the link for the first admin on terminal.
func module(terminal io.Writer) kernel.Module {
	provides := []any{}
	for _, r := range authapi.Roles {
		provides = append(provides, r)
	}
	return kernel.Module{
		Name: "auth", Doc: "Accounts, roles, sign-in and sessions.",
		Requires:   []string{"clinic"},
		Migrations: migrations,
		Access:     access,
		Resources: []kernel.Resource{{
			Path: "/api/users", Collection: "users", Noun: "account", Verbs: []kernel.Verb{kernel.List, kernel.View, kernel.Update},
			Search: []string{"name", "email"}, Errors: accountErrors,
		}},
		Hooks:    slices.Concat(accountRules, sessionRules, superuserRules),
		Routes:   slices.Concat(signInRoutes, ownRoutes, sessionRoutes, factorRoutes, inviteRoutes, setupRoutes),
		Errors:   []*kernel.Error{errLastAdmin, errNamed},
		Emits:    []kernel.EventDoc{authapi.Revoked.Declares("An account was closed, or has another role."), authapi.Untied.Declares("A profile is another account's now, or nobody's."), guessed.Declares("Many attempts at passwords failed in a row.")},
		On:       []kernel.Subscription{kernel.On(guessed, "auth.mail_alarm", mailAlarm)},
		Jobs:     sessionJobs,
		Settings: []kernel.Setting{secretsKey},
		Commands: []func(*kernel.Kernel) *cobra.Command{adminCommand, superuserCommand},
		Provides: slices.Concat(personal, keyParts, []any{aloneCheck}, provides),
		Cast:     cast,
		Bind: func(k *kernel.Kernel) error {
			s := &state{sessions: newSessions(ofAccounts), superusers: newSessions(ofSuperusers), attempts: newAttempts(), checks: newChecks(), setup: &setup{}}
			k.App.Store().Set(stateKey, s)
			bindSignIn(k, s)
			bindEmailChange(k, s)
			bindSessions(k, s)
			bindSuperusers(k, s)
			bindRealtime(k, s)
			bindFiles(k, s)
			bindOAuth2(k)
			bindProfiles(k)
			bindNamed(k)
			bindKeys(k, s, terminal)
			bindSetup(k, s.setup, terminal)
			return nil
		},
	}
}

// state is what one running server keeps in memory.
type state struct {
	sessions   *sessions // of accounts
	superusers *sessions // of the dashboard's
	attempts   *attempts
	checks     *checks
	notices    bell
	setup      *setup
	keys       keyring // from the start on
}

func (s *state) allSessions() []*sessions { return []*sessions{s.sessions, s.superusers} }

const stateKey = "polyclinic.auth"

// of returns the state of the server that app, or the app of the transaction, belongs to.
func of(app core.App) *state { return app.Store().Get(stateKey).(*state) }

var self = kernel.Rule{Name: "self", Filter: "id = @request.auth.id"}

// own is what a person may change of the own account; everything else is an admin's.
// A new e-mail address goes through PocketBase's request-email-change.
var own = []string{"avatar", "password"}

var access = []kernel.Access{
	{
		Collection: "users", Doc: "Accounts of the clinic's people.",
		List:   kernel.Allow(authapi.Admin.Always()),
		View:   adminOrSelf,
		Create: kernel.Allow(authapi.Admin.Always()),
		Update: adminOrSelf,
		// Duties are those of the profile in staff, and tokens are signed with the key.
		ServerSet: []string{"duty", "tokenKey"},
		Queryable: []string{"name", "email", "role", "status", "duty"},
		Writable:  map[string][]string{"doctor": own, "nurse": own, "staff": own, "patient": own},
	},
	{Collection: "sessions", Doc: "Who is signed in from where."},
	{Collection: "superuser_sessions", Doc: "Which superusers are signed in to the dashboard from where. Deleting a row signs out."},
	{Collection: "known_addresses", Doc: "From where people have signed in of late."},
	{Collection: "authenticators", Doc: "Second factors of accounts."},
	{Collection: "recovery_codes", Doc: "Hashes of the codes that stand in for a lost authenticator."},
	{Collection: "invitations", Doc: "Hashes of the links by which people choose their first password."},
}

var adminOrSelf = kernel.Allow(
	authapi.Admin.Always(), authapi.Doctor.When(self), authapi.Nurse.When(self), authapi.Staff.When(self), authapi.Patient.When(self),
)
