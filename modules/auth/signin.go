package auth

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
)

var (
	// errWrongPair has PocketBase's own words: both ways to sign in answer the same.
	errWrongPair = kernel.Fail(http.StatusBadRequest, "invalid_credentials", "Failed to authenticate.")
	errPending   = kernel.Fail(http.StatusForbidden, "account_pending", "An administrator has to approve this account first.")
	errDisabled  = kernel.Fail(http.StatusForbidden, "account_disabled", "This account is disabled.")
	errAttempts  = kernel.Fail(http.StatusTooManyRequests, "too_many_attempts", "Too many failed attempts.")
)

var signInRoutes = []kernel.Route{
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/auth/register", Allow: kernel.Public(), Status: http.StatusCreated, NoTx: true,
		Summary: "Make an account: a patient's is usable at once, an admin approves the others", Errors: registerErrors,
	}, register),
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/auth/login", Allow: kernel.Public(), NoTx: true,
		Summary: "Sign in", Errors: []*kernel.Error{errWrongPair, errFactorNeeded, errWrongCode, errSignInOver, errPending, errDisabled, errAttempts, errBusy, errUnreadable},
	}, login),
}

// Credentials are what somebody signs in with.
type Credentials struct {
	Email    string `json:"email" required:"true"`
	Password string `json:"password" required:"true"`

	Code  string `json:"code" doc:"of the authenticator, or a recovery code, where the account has one"`
	MFAID string `json:"mfaId" doc:"from a 401 that asked for a code: with code, in the place of address and password"`
}

// maxCredential is PocketBase's own limit.
const maxCredential = 255

// Validate wants both fields.
func (in Credentials) Validate() error {
	var bad kernel.Invalid
	if in.MFAID != "" && in.Email == "" && in.Password == "" {
		if in.Code == "" {
			bad = append(bad, kernel.Required("code"))
		}
		return bad.OrNil()
	}
	for field, v := range map[string]string{"email": in.Email, "password": in.Password} {
		if v == "" {
			bad = append(bad, kernel.Required(field))
		} else if len(v) > maxCredential {
			bad = append(bad, kernel.Bad(field, "validation_length_too_long", "At most 255 characters."))
		}
	}
	return bad.OrNil()
}

// SignedIn is a session's token with the account that it belongs to.
type SignedIn struct {
	Token  string  `json:"token"`
	Record Account `json:"record"`
}

// Account documents what an answer with an account holds; PocketBase writes the answer.
type Account struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Email    string   `json:"email"`
	Role     string   `json:"role" doc:"admin, doctor, nurse, staff or patient"`
	Status   string   `json:"status" doc:"active, pending or disabled"`
	Duty     []string `json:"duty" doc:"of staff: reception, cashier, pharmacy"`
	Verified bool     `json:"verified" doc:"whether the e-mail address is"`
	Created  string   `json:"created"`
	Updated  string   `json:"updated"`
}

// login goes the way of PocketBase's auth-with-password: the same hooks, and so the same
// limits, sessions and answer.
func login(c *kernel.Call, in Credentials) (SignedIn, error) {
	users, err := c.App.FindCachedCollectionByNameOrId(kernel.AccountsCollection)
	if err != nil {
		return SignedIn{}, err
	}
	if in.MFAID != "" && in.Email == "" {
		return finish(secondStep(c, in))
	}
	if !users.PasswordAuth.Enabled {
		return SignedIn{}, kernel.ErrForbidden
	}
	c.Set(core.RequestEventKeyInfoContext, core.RequestInfoContextPasswordAuth)
	event := &core.RecordAuthWithPasswordRequestEvent{RequestEvent: c.RequestEvent, Identity: in.Email, Password: in.Password, IdentityField: core.FieldNameEmail}
	event.Collection = users
	err = c.App.OnRecordAuthWithPasswordRequest().Trigger(event, func(e *core.RecordAuthWithPasswordRequestEvent) error {
		if e.Record == nil {
			return wrongPair(e)
		}
		if !e.Record.ValidatePassword(e.Password) {
			return errWrongPair
		}
		return apis.RecordAuthResponse(e.RequestEvent, e.Record, core.MFAMethodPassword, nil)
	})
	return finish(SignedIn{}, err)
}

// finish takes the answer that asks for a second factor, which is written, for an answer.
func finish(out SignedIn, err error) (SignedIn, error) {
	if errors.Is(err, apis.ErrMFA) {
		err = nil
	}
	return out, err
}

// wrongPair takes as long for an account that does not exist as for one that does: it
// compares the password with somebody's.
func wrongPair(e *core.RecordAuthWithPasswordRequestEvent) error {
	somebody := &core.Record{}
	if err := e.App.RecordQuery(e.Collection).Limit(1).One(somebody); err == nil {
		_ = somebody.ValidatePassword(e.Password) // its time is what counts
	}
	return errWrongPair
}

