package hooks

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

const (
	maxTopics             = 100
	maxConnections        = 2000
	maxConnectionsAddress = 100
	maxConnectionsAccount = 20 // browser windows and telephones of one person
)

// bindRealtime closes what PocketBase leaves open: custom topics have no authorisation, a
// guest may hold thousands of connections, and a subscription's filter and expand are
// oracles like a list's.
func bindRealtime(k *kernel.Kernel) {
	conns := newCounter(maxConnections, maxConnectionsAddress)
	k.App.OnRealtimeConnectRequest().Bind(&hook.Handler[*core.RealtimeConnectRequestEvent]{Id: "platform.realtime.connect", Func: func(e *core.RealtimeConnectRequestEvent) error {
		release, ok := conns.take(e.RealIP())
		if !ok {
			return e.TooManyRequestsError("Too many realtime connections.", nil)
		}
		defer release()
		return e.Next()
	}})
	k.App.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{Id: "platform.realtime.subscribe", Priority: first, Func: func(e *core.RealtimeSubscribeRequestEvent) error {
		if len(e.Subscriptions) > maxTopics {
			return k.APIError(kernel.Bad("subscriptions", "too_many", "At most 100 subscriptions."))
		}
		if e.Auth != nil && otherConnections(e) >= maxConnectionsAccount {
			return e.TooManyRequestsError("Too many realtime connections.", nil)
		}
		for _, s := range e.Subscriptions {
			if err := topicAllowed(k, e, s); err != nil {
				return k.APIError(err)
			}
		}
		return e.Next()
	}})
	k.App.OnRealtimeMessageSend().Bind(&hook.Handler[*core.RealtimeMessageEvent]{Id: "platform.realtime.send", Priority: first, Func: func(e *core.RealtimeMessageEvent) error {
		// A session that ended between the rule's check and now gets nothing more.
		if e.Client.Get(apis.RealtimeClientAuthKey) == nil && e.Client.Get(hadAuthKey) == true && e.Message.Name != "PB_CONNECT" {
			return nil
		}
		return e.Next()
	}})
}

// otherConnections counts the realtime connections of the caller beside this one.
func otherConnections(e *core.RealtimeSubscribeRequestEvent) (n int) {
	for id, c := range e.App.SubscriptionsBroker().Clients() {
		if r, ok := c.Get(apis.RealtimeClientAuthKey).(*core.Record); ok && r.Id == e.Auth.Id && r.Collection().Id == e.Auth.Collection().Id && id != e.Client.Id() {
			n++
		}
	}
	return n
}

// hadAuthKey marks, on a realtime client, that it was signed in when it subscribed.
const hadAuthKey = "polyclinic.hadAuth"

func topicAllowed(k *kernel.Kernel, e *core.RealtimeSubscribeRequestEvent, topic string) error {
	name, rawOptions, _ := strings.Cut(topic, "?")
	if name == "@oauth2" {
		return nil // PocketBase's own, for a guest who signs in with OAuth2
	}
	if e.Auth == nil {
		return kernel.ErrSignIn
	}
	e.Client.Set(hadAuthKey, true)
	ref, _, _ := strings.Cut(name, "/")
	c, err := e.App.FindCachedCollectionByNameOrId(ref)
	if err != nil {
		return kernel.ErrForbidden.At("subscriptions") // a topic of nobody's
	}
	if k.Off(c.Name) {
		return kernel.ErrNotFound
	}
	if e.HasSuperuserAuth() {
		return nil
	}
	q, err := url.ParseQuery(rawOptions)
	if err != nil {
		return kernel.ErrBadInput.At("subscriptions")
	}
	var options struct{ Query map[string]any }
	if raw := q.Get("options"); raw != "" && json.Unmarshal([]byte(raw), &options) != nil {
		return kernel.ErrBadInput.At("subscriptions")
	}
	query := url.Values{}
	for name, v := range options.Query {
		text, ok := v.(string)
		if !ok {
			raw, _ := json.Marshal(v) // it came from JSON
			text = string(raw)
		}
		query.Set(name, text)
	}
	return guardQuery(k, c, query)
}
