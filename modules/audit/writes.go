package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// bindWrites records every write of a record, in its own transaction: right inside of the
// hook that makes one, so that all that modules' hooks change is in it.
func (t *trail) bindWrites(k *kernel.Kernel) {
	for action, on := range map[string]*hook.TaggedHook[*core.RecordEvent]{
		"create": k.App.OnRecordCreate(), "update": k.App.OnRecordUpdate(), "delete": k.App.OnRecordDelete(),
	} {
		on.Bind(&hook.Handler[*core.RecordEvent]{Id: "audit: every " + action + " is recorded", Priority: -999, Func: func(e *core.RecordEvent) error {
			if slices.Contains(unwatched, e.Record.Collection().Name) {
				return e.Next()
			}
			before, marks := e.Record, map[string][]string(nil)
			if action == "update" {
				before = e.Record.Original()
				var err error
				if marks, err = t.standing(e.App, e.Record); err != nil {
					return err
				}
			}
			if err := e.Next(); err != nil {
				i := t.about.item(e.App, e.Record)
				if action == "create" {
					i.id = ""
				}
				t.writers.of(e.App, e.Record, t.serving()).wanted(i)
				return err
			}
			return t.wrote(e.App, action, before, e.Record, marks)
		}})
	}
	t.bindSetUp(k)
}

// standing returns the marks of a change, whose answer shows the whole record. They are of
// before it: whoever takes a patient on was shown a stranger.
func (t *trail) standing(tx core.App, r *core.Record) (map[string][]string, error) {
	a := t.writers.of(tx, r, t.serving())
	if kernel.Seeding(tx) || a.event == nil || !isPerson(a.event.Auth) {
		return nil, nil
	}
	patients, err := t.about.patients(tx, []item{t.about.item(tx, r)})
	if err != nil {
		return nil, err
	}
	return t.marksDue(tx, a.event.Auth, patients)
}

// wrote records one write of a record, with the marks that are due of it.
func (t *trail) wrote(tx core.App, action string, before, now *core.Record, due map[string][]string) error {
	if kernel.Seeding(tx) || !t.ready(tx) {
		return nil // a demo's past, which never happened; a migration ahead of our tables
	}
	a := t.writers.of(tx, now, t.serving())
	what := t.about.item(tx, now)
	a.mu.Lock()
	if a.written == nil {
		a.written = map[string]bool{}
	}
	a.written[what.String()] = true
	marks := slices.Clone(a.marks)
	a.mu.Unlock()
	entry := a.who()
	actorOf(&entry, a, now)
	entry.Action, entry.Items, entry.Marks = action, []string{what.String()}, unique(marks)
	if a.event != nil {
		entry.Target = t.target(a.event.Request)
	}
	patients, err := t.about.patients(tx, []item{what})
	if err != nil {
		return err
	}
	entry.Patients = patients
	mark(&entry, due)
	slices.Sort(entry.Marks)
	var d diff
	if a.event != nil || action != "create" { // a row that a command made is its own record
		d, entry.Fields = compare(action, before, now)
	}
	return t.put(tx, entry, d)
}

// diff is what data.db keeps of an entry, and the trail has the hash of: what a write changed,
// the values before and after, by field; and the reason that somebody typed, which may name a
// patient.
type diff struct {
	Before map[string]any `json:"before,omitempty"`
	After  map[string]any `json:"after,omitempty"`
	Why    string         `json:"why,omitempty"`
}

func (d diff) isEmpty() bool { return d.Before == nil && d.After == nil && d.Why == "" }

// compare returns the fields that differ, and their values, other than secret ones.
func compare(action string, before, now *core.Record) (d diff, fields []string) {
	for _, f := range now.Collection().Fields {
		name := f.GetName()
		if f.Type() == core.FieldTypeAutodate || name == core.FieldNameId {
			continue
		}
		old, new := value(before, f), value(now, f)
		switch action {
		case "create":
			old = nil
			if isZero(new) {
				continue
			}
		case "delete":
			new = nil
			if isZero(old) {
				continue
			}
		default:
			if reflect.DeepEqual(old, new) || isAsStored(now, f) {
				continue
			}
		}
		fields = append(fields, name)
		if secret(now.Collection(), f) {
			continue
		}
		if old != nil {
			d.Before = with(d.Before, name, old)
		}
		if new != nil {
			d.After = with(d.After, name, new)
		}
	}
	return d, fields
}

// isAsStored reports whether a password is the one that was loaded. What a record was before
// never has the hash; a new one is beside its plain text until it is saved.
func isAsStored(r *core.Record, f core.Field) bool {
	p, ok := r.GetRaw(f.GetName()).(*core.PasswordFieldValue)
	return ok && f.Type() == core.FieldTypePassword && p.Plain == "" && p.Hash != ""
}

func with(m map[string]any, name string, v any) map[string]any {
	if m == nil {
		m = map[string]any{}
	}
	m[name] = v
	return m
}

// value is what is stored of a field: of a file its name, of a password its hash.
func value(r *core.Record, f core.Field) any {
	switch f.Type() {
	case core.FieldTypeFile:
		return r.GetStringSlice(f.GetName())
	case core.FieldTypePassword:
		return r.GetString(f.GetName() + ":hash")
	}
	return r.GetRaw(f.GetName())
}

func isZero(v any) bool {
	if v == nil {
		return true
	}
	if z, ok := v.(interface{ IsZero() bool }); ok {
		return z.IsZero()
	}
	rv := reflect.ValueOf(v)
	return rv.IsZero() || (rv.Kind() == reflect.Slice && rv.Len() == 0)
}

// secret names what is never kept: keys and passwords, hidden fields other than dates (such as
// when a patient was taken off), and all of PocketBase's own collections.
func secret(c *core.Collection, f core.Field) bool {
	return f.GetHidden() && f.Type() != core.FieldTypeDate || f.Type() == core.FieldTypePassword || f.GetName() == core.FieldNameTokenKey || strings.HasPrefix(c.Name, "_")
}

// put writes an entry on its way into the trail, in the transaction of tx.
func (t *trail) put(tx core.App, e chain.Entry, d diff) error {
	if t.reserve.inUse() {
		return kernel.ErrDiskFull // what room there is, is for those who read
	}
	row := dbx.Params{"patient": whose(e)}
	if !d.isEmpty() {
		raw, err := json.Marshal(d)
		if err != nil {
			return err
		}
		salt := random(16)
		row["salt"], row["diff"], e.Diff = salt, string(raw), sealed(salt, string(raw))
	}
	e.At, e.Build = chain.Now(), t.build
	body, err := chain.Encode(e)
	if err != nil {
		return err
	}
	row["body"] = string(body.Raw)
	if _, err := tx.NonconcurrentDB().Insert("audit_writes", row).Execute(); err != nil {
		return fmt.Errorf("write the audit trail: %w", err)
	}
	kernel.AfterCommit(tx, t.wake)
	return nil
}

// whose is whom what is kept of an entry is forgotten with: the first patient, or where there is
// none the account that it is about. An account is made ahead of its patient, and is closed after
// the patient is gone from the register.
func whose(e chain.Entry) string {
	if len(e.Patients) > 0 {
		return e.Patients[0]
	}
	for _, i := range e.Items {
		if id, ok := strings.CutPrefix(i, kernel.AccountsCollection+"/"); ok {
			return id
		}
	}
	return ""
}

// sealed is the hash by which the trail knows the values that data.db keeps. Without the
// salt, which is erased with them, nobody can try what they were.
func sealed(salt, diff string) string {
	h := sha256.Sum256([]byte(salt + "\x00" + diff))
	return hex.EncodeToString(h[:])
}
