// Package auditapi is how other modules speak to the audit trail: they record what only
// they know, mark what the trail records by itself, and give anchors a place.
package auditapi

import (
	"context"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Entry is what a module has to say. Who did it, when, from where and in which request is
// found by the trail. An entry names ids, never persons, and no text of a patient's data.
type Entry struct {
	Action   string   // what was done, such as "break-glass", "export", "erase": ^[a-z][a-z.-]*$
	Target   string   // what it was done with, such as "csv patients"
	Why      string   // the reason that the person gave, "" when none was asked for; kept beside the trail, where Forget of the first of Patients erases it
	Patients []string // ids of the patients whose data it concerns
	Items    []string // records, as "collection/id"
	Marks    []string // what reviewers look for, see the constants
	Account  string   // who did it where the request does not say so, an account's id
	Count    int      // how many rows, where they are too many to name
}

// Marks that reviewers look for.
const (
	OutsideCare = "outside-care" // a read of a patient who is not under the reader's care
	BreakGlass  = "break-glass"  // a read that was made possible by giving a reason
)

// Recorder is the trail. The audit module provides it.
type Recorder interface {
	// Record writes the entry in the transaction of tx, or in one of its own.
	Record(tx core.App, e Entry) error
	// Forget erases what was kept of the values of a patient's records before and after
	// each change, and of the reasons that were given. The trail itself stays whole: it says
	// that they were erased. accountID is the patient's own account, "" where there is none or
	// it stays somebody's who works here.
	Forget(tx core.App, patientID, accountID string) error
	// Earlier returns the texts that fields of these names had, of whatever is kept of the patient
	// and the account: what Forget is about to erase. Each is there once, in no order.
	Earlier(tx core.App, patientID, accountID string, fields ...string) ([]string, error)
}

// Record adds an entry to the trail, in the transaction of tx: either both the entry and
// what it speaks of are there, or neither. An error must stop the action. In a build
// without the audit module there is no trail and nothing to record.
func Record(tx core.App, e Entry) error {
	for _, r := range kernel.All[Recorder](kernel.Of(tx)) {
		if err := r.Record(tx, e); err != nil {
			return err
		}
	}
	return nil
}

// Forget erases the kept values of a patient's records, see Recorder.Forget.
func Forget(tx core.App, patientID, accountID string) error {
	for _, r := range kernel.All[Recorder](kernel.Of(tx)) {
		if err := r.Forget(tx, patientID, accountID); err != nil {
			return err
		}
	}
	return nil
}

// Earlier returns what was entered before, see Recorder.Earlier; nothing without a trail.
func Earlier(tx core.App, patientID, accountID string, fields ...string) (texts []string, err error) {
	for _, r := range kernel.All[Recorder](kernel.Of(tx)) {
		more, err := r.Earlier(tx, patientID, accountID, fields...)
		if err != nil {
			return nil, err
		}
		texts = append(texts, more...)
	}
	return texts, nil
}

// markerKey is where a request keeps what collects for its entry. A script finds it there,
// too: e.get("polyclinic.audit").saw("patients/" + id).
const markerKey = "polyclinic.audit"

// Marker collects what is known of one request until its entry is written.
type Marker interface {
	Mark(mark string)
	Saw(items ...string)
	Try(about ...string)
}

// Mark marks the request's entry. It may be called until the first byte of the answer is
// written. A reason that somebody gave has no place there, where nothing can be erased: Record
// takes it.
func Mark(e *core.RequestEvent, mark string) {
	if m, ok := e.Get(markerKey).(Marker); ok {
		m.Mark(mark)
	}
}

// Saw tells the trail which records an answer shows, as "collection/id". It is for answers
// that a module puts together itself: what PocketBase enriches, and the record of a route's
// {id}, are seen anyway. Of patients and accounts the trail knows whom they concern; where
// another record is shown, its patient is to be named beside it. It may be called until the
// first byte of the answer is written.
func Saw(e *core.RequestEvent, items ...string) {
	if m, ok := e.Get(markerKey).(Marker); ok {
		m.Saw(items...)
	}
}

// Try says that the request has an entry also when it is refused for a reason that is
// otherwise nobody's business, such as 409: what somebody tried to do to a patient's rights
// counts, done or not. A route calls it first. about names records, as "collection/id", that
// the path does not name.
func Try(e *core.RequestEvent, about ...string) {
	if m, ok := e.Get(markerKey).(Marker); ok {
		m.Try(about...)
	}
}

// SetMarker lets a request be marked; the audit module does so for every request.
func SetMarker(e *core.RequestEvent, m Marker) { e.Set(markerKey, m) }

// Reading is a contribution that looks at each read of patients' data, ahead of its entry,
// and returns the marks that are put on it, each with those of the patients whom it is
// about. account is never nil, and never a superuser. Modules list theirs in Provides. It
// must be quick: every read waits for it.
type Reading func(app core.App, account *core.Record, patients []string) (marks map[string][]string, err error)

// Anchor is what an anchor outside of the trail holds of it: the hash of one entry.
type Anchor struct {
	Seq  int64
	Hash string // SHA-256 in hex
	At   time.Time
}

// Anchors is a place outside of the trail, such as a database on another machine, whose
// anchors show a trail that was rewritten as a whole or cut off. Modules list theirs in
// Provides. Anchor is called once a minute, or after 1,000 entries, from one goroutine, and
// never while somebody waits.
type Anchors interface {
	Name() string
	// Ready reports whether the place is set up. While it is not, nothing is kept there, or
	// looked for.
	Ready() bool
	// Anchor keeps a. Keeping the same one twice is no error.
	Anchor(ctx context.Context, a Anchor) error
	// Kept returns what was kept, in any order.
	Kept(ctx context.Context) ([]Anchor, error)
}
