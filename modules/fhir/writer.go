package fhir

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// writer makes one record.
type writer struct {
	run      *run
	tx       core.App
	importer fhirapi.Importer
	group    *group
	clinic   clinicapi.Settings

	incomplete bool // something that it refers to is no record yet
}

// outcome is what became of a record.
type outcome int

const (
	untouched outcome = iota
	created
	updated
)

// write makes the record, or notes why not. It returns what to count once that is
// committed; its error ends the import.
func (w *writer) write() (tell func(), err error) {
	var did outcome
	err = savepoint(w.tx, func() (err error) {
		did, err = w.make()
		return err
	})
	if err == nil {
		return w.done(did)
	}
	no := w.run.refusal(err)
	if no == nil {
		return nil, err
	}
	return w.refused(no)
}

// make saves the record. Its error is a refusal, or a fault.
func (w *writer) make() (outcome, error) {
	set, err := w.set()
	if err != nil {
		return untouched, err
	}
	if set == nil {
		return untouched, nil
	}
	fields, err := w.fields(set)
	if err != nil {
		return untouched, err
	}
	if set.Was == nil {
		return w.create(fields)
	}
	return w.update(set.Was, fields)
}

// fields asks the importer. A resource that it trips over is refused like any other.
func (w *writer) fields(set *fhirapi.Set) (fields map[string]any, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.tx.Logger().Error("importer of FHIR resources panicked", "collection", w.importer.Collection, "panic", fmt.Sprintf("%T", p))
			err = fhirapi.Refuse("", "could not be understood")
		}
	}()
	return w.importer.Map(w.tx, set)
}

// set gathers what the record is made of. It is nil when there is nothing to do, also
// because the clinic removed the record: that is not undone by an import.
func (w *writer) set() (*fhirapi.Set, error) {
	set := &fhirapi.Set{Day: w.group.Day, Clinic: w.clinic, Find: w.find, Read: w.read}
	var first *part
	for _, p := range w.group.parts {
		if p.Skipped {
			continue
		}
		if first == nil {
			first = p
		}
		if p.Patient != first.Patient {
			return nil, fhirapi.Refuse("", "it is part of the same thing as another patient's resources")
		}
		if len(p.Text) == 0 && !w.group.news() {
			return nil, nil // nothing to add to it
		}
		if len(p.Text) == 0 {
			return nil, fhirapi.Missing("", "the text of what else is in its record was not kept: import those files again")
		}
		r, err := resourceOf(p.Type, p.Text)
		if err != nil {
			return nil, err
		}
		set.Parts = append(set.Parts, r)
		if p.ID == w.group.Root {
			set.Root = r
		}
	}
	if first == nil {
		return nil, fhirapi.Refuse("", "its source has taken it back; the clinic's record is left as it is")
	}
	if first.Patient != 0 && (first.PatientRecord == "" || first.PatientRefused == w.run.id) {
		return nil, fhirapi.Refuse("", "its patient was refused")
	}
	set.PatientID = first.PatientRecord
	if err := w.root(set, first.Patient); err != nil {
		return nil, err
	}
	gone, err := w.was(set)
	if err != nil || gone {
		return nil, err
	}
	return set, nil
}

// resourceOf returns a resource of the importer's memory.
func resourceOf(kind string, packed []byte) (fhirapi.Resource, error) {
	text, err := unpack(packed)
	return fhirapi.Resource{Type: kind, Raw: text}, err
}

// root is what holds the parts together where that is none of them: the encounter of what
// was found at it.
func (w *writer) root(set *fhirapi.Set, patient int64) (err error) {
	g := w.group
	set.RootIn = fhirapi.Found{Known: true, Collection: g.RootCollection, ID: g.RootRecord}
	if set.Root.Type != "" || g.Day != "" {
		return nil
	}
	if g.RootPatient != 0 && patient != 0 && g.RootPatient != patient {
		return fhirapi.Refuse("", "what it is part of is another patient's")
	}
	w.incomplete = g.RootRecord == ""
	if len(g.RootText) > 0 {
		set.Root, err = resourceOf(g.RootType, g.RootText)
	}
	return err
}

// was finds the record of an earlier import and reports whether the clinic removed it.
func (w *writer) was(set *fhirapi.Set) (gone bool, err error) {
	if w.group.Record == "" {
		return false, nil
	}
	set.Was, err = w.tx.FindRecordById(w.importer.Collection, w.group.Record)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("record of an earlier import: %w", err)
	}
	access, _ := w.run.kernel.AccessOf(w.importer.Collection) // no table: nothing is deleted softly
	return access.SoftDelete != "" && !set.Was.GetDateTime(access.SoftDelete).IsZero(), nil
}

// find returns what became of the resource that a key means. What is no record yet is
// looked for again by the next import.
func (w *writer) find(key string) (found fhirapi.Found, err error) {
	if key == "" {
		return found, nil
	}
	defer func() { w.incomplete = w.incomplete || found.ID == "" }()
	err = w.tx.DB().NewQuery(`SELECT COALESCE(p.collection, ''), COALESCE(p.record, '') FROM fhir_keys k
		JOIN fhir_resources r ON r.id = k.resource LEFT JOIN fhir_records p ON p.id = r.part AND p.record != ''
		WHERE k.source = {:source} AND k.key = {:key}`).
		Bind(dbx.Params{"source": w.run.source, "key": key}).Row(&found.Collection, &found.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return fhirapi.Found{}, nil
	}
	found.Known = true
	return found, err
}

func (w *writer) read(key string) (fhirapi.Resource, error) {
	var p part
	err := w.tx.DB().NewQuery(`SELECT r.type, t.text FROM fhir_keys k JOIN fhir_resources r ON r.id = k.resource
		JOIN fhir_texts t ON t.resource = r.id WHERE k.source = {:source} AND k.key = {:key}`).
		Bind(dbx.Params{"source": w.run.source, "key": key}).One(&p)
	if errors.Is(err, sql.ErrNoRows) {
		return fhirapi.Resource{}, nil
	}
	if err != nil {
		return fhirapi.Resource{}, err
	}
	return resourceOf(p.Type, p.Text)
}
