package hooks

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/routine"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// leavingKey is where a record that is being changed keeps who could see it before. It is not
// a field.
const leavingKey = "@leaving"

// listener is one subscription that a record's changes come to.
type listener struct {
	client subscriptions.Client
	topic  string
	info   *core.RequestInfo
	rule   *string
}

// bindLeaving tells realtime subscribers whom a change takes a record from that it is gone for
// them, as a delete does: an appointment that is another doctor's now, a notice that is meant
// for others. PocketBase tells of a change only those who may see the record afterwards, and an
// open screen would go on showing what it was.
func bindLeaving(k *kernel.Kernel) {
	var rules askedFields
	k.App.OnRecordUpdateExecute().Bind(&hook.Handler[*core.RecordEvent]{Id: "platform.leaving.before", Priority: -first, Func: func(e *core.RecordEvent) error {
		a, owned := k.AccessOf(e.Record.Collection().Name)
		if owned && rules.changed(e.Record, a.SoftDelete) {
			e.Record.SetRaw(leavingKey, listeners(e.App, e.Record))
		}
		return e.Next()
	}})
	k.App.OnRecordAfterUpdateSuccess().Bind(&hook.Handler[*core.RecordEvent]{Id: "platform.leaving.after", Func: func(e *core.RecordEvent) error {
		before, _ := e.Record.GetRaw(leavingKey).([]listener)
		if before != nil {
			e.Record.SetRaw(leavingKey, nil) // the record may be saved again
		}
		for _, l := range before {
			// An error is none of the change's, which is made: the rule could not be asked.
			if ok, err := e.App.CanAccessRecord(e.Record, l.info, l.rule); ok || err != nil {
				continue
			}
			l.tellGone(e.Record)
		}
		return e.Next()
	}})
}

// own matches the names in a rule that are fields of the collection itself: not those behind a
// relation, of the caller, or of another collection.
var own = regexp.MustCompile(`(?:^|[^\w.@:])([A-Za-z_]\w*)`)

// askedFields remembers which fields a rule asks of, by the rule's text: every change of every
// record looks here.
type askedFields struct{ known sync.Map }

// of returns the fields of c that a rule asks of. Where it asks of records that name c's, those
// are all its relations: whom a patient is assigned to decides who cares for them.
func (a *askedFields) of(c *core.Collection, rule string) []string {
	key := c.Id + " " + rule
	if names, ok := a.known.Load(key); ok {
		return names.([]string)
	}
	said := map[string]bool{}
	for _, m := range own.FindAllStringSubmatch(rule, -1) {
		said[m[1]] = true
	}
	var names []string
	for _, f := range c.Fields {
		if said[f.GetName()] || (f.Type() == core.FieldTypeRelation && strings.Contains(rule, "_via_")) {
			names = append(names, f.GetName())
		}
	}
	a.known.Store(key, names)
	return names
}

// changed reports whether a field that the rules ask of is about to change. Of a record that is
// deleted PocketBase tells by itself.
func (a *askedFields) changed(r *core.Record, softDelete string) bool {
	c, before := r.Collection(), r.Original()
	differs := func(field string) bool { return !reflect.DeepEqual(r.GetRaw(field), before.GetRaw(field)) }
	if softDelete != "" && differs(softDelete) {
		return false
	}
	for _, rule := range []*string{c.ListRule, c.ViewRule} {
		if rule != nil && slices.ContainsFunc(a.of(c, *rule), differs) {
			return true
		}
	}
	return false
}

// listeners returns the subscriptions that may see the record as it is stored now. Whoever may
// see every record loses none, and is none.
func listeners(app core.App, r *core.Record) (list []listener) {
	c := r.Collection()
	topics := map[string]*string{
		c.Name + "/" + r.Id + "?": c.ViewRule, c.Id + "/" + r.Id + "?": c.ViewRule,
		c.Name + "/*?": c.ListRule, c.Id + "/*?": c.ListRule, c.Name + "?": c.ListRule, c.Id + "?": c.ListRule,
	}
	for _, client := range app.SubscriptionsBroker().Clients() {
		account, _ := client.Get(apis.RealtimeClientAuthKey).(*core.Record)
		if account == nil || account.IsSuperuser() {
			continue
		}
		for prefix, rule := range topics {
			for topic, options := range client.Subscriptions(prefix) {
				info := &core.RequestInfo{Context: core.RequestInfoContextRealtime, Method: "GET", Query: options.Query, Headers: options.Headers, Auth: account}
				if ok, err := app.CanAccessRecord(r, info, rule); ok && err == nil {
					list = append(list, listener{client, topic, info, rule})
				}
			}
		}
	}
	return list
}

// tellGone sends what PocketBase sends of a delete, without anything that is in the record.
func (l listener) tellGone(r *core.Record) {
	data, err := json.Marshal(map[string]any{"action": "delete", "record": map[string]string{
		"id": r.Id, "collectionId": r.Collection().Id, "collectionName": r.Collection().Name,
	}})
	if err != nil {
		return // texts always are JSON
	}
	routine.FireAndForget(func() { l.client.Send(subscriptions.Message{Name: l.topic, Data: data}) })
}
