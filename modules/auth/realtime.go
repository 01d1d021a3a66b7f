package auth

import (
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// streamKey is where a realtime client keeps the id of the session that subscribed.
const streamKey = "polyclinic.session"

// bindRealtime ends what a session may hear with the session.
func bindRealtime(k *kernel.Kernel, s *state) {
	k.App.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{Id: "auth: a subscription has a session", Func: func(e *core.RealtimeSubscribeRequestEvent) error {
		id := authapi.SessionID(e.RequestEvent)
		if id == "" {
			e.Client.Unset(streamKey)
			return e.Next()
		}
		e.Client.Set(streamKey, id)
		err := e.Next()
		// It may have ended after this request was let in, and before the client was marked.
		if _, alive := s.sessions.alive(k.App, id, e.Auth.Id, time.Now()); !alive {
			e.Client.Unset(apis.RealtimeClientAuthKey)
		}
		return err
	}})
	k.App.OnRealtimeMessageSend().Bind(&hook.Handler[*core.RealtimeMessageEvent]{Id: "auth: messages end with the session", Func: func(e *core.RealtimeMessageEvent) error {
		if id, account := streamOf(e.Client); id != "" && account != "" {
			if v, alive := s.sessions.alive(k.App, id, account, time.Now()); !alive || weak(k.App, v) {
				e.Client.Unset(apis.RealtimeClientAuthKey)
				return nil
			}
		}
		return e.Next()
	}})
}

// streamOf returns session and account of a realtime client, "" when it has none.
func streamOf(c subscriptions.Client) (session, account string) {
	session, _ = c.Get(streamKey).(string)
	if r, ok := c.Get(apis.RealtimeClientAuthKey).(*core.Record); ok {
		account = r.Id
	}
	return session, account
}

// signOutStreams takes the account off the realtime clients that over selects.
func signOutStreams(app core.App, over func(session, account string) bool) {
	for _, c := range app.SubscriptionsBroker().Clients() {
		if session, account := streamOf(c); session != "" && over(session, account) {
			c.Unset(apis.RealtimeClientAuthKey)
		}
	}
}

// keepStreams gives the realtime clients of a session the account back, which PocketBase
// takes off all of the account's clients when its password changes.
func keepStreams(app core.App, session string, account *core.Record) {
	for _, c := range app.SubscriptionsBroker().Clients() {
		if c.Get(streamKey) == session {
			c.Set(apis.RealtimeClientAuthKey, account)
		}
	}
}

// bindFiles ties file tokens, which live for minutes, to the session that asked for them.
func bindFiles(k *kernel.Kernel, s *state) {
	k.App.OnFileTokenRequest(kernel.AccountsCollection).Bind(&hook.Handler[*core.FileTokenRequestEvent]{Id: "auth: a file token has a session", Func: func(e *core.FileTokenRequestEvent) (err error) {
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
		token := e.Request.URL.Query().Get("token")
		account, err := e.App.FindAuthRecordByToken(token, core.TokenTypeFile)
		if err != nil || account.Collection().Name != kernel.AccountsCollection {
			return e.Next() // PocketBase has judged it already
		}
		if v, alive := s.sessions.alive(e.App, sessionOf(token), account.Id, time.Now()); !alive || weak(e.App, v) || refuseInactive(account) != nil {
			return k.APIError(kernel.ErrNotFound)
		}
		return e.Next()
	}})
}