// passwordRightKey marks a request whose password was right, whatever came after.
const passwordRightKey = "polyclinic.passwordRight"

// bindSignIn limits and times the checking of passwords on every way to sign in with one,
// superusers' included.
func bindSignIn(k *kernel.Kernel, s *state) {
	k.App.OnRecordAuthWithPasswordRequest().Bind(&hook.Handler[*core.RecordAuthWithPasswordRequestEvent]{Id: "auth: guesses are slowed down", Func: func(e *core.RecordAuthWithPasswordRequestEvent) error {
		if e.Record == nil && e.Collection.Name == kernel.AccountsCollection {
			if err := findByEmail(e); err != nil {
				return err
			}
		}
		known := ""
		if e.Record != nil && e.Collection.Name == kernel.AccountsCollection {
			known = e.Record.Id
		}
		return s.checked(e.RequestEvent, target{e.Collection.Name + "/" + e.Identity, known}, func() (outcome, error) {
			err := e.Next()
			if err == nil || e.Get(passwordRightKey) == true {
				return right, err
			}
			if k.StatusOf(err) == http.StatusBadRequest {
				return wrong, err
			}
			return undecided, err
		})
	}})
	k.App.OnRecordUpdateRequest(kernel.AccountsCollection).Bind(&hook.Handler[*core.RecordRequestEvent]{Id: "auth: guesses at the own password are slowed down", Func: func(e *core.RecordRequestEvent) error {
		body := map[string]any{}
		if err := e.BindBody(&body); err != nil {
			return kernel.ErrBadInput
		}
		if _, tried := body["oldPassword"]; !tried || e.HasSuperuserAuth() {
			return e.Next()
		}
		return s.guarded(e.RequestEvent, target{ownPasswordKey(e.Record), e.Record.Id}, false, func() (outcome, error) {
			err := e.Next()
			for _, bad := range k.FieldErrors(err) {
				if bad.Field == "oldPassword" {
					return wrong, err
				}
			}
			if err != nil {
				return undecided, err
			}
			return right, nil
		})
	}})
	// A login from a new device would wait for the mail server, 15 s when that hangs.
	k.App.OnMailerRecordAuthAlertSend().Bind(&hook.Handler[*core.MailerRecordEvent]{Id: "auth: no login waits for a mail", Func: func(e *core.MailerRecordEvent) error {
		go func() {
			if err := e.Next(); err != nil {
				k.App.Logger().Warn("login alert not sent", "account", e.Record.Id, "error", err)
			}
		}()
		return nil
	}})
}

// findByEmail looks the account up as addresses are stored: in small letters.
func findByEmail(e *core.RecordAuthWithPasswordRequestEvent) error {
	r, err := e.App.FindAuthRecordByEmail(e.Collection, strings.ToLower(strings.TrimSpace(e.Identity)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	e.Record = r
	return err
}

// target is what is guessed at: the key under which failures are counted, and the account,
// "" when there is none.
type target struct{ key, account string }

// checked runs a check of a password outside of any transaction, unless too many failed
// before.
func (s *state) checked(e *core.RequestEvent, t target, check func() (outcome, error)) error {
	return s.guarded(e, t, true, func() (outcome, error) {
		release, err := s.checks.take(e.Request.Context())
		if errors.Is(err, errBusy) {
			e.Response.Header().Set("Retry-After", busyRetry)
		}
		if err != nil {
			return undecided, err
		}
		defer release()
		return check()
	})
}

// guarded is checked for callers that hold the one writer: they wait for nobody, since the
// others wait for it.
func (s *state) guarded(e *core.RequestEvent, t target, mayWait bool, check func() (outcome, error)) error {
	try, wait := s.attempts.begin(t.key, e.RealIP(), time.Now, mayWait)
	if wait > 0 {
		known, err := knownAddress(e.App, t.account, e.RealIP(), time.Now())
		if err != nil {
			return err
		}
		if known {
			s.attempts.remember(t.key, e.RealIP(), time.Now())
			try, wait = s.attempts.begin(t.key, e.RealIP(), time.Now, mayWait)
		}
	}
	if wait > 0 {
		seconds := int(math.Ceil(wait.Seconds()))
		e.Response.Header().Set("Retry-After", strconv.Itoa(seconds))
		return errAttempts.Saying(fmt.Sprintf("Too many failed attempts. Try again in %d seconds.", seconds))
	}
	o := undecided
	defer func() { // also when the check panics
		if due := try.end(o, time.Now()); due.account || due.address {
			s.raise(e, t, due)
		}
	}()
	var err error
	if o, err = check(); o == wrong && t.account != "" {
		auditapi.Try(e, kernel.AccountsCollection+"/"+t.account)
	}
	return err
}
