package fhir

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

func (w *writer) create(fields map[string]any) (outcome, error) {
	c, err := w.tx.FindCachedCollectionByNameOrId(w.importer.Collection)
	if err != nil {
		return untouched, err
	}
	r := core.NewRecord(c)
	r.Load(fields)
	r.Set("sourceId", w.group.sourceID(w.run.source))
	legible(r)
	if err := w.tx.Save(r); err != nil {
		return untouched, err
	}
	w.group.Record = r.Id
	return created, w.remember(r, fields, nil)
}

// update changes what the source changed. A field that the clinic changed since the last
// import is the clinic's: it stays. So does what a field held ahead of its first import.
func (w *writer) update(r *core.Record, fields map[string]any) (outcome, error) {
	last := map[string]said{}
	if w.group.Written != "" {
		if err := json.Unmarshal([]byte(w.group.Written), &last); err != nil {
			return untouched, fmt.Errorf("what the last import wrote: %w", err)
		}
	}
	w.group.Record = r.Id
	ours, changed := map[string]any{}, false
	for name, value := range fields {
		before := digest(r.Get(name))
		was, imported := last[name]
		if imported && was.Left != before || !imported && !empty(r, name) {
			last[name] = said{digest(value), cmp.Or(was.Left, foreign)}
			continue
		}
		ours[name] = value
		if was.Source != digest(value) {
			r.Set(name, value)
			changed = changed || digest(r.Get(name)) != before
		}
	}
	if !changed {
		return untouched, w.remember(r, ours, last)
	}
	legible(r)
	if err := w.tx.Save(r); err != nil {
		return untouched, err
	}
	return updated, w.remember(r, ours, last)
}

// legible takes out of a record's texts the characters that nobody sees, which the platform
// refuses: the source's systems let them in.
func legible(r *core.Record) {
	for _, f := range r.Collection().Fields {
		name := f.GetName()
		switch f.Type() {
		case core.FieldTypeText, core.FieldTypeEditor:
			if s := r.GetString(name); kernel.HasHidden(s) {
				r.Set(name, kernel.Legible(s))
			}
		case core.FieldTypeJSON:
			var v any
			if json.Unmarshal([]byte(r.GetString(name)), &v) == nil {
				if clean, changed := legibleValue(v); changed {
					r.Set(name, clean)
				}
			}
		}
	}
}

func legibleValue(v any) (clean any, changed bool) {
	switch v := v.(type) {
	case string:
		return kernel.Legible(v), kernel.HasHidden(v)
	case []any:
		for i := range v {
			var c bool
			v[i], c = legibleValue(v[i])
			changed = changed || c
		}
	case map[string]any:
		for key := range v {
			var c bool
			v[key], c = legibleValue(v[key])
			changed = changed || c
		}
	}
	return v, changed
}

func empty(r *core.Record, field string) bool {
	return slices.Contains([]string{"", "0", "false", "null", "[]"}, r.GetString(field))
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

// remember keeps what was said of each field that is the import's, beside what is known
// already of the others.
func (w *writer) remember(r *core.Record, ours map[string]any, known map[string]said) error {
	if known == nil {
		known = map[string]said{}
	}
	for name, value := range ours {
		known[name] = said{digest(value), digest(r.Get(name))}
	}
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	w.group.Written = string(text)
	return nil
}

// digestLength is the characters of a digest: 48 bits, by which two values of one field
// are told apart.
const digestLength = 8

// foreign is what was left in a field that no import ever wrote: the digest of nothing.
const foreign = "--------"

func digest(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		text = nil // no field's value is one that JSON cannot hold
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}
