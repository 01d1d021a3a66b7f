package auth

import (
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pquerna/otp/totp"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var (
	errPassword   = kernel.Fail(http.StatusBadRequest, "validation_invalid_password", "This is not your present password.").At("password")
	errNotBegun   = kernel.Fail(http.StatusConflict, "second_factor_not_begun", "Ask for a new secret first: none is waiting to be confirmed.")
	errNoFactor   = kernel.Fail(http.StatusConflict, "no_second_factor", "This account has no second factor.")
	errFactorKept = kernel.Fail(http.StatusConflict, "second_factor_demanded", "The clinic demands a second factor of your role: replace it, or ask an administrator.")

	factorErrors = []*kernel.Error{errPassword, errWrongCode, errAttempts, errBusy, errUnreadable, errSuperuser}
)

var factorRoutes = []kernel.Route{
	kernel.Op(kernel.Route{
		Method: "GET", Path: "/api/auth/second-factor", Allow: kernel.SignedIn(), Summary: "Show whether the own account has a second factor, and must have one", Errors: []*kernel.Error{errSuperuser},
	}, showFactor),
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/auth/second-factor", Allow: kernel.SignedIn(), NoTx: true, Summary: "Get a secret for an authenticator; it counts once a code of it was confirmed", Errors: factorErrors,
	}, beginFactor),
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/auth/second-factor/confirm", Allow: kernel.SignedIn(), NoTx: true, Summary: "Confirm the authenticator with a code; get recovery codes, end the other sessions", Errors: append([]*kernel.Error{errNotBegun}, factorErrors...),
	}, confirmFactor),
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/auth/second-factor/recovery-codes", Allow: kernel.SignedIn(), NoTx: true, Summary: "Get new recovery codes; the old ones end", Errors: append([]*kernel.Error{errNoFactor}, factorErrors...),
	}, renewCodes),
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/auth/second-factor/remove", Allow: kernel.SignedIn(), NoTx: true, Summary: "Go back to the password alone", Errors: append([]*kernel.Error{errNoFactor, errFactorKept}, factorErrors...),
	}, dropFactor),
	kernel.Op(kernel.Route{
		Method: "DELETE", Path: "/api/users/{id}/second-factor", Allow: kernel.Allow(authapi.Admin.Always()), Record: "users", Summary: "Take a lost authenticator off an account and end its sessions", Errors: []*kernel.Error{errNoFactor},
	}, takeFactorOff),
}

// Factor is the state of an account's second factor.
type Factor struct {
	Enrolled      bool `json:"enrolled" doc:"sign-ins ask for a code"`
	Required      bool `json:"required" doc:"the clinic demands one of the role"`
	RecoveryCodes int  `json:"recoveryCodes" doc:"how many are left"`
}

func factorOf(app core.App, account *core.Record) (Factor, error) {
	own, err := authenticatorOf(app, account.Id)
	if err != nil {
		return Factor{}, err
	}
	clinic, err := clinicapi.Current(app)
	if err != nil {
		return Factor{}, err
	}
	left, err := app.CountRecords("recovery_codes", dbx.HashExp{"userId": account.Id})
	return Factor{enrolled(own), clinic.DemandsSecondFactor(account.GetString("role")), int(left)}, err
}

func showFactor(c *kernel.Call, _ kernel.Nothing) (Factor, error) {
	if c.Auth.IsSuperuser() {
		return Factor{}, errSuperuser
	}
	return factorOf(c.App, c.Auth)
}

// Proof is what shows that a session is in its owner's hands.
type Proof struct {
	Password string `json:"password" required:"true" doc:"the present one"`
	Code     string `json:"code" doc:"of the present authenticator, or a recovery code; needed where there is one"`
}

// Secret is what an authenticator app is given.
type Secret struct {
	Secret string `json:"secret" doc:"Base32, to be typed in"`
	URI    string `json:"uri" doc:"otpauth://…, to be shown as a QR code"`
}

// prove returns the account and its authenticator's row once the proof holds. Whoever found
// a session open must not get around the second factor with it.
func prove(c *kernel.Call, in Proof) (account, own *core.Record, err error) {
	if c.Auth.IsSuperuser() {
		return nil, nil, errSuperuser
	}
	if in.Password == "" {
		return nil, nil, kernel.Invalid{kernel.Required("password")}
	}
	account, err = c.App.FindRecordById(kernel.AccountsCollection, c.Auth.Id)
	if err != nil {
		return nil, nil, err
	}
	err = of(c.App).checked(c.RequestEvent, target{ownPasswordKey(account), account.Id}, func() (outcome, error) {
		if len(in.Password) > maxCredential || !account.ValidatePassword(in.Password) {
			return wrong, errPassword
		}
		return right, nil
	})
	if err != nil {
		return nil, nil, err
	}
	if own, err = authenticatorOf(c.App, account.Id); err != nil || !enrolled(own) {
		return account, own, err
	}
	return account, own, of(c.App).checkCode(c.RequestEvent, own, in.Code)
}

// pendingLife is how long a secret waits for its first code.
const pendingLife = 30 * time.Minute

