package auth

import (
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
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
		if _, alive := s.aliveIn(k.App, id, e.Auth, time.Now()); !alive {
			e.Client.Unset(apis.RealtimeClientAuthKey)
		}
		return err
	}})
	k.App.OnRealtimeMessageSend().Bind(&hook.Handler[*core.RealtimeMessageEvent]{Id: "auth: messages end with the session", Func: func(e *core.RealtimeMessageEvent) error {
		if id, account := streamOf(e.Client); id != "" && account != nil {
			if v, alive := s.aliveIn(k.App, id, account, time.Now()); !alive || weak(k.App, v) {
				e.Client.Unset(apis.RealtimeClientAuthKey)
				return nil
			}
		}
		return e.Next()
	}})
}

// streamOf returns session and account of a realtime client, "" and nil when it has none.
func streamOf(c subscriptions.Client) (session string, account *core.Record) {
	session, _ = c.Get(streamKey).(string)
	account, _ = c.Get(apis.RealtimeClientAuthKey).(*core.Record)
	return session, account
}

// signOutStreams takes the account off the realtime clients that over selects.
func signOutStreams(app core.App, over func(session, account string) bool) {
	for _, c := range app.SubscriptionsBroker().Clients() {
		if session, account := streamOf(c); session != "" && account != nil && over(session, account.Id) {
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
