package auth

import (
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// bindFiles ties file tokens, which live for minutes, to the session that asked for them.
func bindFiles(k *kernel.Kernel, s *state) {
	k.App.OnFileTokenRequest(ofAccounts.owners, ofSuperusers.owners).Bind(&hook.Handler[*core.FileTokenRequestEvent]{Id: "auth: a file token has a session", Func: func(e *core.FileTokenRequestEvent) (err error) {
		c := e.Record.Collection()
		e.Token, err = security.NewJWT(map[string]any{
			core.TokenClaimType: core.TokenTypeFile, core.TokenClaimId: e.Record.Id, core.TokenClaimCollectionId: c.Id,
			claimSession: authapi.SessionID(e.RequestEvent),
		}, e.Record.TokenKey()+c.FileToken.Secret, c.FileToken.DurationTime())
		if err != nil {
			return err
		}
		return e.Next()
	}})
	k.App.OnFileDownloadRequest().Bind(&hook.Handler[*core.FileDownloadRequestEvent]{Id: "auth: a file token ends with its session", Priority: -1, Func: func(e *core.FileDownloadRequestEvent) error {
		if !s.fileTokenHolds(e.RequestEvent) {
			return k.APIError(kernel.ErrNotFound)
		}
		return e.Next()
	}})
	// No hook is for the download of a backup, which such a token opens, too.
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "auth: a backup's token ends with its session", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "auth: a backup's token ends with its session", Priority: kernel.PriorityAccount, Func: func(e *core.RequestEvent) error {
			if strings.HasPrefix(e.Request.URL.Path, "/api/backups/") && !s.fileTokenHolds(e) {
				return e.Error(http.StatusForbidden, "Insufficient permissions to access the resource.", nil)
			}
			return e.Next()
		}})
		return se.Next()
	}})
}

// fileTokenHolds reports whether the file token in a request's address is of a session that
// is alive, or none that PocketBase lets in. It notes the session for the trail.
func (s *state) fileTokenHolds(e *core.RequestEvent) bool {
	token := e.Request.URL.Query().Get("token")
	account, err := e.App.FindAuthRecordByToken(token, core.TokenTypeFile)
	if err != nil || s.sessionsOf(account) == nil {
		return true // PocketBase judges it
	}
	id := sessionOf(token)
	v, alive := s.aliveIn(e.App, id, account, time.Now())
	if !alive || weak(e.App, v) || !account.IsSuperuser() && refuseInactive(account) != nil {
		return false
	}
	authapi.SetSessionID(e, id)
	return true
}
