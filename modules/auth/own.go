package auth

import (
	"database/sql"
	"errors"
	"net/http"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

var (
	errSuperuser   = kernel.Fail(http.StatusForbidden, "accounts_only", "Superusers refresh their tokens, change their passwords and set their second factor as the dashboard does.")
	errOldPassword = kernel.Fail(http.StatusBadRequest, "validation_invalid_old_password", "This is not your present password.").At("oldPassword")
)

// ownRoutes are what somebody who is signed in does with the own account.
var ownRoutes = []kernel.Route{
	kernel.Op(kernel.Route{
		Method: "GET", Path: "/api/auth/logout", Allow: kernel.SignedIn(), Summary: "End this session",
	}, logout),
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/auth/logout", Allow: kernel.SignedIn(), Summary: "End this session",
	}, logout),
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/auth/logout-all", Allow: kernel.SignedIn(), Summary: "End all of the account's sessions",
	}, logoutAll),
	kernel.Op(kernel.Route{
		Method: "GET", Path: "/api/auth/me", Allow: kernel.SignedIn(), Summary: "Show the own account, its profile and what it may do",
	}, me),
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/auth/refresh", Allow: kernel.SignedIn(), NoTx: true, Summary: "Get a fresh token for this session", Errors: []*kernel.Error{errSuperuser},
	}, refresh),
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/auth/password", Allow: kernel.SignedIn(), NoTx: true, Summary: "Change the password and end the other sessions",
		Errors: append([]*kernel.Error{errOldPassword, errSuperuser, errAttempts, errBusy}, passwordErrors...),
	}, changePassword),
}

func logout(c *kernel.Call, _ kernel.Nothing) (kernel.Nothing, error) {
	kept, err := ownKept(c)
	if err != nil {
		return kernel.Nothing{}, err
	}
	session, err := c.App.FindRecordById(kept.collection, authapi.SessionID(c.RequestEvent))
	if errors.Is(err, sql.ErrNoRows) {
		return kernel.Nothing{}, nil // it was ended a moment ago
	}
	if err != nil {
		return kernel.Nothing{}, err
	}
	err = c.App.Delete(session)
	if errors.Is(err, kernel.ErrNotFound) {
		err = nil // likewise
	}
	return kernel.Nothing{}, err
}

func logoutAll(c *kernel.Call, _ kernel.Nothing) (kernel.Nothing, error) {
	account, err := c.App.FindRecordById(c.Auth.Collection(), c.Auth.Id)
	if err != nil {
		return kernel.Nothing{}, err
	}
	account.RefreshTokenKey() // the sessions end with it
	if !account.IsSuperuser() {
		kernel.SetActor(account, account.Id)
	}
	return kernel.Nothing{}, c.App.Save(account)
}

func refresh(c *kernel.Call, _ kernel.Nothing) (SignedIn, error) {
	if c.Auth.IsSuperuser() {
		return SignedIn{}, errSuperuser
	}
	return answerToken(c, c.Auth)
}

// answerToken writes a token of the present session, as a sign-in does.
func answerToken(c *kernel.Call, account *core.Record) (SignedIn, error) {
	c.Set(refreshKey, true)
	return SignedIn{}, apis.RecordAuthResponse(c.RequestEvent, account, "", nil)
}

// NewPassword has the names that PocketBase gives these fields.
type NewPassword struct {
	OldPassword     string  `json:"oldPassword" required:"true" doc:"the present password"`
	Password        string  `json:"password" required:"true" doc:"the new one"`
	PasswordConfirm *string `json:"passwordConfirm" doc:"when sent, the new one again"`
}

// Validate wants both passwords.
func (in NewPassword) Validate() error {
	var bad kernel.Invalid
	for field, v := range map[string]string{"oldPassword": in.OldPassword, "password": in.Password} {
		if v == "" {
			bad = append(bad, kernel.Required(field))
		}
	}
	if len(in.OldPassword) > maxCredential {
		bad = append(bad, errOldPassword)
	}
	if in.PasswordConfirm != nil && *in.PasswordConfirm != in.Password {
		bad = append(bad, kernel.Bad("passwordConfirm", "validation_values_mismatch", "Is not the new password."))
	}
	return bad.OrNil()
}

func changePassword(c *kernel.Call, in NewPassword) (SignedIn, error) {
	if c.Auth.IsSuperuser() {
		return SignedIn{}, errSuperuser
	}
	account, err := c.App.FindRecordById(kernel.AccountsCollection, c.Auth.Id)
	if err != nil {
		return SignedIn{}, err
	}
	// Whoever found a session open must not find the password by trying, either.
	err = of(c.App).checked(c.RequestEvent, target{ownPasswordKey(account), account.Id}, func() (outcome, error) {
		if !account.ValidatePassword(in.OldPassword) {
			return wrong, errOldPassword
		}
		if weak, err := checkPassword(c.App, in.Password, account.GetString("name"), account.Email()); err != nil {
			return undecided, err
		} else if weak != nil {
			return right, kernel.Invalid{weak}
		}
		account.SetPassword(in.Password)
		return right, nil
	})
	if err != nil {
		return SignedIn{}, err
	}
	session := authapi.SessionID(c.RequestEvent)
	account.SetRaw(keepKey, session)
	kernel.SetActor(account, account.Id)
	if err := c.App.Save(account); err != nil {
		return SignedIn{}, err
	}
	keepStreams(c.App, session, account)
	c.Auth = account
	return answerToken(c, account)
}

// ownPasswordKey counts guesses at the own password apart from sign-ins: whoever found a
// session open must not keep its owner from signing in.
func ownPasswordKey(account *core.Record) string { return "own password/" + account.Id }
