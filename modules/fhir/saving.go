package fhir

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// maxSourceID is the length of the sourceId fields, in bytes to be safe.
const maxSourceID = 300

// sourceID is what the record is known by: which set of data, and which resource of it.
func (w *writer) sourceID() string {
	id := w.run.source + ":" + w.group.RootKey
	if w.group.Day != "" {
		id += "@" + w.group.Day
	}
	if len(id) > maxSourceID {
		sum := sha256.Sum256([]byte(id))
		id = w.run.source + ":" + hex.EncodeToString(sum[:])
	}
	return id
}

func (w *writer) create(fields map[string]any) (outcome, error) {
	c, err := w.tx.FindCachedCollectionByNameOrId(w.importer.Collection)
	if err != nil {
		return untouched, err
	}
	r := core.NewRecord(c)
	r.Load(fields)
	r.Set("sourceId", w.sourceID())
	if err := w.tx.Save(r); err != nil {
		return untouched, err
	}
	w.group.Record = r.Id
	return created, w.remember(r, fields, nil)
}

// update changes what the source changed. A field that the clinic changed since the last
// import is the clinic's: it stays.
func (w *writer) update(r *core.Record, fields map[string]any) (outcome, error) {
	last := map[string]said{}
	if w.group.Written != "" {
		if err := json.Unmarshal([]byte(w.group.Written), &last); err != nil {
			return untouched, fmt.Errorf("what the last import wrote: %w", err)
		}
	}
	w.group.Record = r.Id
	changed := false
	clinics := map[string]said{}
	for name, value := range fields {
		before := digest(r.Get(name))
		was, imported := last[name]
		switch {
		case imported && was.Left != before:
			clinics[name] = was
		case !imported || was.Source != digest(value):
			r.Set(name, value)
			changed = changed || digest(r.Get(name)) != before
		}
	}
	if !changed {
		return untouched, w.remember(r, fields, clinics)
	}
	if err := w.tx.Save(r); err != nil {
		return untouched, err
	}
	return updated, w.remember(r, fields, clinics)
}

// said are digests of a field: what the source said, and what the import left in the
// record, which hooks may have tidied.
type said struct{ Source, Left string }

// MarshalText writes both as one, since every field of every record has them.
func (s said) MarshalText() ([]byte, error) { return []byte(s.Source + s.Left), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *said) UnmarshalText(text []byte) error {
	if len(text) != 2*digestLength {
		return errors.New("no pair of digests")
	}
	s.Source, s.Left = string(text[:digestLength]), string(text[digestLength:])
	return nil
}

// remember keeps what was said of each field. Of those that are the clinic's by now, what
// the import left stays, so that they stay the clinic's.
func (w *writer) remember(r *core.Record, fields map[string]any, clinics map[string]said) error {
	now := map[string]said{}
	for name, value := range fields {
		left := digest(r.Get(name))
		if was, is := clinics[name]; is {
			left = was.Left
		}
		now[name] = said{digest(value), left}
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	w.group.Written = string(text)
	return nil
}

// digestLength is the characters of a digest: 48 bits, by which two values of one field
// are told apart.
const digestLength = 8

func digest(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		text = nil // no field's value is one that JSON cannot hold
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// done notes that the parts are in.
func (w *writer) done(did outcome) (tell func(), err error) {
	g := w.group
	_, err = w.tx.NonconcurrentDB().NewQuery(`UPDATE fhir_records SET due = 0, refused = 0, record = {:record}, written = {:written} WHERE id = {:id}`).
		Bind(dbx.Params{"record": g.Record, "written": g.Written, "id": g.ID}).Execute()
	if err != nil {
		return nil, err
	}
	_, err = w.tx.NonconcurrentDB().NewQuery(`UPDATE fhir_resources SET state = CASE WHEN skipped THEN 3 ELSE 2 END, fresh = fresh AND skipped
		WHERE part = {:id} AND state < 3`).Bind(dbx.Params{"id": g.ID}).Execute()
	return func() { w.run.countDone(w.importer.Collection, g.parts, did) }, err
}

// refused notes why the parts did not go in. What waits for another file is tried again
// by the next import, the rest when it is read again.
func (w *writer) refused(no *fhirapi.Refusal) (tell func(), err error) {
	g := w.group
	due, state, hash := 0, "CASE WHEN fresh OR skipped THEN 3 ELSE 2 END", "x''"
	switch no.Kind {
	case fhirapi.Waiting:
		due, state, hash = 1, "state", "hash"
	case fhirapi.Skipped:
		state, hash = "3", "hash"
	}
	_, err = w.tx.NonconcurrentDB().NewQuery(`UPDATE fhir_records SET due = {:due}, refused = {:run} WHERE id = {:id}`).
		Bind(dbx.Params{"due": due, "run": w.run.id, "id": g.ID}).Execute()
	if err != nil {
		return nil, err
	}
	_, err = w.tx.NonconcurrentDB().NewQuery(`UPDATE fhir_resources SET hash = ` + hash + `, state = ` + state + ` WHERE part = {:id} AND state = 1`).
		Bind(dbx.Params{"id": g.ID}).Execute()
	return func() { w.run.countRefused(g.parts, no) }, err
}
