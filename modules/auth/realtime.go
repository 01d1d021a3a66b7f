package auth

import (
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

const (
	// streamKey is where a realtime client keeps the id of the session that subscribed.
	streamKey = "polyclinic.session"
	// ownerKey is where it keeps whose session that is: PocketBase takes the account off a
	// client when its password changes.
	ownerKey = "polyclinic.owner"
)

// bindRealtime ends a realtime connection with its session. PocketBase would leave it open
// and silent, and an SDK takes it for a good one; when it is closed the SDK opens another, as
// whoever is signed in then.
func bindRealtime(k *kernel.Kernel, s *state) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "auth: a connection passes on", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "auth: a connection passes on", Priority: kernel.PriorityGuard + 1, Func: func(e *core.RequestEvent) error {
			if e.Auth != nil && e.Request.Method == http.MethodPost && strings.TrimSuffix(e.Request.URL.Path, "/") == "/api/realtime" {
				passOn(e)
			}
			return e.Next()
		}})
		return se.Next()
	}})
	k.App.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{Id: "auth: a subscription has a session", Func: func(e *core.RealtimeSubscribeRequestEvent) error {
		id := authapi.SessionID(e.RequestEvent)
		if id == "" {
			e.Client.Unset(streamKey)
			e.Client.Unset(ownerKey)
			return e.Next()
		}
		e.Client.Set(streamKey, id)
		e.Client.Set(ownerKey, e.Auth.Id)
		err := e.Next()
		// It may have ended after this request was let in, and before the client was marked.
		if _, alive := s.aliveIn(k.App, id, e.Auth, time.Now()); !alive {
			closeStream(k.App, e.Client)
		}
		return err
	}})
	k.App.OnRealtimeMessageSend().Bind(&hook.Handler[*core.RealtimeMessageEvent]{Id: "auth: messages end with the session", Func: func(e *core.RealtimeMessageEvent) error {
		id, _ := e.Client.Get(streamKey).(string)
		account, _ := e.Client.Get(apis.RealtimeClientAuthKey).(*core.Record)
		if id != "" && account != nil {
			if v, alive := s.aliveIn(k.App, id, account, time.Now()); !alive || weak(k.App, v) {
				closeStream(k.App, e.Client)
				return nil
			}
		}
		return e.Next()
	}})
}

// passOn lets somebody else use a connection than who subscribed with it, as in a browser's tab
// where one person signs in after another: PocketBase refuses that with 403 for as long as the
// connection lasts. What was subscribed before is replaced. The connection's secret id and
// address are what PocketBase asks of a guest's, too.
func passOn(e *core.RequestEvent) {
	var form struct {
		ClientID string `json:"clientId" form:"clientId"`
	}
	if e.BindBody(&form) != nil {
		return // PocketBase says so
	}
	c, err := e.App.SubscriptionsBroker().ClientById(form.ClientID)
	if err != nil || c.Get(apis.RealtimeClientIPKey) != e.RealIP() {
		return
	}
	before, _ := c.Get(apis.RealtimeClientAuthKey).(*core.Record)
	if before != nil && (before.Id != e.Auth.Id || before.Collection().Id != e.Auth.Collection().Id) {
		c.Unset(apis.RealtimeClientAuthKey)
	}
}

// closeStream ends a connection; nothing more is sent on it, what waits neither.
func closeStream(app core.App, c subscriptions.Client) {
	c.Unset(apis.RealtimeClientAuthKey)
	app.SubscriptionsBroker().Unregister(c.Id())
}

// closeStreams ends the connections that over selects by session and account.
func closeStreams(app core.App, over func(session, account string) bool) {
	for _, c := range app.SubscriptionsBroker().Clients() {
		session, _ := c.Get(streamKey).(string)
		account, _ := c.Get(ownerKey).(string)
		if session != "" && over(session, account) {
			closeStream(app, c)
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