func beginFactor(c *kernel.Call, in Proof) (Secret, error) {
	account, own, err := prove(c, in)
	if err != nil {
		return Secret{}, err
	}
	clinic, err := clinicapi.Current(c.App)
	if err != nil {
		return Secret{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: clinic.Name, AccountName: account.Email(), Period: stepSeconds, Digits: codeForm.Digits, Algorithm: codeForm.Algorithm})
	if err != nil {
		return Secret{}, err
	}
	if own == nil {
		t, err := c.App.FindCachedCollectionByNameOrId("authenticators")
		if err != nil {
			return Secret{}, err
		}
		own = core.NewRecord(t)
		own.Set("userId", account.Id)
	}
	pending, err := of(c.App).keys.seal(account.Id, key.Secret())
	if err != nil {
		return Secret{}, err
	}
	own.Set("pending", pending)
	own.Set("pendingUntil", time.Now().Add(pendingLife))
	kernel.SetActor(own, account.Id)
	return Secret{key.Secret(), key.URL()}, c.App.Save(own)
}

// FirstCode is one of the authenticator that is being set up.
type FirstCode struct {
	Code string `json:"code" required:"true"`
}

// RecoveryCodes are shown once.
type RecoveryCodes struct {
	RecoveryCodes []string `json:"recoveryCodes" doc:"each signs in once in the place of a code; they are never shown again"`
}

func confirmFactor(c *kernel.Call, in FirstCode) (out RecoveryCodes, err error) {
	if c.Auth.IsSuperuser() {
		return out, errSuperuser
	}
	own, err := authenticatorOf(c.App, c.Auth.Id)
	if err != nil {
		return out, err
	}
	if own == nil || own.GetString("pending") == "" || !time.Now().Before(own.GetDateTime("pendingUntil").Time()) {
		return out, errNotBegun
	}
	secret, err := openSecret(c.App, c.Auth.Id, own.GetString("pending"))
	if err != nil {
		return out, err
	}
	var step int64
	err = of(c.App).guarded(c.RequestEvent, target{"code/" + c.Auth.Id, c.Auth.Id}, true, func() (outcome, error) {
		if step, err = stepOf(tidyCode(in.Code), secret, time.Now()); err != nil {
			return undecided, err
		}
		if step == 0 {
			return wrong, errWrongCode
		}
		return right, nil
	})
	if err != nil {
		return out, err
	}
	return out, c.App.RunInTransaction(func(tx core.App) error {
		own.Load(map[string]any{"secret": own.GetString("pending"), "pending": "", "confirmedAt": time.Now(), "lastStep": step})
		kernel.SetActor(own, c.Auth.Id)
		if err := tx.Save(own); err != nil {
			return err
		}
		if out.RecoveryCodes, err = newRecoveryCodes(tx, c.Auth.Id); err != nil {
			return err
		}
		return onlyThisSession(tx, c)
	})
}

// onlyThisSession ends the account's other sessions, which began without the second factor,
// and notes that this one has it.
func onlyThisSession(tx core.App, c *kernel.Call) error {
	id := authapi.SessionID(c.RequestEvent)
	present, err := tx.FindRecordById("sessions", id)
	if err != nil {
		return kernel.ErrSignIn // it was ended a moment ago
	}
	present.Set("secondFactor", true)
	if err := tx.Save(present); err != nil {
		return err
	}
	return of(tx).sessions.end(tx, c.Auth.Id, id)
}

func renewCodes(c *kernel.Call, in Proof) (out RecoveryCodes, err error) {
	account, own, err := prove(c, in)
	if err != nil {
		return out, err
	}
	if !enrolled(own) {
		return out, errNoFactor
	}
	return out, c.App.RunInTransaction(func(tx core.App) (err error) {
		out.RecoveryCodes, err = newRecoveryCodes(tx, account.Id)
		return err
	})
}

func dropFactor(c *kernel.Call, in Proof) (kernel.Nothing, error) {
	account, own, err := prove(c, in)
	if err != nil {
		return kernel.Nothing{}, err
	}
	if !enrolled(own) {
		return kernel.Nothing{}, errNoFactor
	}
	clinic, err := clinicapi.Current(c.App)
	if err != nil {
		return kernel.Nothing{}, err
	}
	if clinic.DemandsSecondFactor(account.GetString("role")) {
		return kernel.Nothing{}, errFactorKept
	}
	return kernel.Nothing{}, c.App.RunInTransaction(func(tx core.App) error { return forgetFactor(tx, account.Id, authapi.SessionID(c.RequestEvent)) })
}

// takeFactorOff is for those who lost their telephone and their recovery codes.
func takeFactorOff(c *kernel.Call, _ kernel.Nothing) (kernel.Nothing, error) {
	return kernel.Nothing{}, forgetFactor(c.App, c.Record.Id, "")
}

// forgetFactor goes through the record, so that whoever listens to its removal hears of it.
func forgetFactor(tx core.App, account, keep string) error {
	own, err := authenticatorOf(tx, account)
	if err != nil {
		return err
	}
	if own == nil {
		return errNoFactor
	}
	if err := tx.Delete(own); err != nil && !errors.Is(err, kernel.ErrNotFound) {
		return err
	}
	if err := removeSecondFactor(tx, account); err != nil {
		return err
	}
	return of(tx).sessions.end(tx, account, keep)
}
