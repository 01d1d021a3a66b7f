package auth

import (
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var (
	errFactorNeeded   = kernel.Fail(http.StatusUnauthorized, "second_factor_needed", "Send the code of your authenticator, or a recovery code.").At("code")
	errFactorDemanded = kernel.Fail(http.StatusForbidden, "second_factor_demanded", "The clinic demands a second factor of your role: set up an authenticator first.")
	errSignInOver     = kernel.Fail(http.StatusBadRequest, "sign_in_over", "This sign-in is over: begin again with e-mail address and password.").At("mfaId")
)

// methodCode is the method of a sign-in's second step, beside PocketBase's own names.
const methodCode = "totp"

// signInLife is how long a sign-in waits for its second factor.
const signInLife = 5 * time.Minute

// proof is what a sign-in sends beside its first factor.
type proof struct {
	Code  string `json:"code" form:"code"`
	MFAID string `json:"mfaId" form:"mfaId"`
}

// passFactors holds a sign-in to the account's second factor, whatever way it came by. It
// reports whether there were two. An account without an authenticator goes on with one;
// what it may do then is for the clinic's setting to say, see weak.
func (s *state) passFactors(e *core.RecordAuthRequestEvent) (two bool, err error) {
	var in proof
	if err := e.BindBody(&in); err != nil {
		return false, kernel.ErrBadInput
	}
	if q := e.Request.URL.Query().Get("mfaId"); q != "" {
		in.MFAID = q // PocketBase takes it from either
	}
	first, err := beganWith(e.App, in.MFAID, e.Record)
	if err != nil {
		return false, err
	}
	if first != nil && first.Method() != e.AuthMethod {
		return true, nil
	}
	own, err := authenticatorOf(e.App, e.Record.Id)
	if err != nil || !enrolled(own) {
		return false, err
	}
	if e.AuthMethod == methodCode {
		return false, errSignInOver // another request with the same id was faster
	}
	if in.Code == "" {
		return false, askForCode(e)
	}
	if err := s.checkCode(e.RequestEvent, own, in.Code); err != nil {
		return false, err
	}
	e.AuthMethod = "" // there were two: PocketBase has no second one to ask for
	return true, nil
}

// beganWith returns the unfinished sign-in of the account that the id names, nil when it
// names none.
func beganWith(app core.App, id string, account *core.Record) (*core.MFA, error) {
	if id == "" {
		return nil, nil
	}
	m, err := app.FindMFAById(id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if m.RecordRef() != account.Id || m.CollectionRef() != account.Collection().Id || m.HasExpired(signInLife) {
		return nil, nil
	}
	return m, nil
}

// askForCode answers the first factor as PocketBase does: 401 with the id under which the
// sign-in goes on.
func askForCode(e *core.RecordAuthRequestEvent) error {
	m := core.NewMFA(e.App)
	m.SetCollectionRef(e.Collection.Id)
	m.SetRecordRef(e.Record.Id)
	m.SetMethod(e.AuthMethod)
	if err := e.App.Save(m); err != nil {
		return err
	}
	e.Set(passwordRightKey, true)
	err := e.JSON(http.StatusUnauthorized, map[string]any{
		"status": http.StatusUnauthorized, "message": errFactorNeeded.Text, "mfaId": m.Id,
		"data": map[string]any{"code": map[string]string{"code": errFactorNeeded.Code, "message": errFactorNeeded.Text}},
	})
	if err != nil {
		return err
	}
	return apis.ErrMFA
}

// checkCode uses a code up, unless too many were wrong before.
func (s *state) checkCode(e *core.RequestEvent, authenticator *core.Record, code string) error {
	account := authenticator.GetString("userId")
	return s.guarded(e, target{"code/" + account, account}, true, func() (outcome, error) {
		ok, err := useCode(e.App, authenticator, code, time.Now())
		if err != nil {
			return undecided, err
		}
		if !ok {
			return wrong, errWrongCode
		}
		return right, nil
	})
}

// secondStep goes on with a sign-in that was answered with an mfaId.
func secondStep(c *kernel.Call, in Credentials) (SignedIn, error) {
	m, err := c.App.FindMFAById(in.MFAID)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && m.HasExpired(signInLife)) {
		return SignedIn{}, errSignInOver
	}
	if err != nil {
		return SignedIn{}, err
	}
	account, err := c.App.FindRecordById(kernel.AccountsCollection, m.RecordRef())
	if err != nil || m.CollectionRef() != account.Collection().Id {
		return SignedIn{}, errSignInOver
	}
	own, err := authenticatorOf(c.App, account.Id)
	if err != nil {
		return SignedIn{}, err
	}
	if !enrolled(own) {
		return SignedIn{}, errSignInOver
	}
	if err := of(c.App).checkCode(c.RequestEvent, own, in.Code); err != nil {
		return SignedIn{}, err
	}
	if err := apis.RecordAuthResponse(c.RequestEvent, account, methodCode, nil); err != nil {
		return SignedIn{}, err
	}
	if err := c.App.Delete(m); err != nil && !errors.Is(err, sql.ErrNoRows) {
		c.App.Logger().Warn("finished sign-in not deleted", "error", err) // its codes are used up, and it ends by itself
	}
	return SignedIn{}, nil
}

// weakPaths are what a session may be used for that lacks the second factor which the
// clinic demands of its role: to set one up, and to leave.
var weakPaths = []string{
	"POST /api/auth/login", "GET /api/auth/logout", "POST /api/auth/logout", "POST /api/auth/logout-all", "GET /api/auth/me", "POST /api/auth/password",
	"POST /api/auth/refresh", "GET /api/auth/second-factor", "POST /api/auth/second-factor", "POST /api/auth/second-factor/confirm", "GET /api/auth/sessions",
	"GET /api/clinic", "GET /api/health", "POST /api/collections/users/auth-refresh", "POST /api/collections/users/auth-with-password",
}

// weak reports whether the session lacks a second factor that the role must have. It looks
// at the setting as it is now: a demand counts for sessions that have begun, too.
func weak(app core.App, v *session) bool {
	if v.twoFactors {
		return false
	}
	clinic, err := clinicapi.Current(app)
	return err != nil || clinic.DemandsSecondFactor(v.role)
}

func refuseWeak(e *core.RequestEvent, v *session) error {
	// Outside of /api, too: a clinic's scripts put their pages anywhere.
	if slices.Contains(weakPaths, e.Request.Method+" "+e.Request.URL.Path) || !weak(e.App, v) {
		return nil
	}
	return errFactorDemanded
}
