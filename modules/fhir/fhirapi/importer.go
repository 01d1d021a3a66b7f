// Package fhirapi is what siblings contribute to the import of FHIR R4 data: which
// resources become which records, and how.
package fhirapi

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// Importer makes the records of one collection out of FHIR resources. A module lists one
// in Provides for each collection that it fills:
//
//	fhirapi.Importer{
//		Collection: "doctors", Types: []string{"Practitioner", "PractitionerRole"},
//		Place: place, Map: toDoctor,
//	}
//
// A record is made of one resource or of several: a practitioner and the roles of that
// practitioner are one doctor, whatever was found and done at an encounter is one medical
// record. Place says which belong together; Map turns them into fields. The hub reads the
// files, finds what a reference means, looks for the record of an earlier import, and
// saves through the collection's own hooks. The collection has a hidden text field
// "sourceId" with a unique partial index.
//
// A type belongs to one Importer.
type Importer struct {
	Collection string
	Types      []string // of the resources that go into the records
	After      []string // collections that must be filled first: Map looks their records up
	Reads      []string // further types that Map reads, see Set.Read; nothing is made of them

	// Place says where one resource belongs. nil: each is a record of its own and has no
	// patient. It looks at nothing but the resource.
	Place func(in Resource) (Place, error)

	// Map returns the fields of the record. It looks, but writes nothing: the same
	// resources must give the same fields. A field that is left out keeps what it has.
	Map func(tx core.App, in *Set) (map[string]any, error)
}

// Place says where a resource belongs.
type Place struct {
	// Of is the key of the resource whose record it goes into, see [Reference.Key]; "" for
	// a record of its own. Where nothing that was read has the key, the resource waits for
	// a file that has, unless ByDay is set.
	Of string

	// Patient is the key of the patient, "" for who or what has none. A resource goes in
	// only after its patient.
	Patient string

	// Day is the calendar day, YYYY-MM-DD, that it is about: what is imported together
	// goes in by day. "" comes first.
	Day string

	// ByDay gathers what has no Of, or one that was not read, by patient and day.
	ByDay bool
}

// Set is what one record is made of.
type Set struct {
	Parts     []Resource         // of the importer's types, by day; at least one
	Root      Resource           // what Place.Of led to, or the part itself; its Type is "" where it is a patient's day, or its text was not kept
	RootIn    Found              // the record that the root went into
	Day       string             // of a record that gathers a patient's day, else ""
	PatientID string             // the record of Place.Patient, "" when none was asked for
	Was       *core.Record       // the record of an earlier import as it is now, or nil
	Clinic    clinicapi.Settings // time zone and currency

	// Find returns the record that a reference key led to.
	Find func(key string) (Found, error)

	// Read returns the resource that a reference key means; its Type is "" when there is
	// none, or its text was not kept.
	Read func(key string) (Resource, error)
}

// Found is what became of the resource that a key means.
type Found struct {
	Known      bool   // it was read, in this run or an earlier one
	Collection string // "" when it became no record
	ID         string
}

// In returns the id where the record is one of the collection, else "".
func (f Found) In(collection string) string {
	if f.Collection != collection {
		return ""
	}
	return f.ID
}
