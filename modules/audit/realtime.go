package audit

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// bindRealtime records each message that carries a record, ahead of sending it. A message
// that cannot be recorded is not sent, and ends the connection. The waiting is done by the
// connection that gets the message, not by whoever made the change.
func (t *trail) bindRealtime(k *kernel.Kernel) {
	k.App.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{Id: "audit: subscriptions are recorded", Func: func(e *core.RealtimeSubscribeRequestEvent) error {
		a := t.askedBy(e.RequestEvent)
		if a == nil || e.Auth == nil {
			return e.Next()
		}
		a.does("subscribe")
		for _, s := range e.Subscriptions {
			name, _, _ := strings.Cut(s, "?")
			collection, id, _ := strings.Cut(name, "/")
			a.saw(item{collection: collection, id: id})
		}
		return e.Next()
	}})
	k.App.OnRealtimeMessageSend().Bind(&hook.Handler[*core.RealtimeMessageEvent]{Id: "audit: what is sent live is recorded", Priority: 1000, Func: func(e *core.RealtimeMessageEvent) error {
		entry, ok, err := t.message(e)
		if err != nil {
			return err
		}
		if ok {
			if err := t.enter(entry); err != nil {
				k.App.Logger().Error("no entry, no message", "error", err)
				return errNoTrail
			}
		}
		return e.Next()
	}})
}

// message makes the entry of a message, unless it carries nothing of patients.
func (t *trail) message(e *core.RealtimeMessageEvent) (entry chain.Entry, wanted bool, err error) {
	account, signedIn := e.Client.Get(apis.RealtimeClientAuthKey).(*core.Record)
	if e.Message.Name == "PB_CONNECT" || !signedIn {
		return entry, false, nil
	}
	topic, _, _ := strings.Cut(e.Message.Name, "?")
	ref, id, _ := strings.Cut(topic, "/")
	c, err := t.k.App.FindCachedCollectionByNameOrId(ref)
	if err != nil || slices.Contains(withoutPatients, c.Name) {
		return entry, false, nil // a module's own topic carries no record
	}
	var sent struct {
		Action string
		Record map[string]any
	}
	_ = json.Unmarshal(e.Message.Data, &sent) // the topic says enough
	if sent.Action == "delete" && namesOnly(sent.Record) {
		return entry, false, nil // it is gone for them, and nothing of it is shown
	}
	if sentID, _ := sent.Record["id"].(string); sentID != "" {
		id = sentID
	}
	entry = chain.Entry{Action: "read-live", Target: "realtime " + c.Name + " " + sent.Action, Outcome: "ok", Address: e.RealIP()}
	entry.Actor, entry.Role = named(account)
	entry.Items = []string{c.Name + "/" + id}
	if r, err := t.k.App.FindRecordById(c, id); err == nil { // it may have been deleted since
		if entry.Patients, err = t.about.patients(t.k.App, []item{t.about.item(t.k.App, r)}); err != nil {
			return entry, false, err
		}
	}
	if isPerson(account) {
		due, err := t.marksDue(t.k.App, account, entry.Patients)
		if err != nil {
			return entry, false, err
		}
		mark(&entry, due)
		slices.Sort(entry.Marks)
	}
	return entry, true, nil
}

// namesOnly holds for a record of which a message says which it is, and no more.
func namesOnly(record map[string]any) bool {
	for name := range record {
		if !slices.Contains([]string{"id", "collectionId", "collectionName"}, name) {
			return false
		}
	}
	return len(record) > 0
}
