package fhir

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

func (w *writer) create(fields map[string]any) (outcome, error) {
	c, err := w.tx.FindCachedCollectionByNameOrId(w.importer.Collection)
	if err != nil {
		return untouched, err
	}
	r := core.NewRecord(c)
	r.Load(fields)
	r.Set("sourceId", w.group.sourceID(w.run.source))
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
