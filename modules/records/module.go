// Package records owns the medical records: what was found, what was done, and every
// earlier version of both.
package records

import (
	"net/http"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// Module declares the medical records and their history.
func Module() kernel.Module {
	return kernel.Module{
		Name: "records", Doc: "Medical records and their history.",
		Requires:   []string{"auth", "staff", "patients", "appointments"},
		Migrations: migrations,
		Access:     access,
		Resources: []kernel.Resource{{
			Path: "/api/medical-records", Collection: "medical_records", Noun: "medical record",
			Verbs:  []kernel.Verb{kernel.List, kernel.Create, kernel.Update, kernel.Delete},
			ListBy: "patientId", Sort: "-recordedAt,-created", Search: []string{"diagnosis", "treatment", "notes"},
			Errors: []*kernel.Error{errPrescriptions, errCodes, errFuture, errWrongPatient, errAttachmentsKept},
		}, historyList},
		Hooks: []kernel.Hook{
			kernel.Before(kernel.Create, "medical_records", "a record begins with its author, its date and version 1", begin),
			kernel.After(kernel.Create, "medical_records", "an imported patient was registered by their first record", seen),
			kernel.Before(kernel.Update, "medical_records", "a change counts the version and says who made it", change),
			kernel.OnRequest(kernel.Delete, "medical_records", "the reason is taken from the body", takeReason),
			kernel.InsteadOfDelete("medical_records", "the record is marked as entered in error", enterInError),
		},
		Errors:   []*kernel.Error{errRecordKept, errVersion, errVersionKept},
		Provides: append(personal, recordImport, warehouse, authors),
		Cast:     cast,
		Demo:     demo,
		Bind:     versionsFollowSchema,
	}
}

var (
	errPrescriptions   = kernel.Fail(http.StatusBadRequest, "invalid_prescriptions", "Must be a list of texts or of objects with a medicine.")
	errCodes           = kernel.Fail(http.StatusBadRequest, "invalid_codes", "Must be a list of {system, code, display}.")
	errFuture          = kernel.Fail(http.StatusBadRequest, "in_future", "Must not be in the future.")
	errWrongPatient    = kernel.Fail(http.StatusBadRequest, "wrong_patient", "The appointment is another patient's.")
	errNoPatient       = kernel.Fail(http.StatusBadRequest, "validation_missing_rel_records", "There is no such patient.")
	errAttachmentsKept = kernel.Fail(http.StatusConflict, "attachments_kept", "An attachment stays with the record: files are only added.")
	errRecordKept      = kernel.Fail(http.StatusConflict, "record_kept", "A medical record is never removed: mark it as entered in error.")
	errVersion         = kernel.Fail(http.StatusConflict, "record_version", "A medical record keeps its patient, and a change its earlier version.")
	errVersionKept     = kernel.Fail(http.StatusConflict, "version_kept", "Earlier versions of medical records stay as they are.")
)

// Whoever left the register takes the records out of sight along.
var (
	registered = kernel.Rule{Name: "patient in the register", Filter: "patientId.deletedAt = ''"}
	own        = kernel.Rule{Name: "own", Filter: "patientId.userId = @request.auth.id && patientId.deletedAt = ''"}
	ownValid   = kernel.Rule{Name: "own, not entered in error", Filter: "patientId.userId = @request.auth.id && patientId.deletedAt = '' && enteredInErrorAt = ''"}
	author     = kernel.Rule{Name: "author", Filter: "authorId = @request.auth.id && patientId.deletedAt = ''"}
	inCare     = kernel.Rule{Name: registered.Name, Filter: registered.Filter, Strict: registered.Filter + " && " + patientsapi.InCare("patientId.")}
	careFor    = kernel.Rule{Strict: "patientId = '' || (" + patientsapi.InCare("patientId.") + ")"}
)

var readers = kernel.Allow(authapi.Admin.When(registered), authapi.Doctor.When(inCare), authapi.Nurse.When(registered), authapi.Patient.When(own))

var writers = kernel.Allow(authapi.Admin.When(registered), authapi.Doctor.When(author))

var access = []kernel.Access{
	{
		Collection: "medical_records", Doc: "What was found and done; those entered in error are out of sight, but kept.",
		List: readers, View: readers,
		Create: kernel.Allow(authapi.Doctor.When(careFor)),
		Update: writers, Delete: writers,
		ServerSet:  []string{"authorId", "doctorId", "version", "changedById", "status", "enteredInErrorAt", "enteredInErrorReason", "sourceId", attachmentNames},
		CreateOnly: []string{"patientId", "recordedAt"},
		Queryable:  []string{"patientId", "appointmentId", "authorId", "doctorId", "recordedAt", "version", "diagnosis", "treatment", "notes", "status"},
		SoftDelete: "enteredInErrorAt",
	},
	{Collection: "medical_record_versions", Doc: "Every earlier version of a medical record, written by the database."},
}
