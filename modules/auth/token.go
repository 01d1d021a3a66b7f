package auth

import (
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// claimSession names the session in a token, beside PocketBase's own claims.
const claimSession = "sid"

// sign returns PocketBase's auth token for the account, bound to the session and at an end
// when that is. jti tells two tokens of one second apart.
func sign(account, session *core.Record) (string, error) {
	ends := session.GetDateTime("expiresAt").Time()
	// An operator may have set a shorter one for a superuser's tokens in the dashboard.
	if single := time.Now().Add(account.Collection().AuthToken.DurationTime()); account.IsSuperuser() && single.Before(ends) {
		ends = single
	}
	key := account.TokenKey() + account.Collection().AuthToken.Secret
	if account.TokenKey() == "" {
		return "", core.ErrMissingSigningKey
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		core.TokenClaimType: core.TokenTypeAuth, core.TokenClaimId: account.Id, core.TokenClaimCollectionId: account.Collection().Id,
		core.TokenClaimRefreshable: true, claimSession: session.Id, "jti": security.RandomString(16), "iat": time.Now().Unix(), "exp": ends.Unix(),
	}).SignedString([]byte(key))
}

// bearer returns the token of a request as PocketBase reads it.
func bearer(r *http.Request) string {
	token := r.Header.Get("Authorization")
	if len(token) > 7 && strings.EqualFold(token[:7], "Bearer ") {
		return token[7:]
	}
	return token
}

// sessionOf returns the session that a token names, "" when none. The signature is the
// business of whoever found the account by the token.
func sessionOf(token string) string {
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		return ""
	}
	id, _ := claims[claimSession].(string)
	return id
}

// refreshKey marks a request whose new token stays in the present session.
const refreshKey = "polyclinic.refresh"

// bindSessions gives every sign-in a session, whatever way it was made: OnRecordAuthRequest
// runs for passwords, one-time passwords, OAuth2 and refreshes.
func bindSessions(k *kernel.Kernel, s *state) {
	k.App.OnRecordAuthRefreshRequest(ofAccounts.owners, ofSuperusers.owners).Bind(&hook.Handler[*core.RecordAuthRefreshRequestEvent]{Id: "auth: a refresh stays in its session", Func: func(e *core.RecordAuthRefreshRequestEvent) error {
		e.Set(refreshKey, true)
		return e.Next()
	}})
	k.App.OnRecordAuthRequest(ofAccounts.owners, ofSuperusers.owners).Bind(&hook.Handler[*core.RecordAuthRequestEvent]{Id: "auth: a sign-in is a session", Func: func(e *core.RecordAuthRequestEvent) error {
		var err error
		if !e.Record.IsSuperuser() {
			err = refuseInactive(e.Record)
		}
		if err == nil {
			err = s.giveToken(e)
		}
		if _, own := errors.AsType[*kernel.Error](err); own {
			return k.APIError(err)
		}
		return err
	}})
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "auth: a request has a session", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "auth: a request has a session", Priority: kernel.PriorityAccount, Func: func(e *core.RequestEvent) error {
			if err := s.identify(e); err != nil {
				return k.APIError(err)
			}
			return e.Next()
		}})
		return se.Next()
	}})
	k.App.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{Id: "auth: note the use of sessions", Func: func(e *core.TerminateEvent) error {
		if err := noteSeen(k.App); err != nil {
			k.App.Logger().Error("use of sessions not noted", "error", err)
		}
		return e.Next()
	}})
}

// identify makes a guest of a caller whose account or session is over, and refuses one who
// lacks the second factor that the clinic demands.
func (s *state) identify(e *core.RequestEvent) error {
	if e.Auth == nil || s.sessionsOf(e.Auth) == nil {
		return nil
	}
	now := time.Now()
	id := sessionOf(bearer(e.Request))
	v, alive := s.aliveIn(e.App, id, e.Auth, now)
	if !alive || !e.Auth.IsSuperuser() && e.Auth.GetString("status") != authapi.Active {
		e.Auth = nil
		return nil
	}
	if isActivity(e.Request) {
		v.seen.Store(now.UnixMilli())
	}
	authapi.SetSessionID(e, id)
	return refuseWeak(e, v)
}

// background marks requests that a program sends by itself, such as a list that is fetched
// again every minute: they do not keep a session from idling out.
const background = "X-Background"

// isActivity tells what a person does from what runs while nobody is there: an open
// realtime connection subscribes anew every few minutes, an app may refresh its token, and
// the dashboard's page of backups asks for the server's health every 3.5 s.
func isActivity(r *http.Request) bool {
	p := r.URL.Path
	return r.Header.Get(background) == "" && !strings.HasPrefix(p, "/api/realtime") && !strings.HasSuffix(p, "/auth-refresh") && p != "/api/auth/refresh" && p != "/api/health"
}

func refuseInactive(account *core.Record) error {
	switch account.GetString("status") {
	case authapi.Active:
		return nil
	case authapi.Pending:
		return errPending
	}
	return errDisabled
}

// giveToken signs a token for the present session or for a new one. The session is written
// ahead of PocketBase's answer, since the token must be good when the client has it; if
// PocketBase wants a second factor first, the session goes again.
func (s *state) giveToken(e *core.RecordAuthRequestEvent) error {
	kept := s.sessionsOf(e.Record)
	if e.Get(refreshKey) == true {
		session, err := e.App.FindRecordById(kept.collection, authapi.SessionID(e.RequestEvent))
		if errors.Is(err, sql.ErrNoRows) {
			return kernel.ErrSignIn // it was ended a moment ago
		}
		if err == nil {
			e.Token, err = sign(e.Record, session)
		}
		if err != nil {
			return err
		}
		return e.Next()
	}
	two := false
	if !e.Record.IsSuperuser() { // PocketBase asks them for theirs
		var err error
		if two, err = s.passFactors(e); err != nil {
			return err
		}
	}
	e.Set(passwordRightKey, true)
	session, err := kept.open(e.RequestEvent, e.Record, two)
	if err != nil {
		return err
	}
	if e.Token, err = sign(e.Record, session); err != nil {
		return err
	}
	authapi.SetSessionID(e.RequestEvent, session.Id) // the audit trail's entry of the sign-in names it
	if err = e.Next(); err != nil {
		authapi.SetSessionID(e.RequestEvent, "")
		if undo := e.App.Delete(session); undo != nil {
			e.App.Logger().Error("session of an unfinished sign-in not deleted", "session", session.Id, "error", undo)
		}
	}
	return err
}
