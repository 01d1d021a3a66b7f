// Package patients owns the patient register.
package patients

import (
	"net/http"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// Module declares the patient register.
func Module() kernel.Module {
	return kernel.Module{
		Name: "patients", Doc: "The patient register.",
		Requires:   []string{"auth", "staff", "clinic"},
		Migrations: migrations,
		Access:     access,
		Resources: []kernel.Resource{{
			Path: "/api/patients", Collection: "patients", Noun: "patient",
			Search: []string{"name", "mrn", "contact", "email"},
		}, deletedList},
		Hooks: []kernel.Hook{
			kernel.OnRequest(kernel.Create, "patients", "an age of 0 is an age, and only an admin ties an account", readRequest),
			kernel.OnRequest(kernel.Update, "patients", "an age of 0 is an age, and only an admin ties an account", readRequest),
			kernel.OnRequest(kernel.Create, "patients", "under strict care, whom a doctor registers is that doctor's", ownPatient),
			kernel.OnRequest(kernel.Update, "patients", "under strict care, broken glass assigns nobody", keepAssigned),
			kernel.Before(kernel.Create, "patients", "the entries make sense, and age and date of birth agree", checkEntries),
			kernel.Before(kernel.Update, "patients", "the entries make sense, and age and date of birth agree", checkEntries),
			kernel.Before(kernel.Create, "patients", "the patient is given the next number", giveNumber),
			kernel.Before(kernel.Create, "patients", "the day of the register is noted", noteRegistered),
			kernel.Before(kernel.Update, "patients", "a number is never changed", keepNumber),
			kernel.InsteadOfDelete("patients", "the patient leaves every list and is kept", takeOff),
		},
		Routes: []kernel.Route{restoreRoute},
		Errors: []*kernel.Error{errKept, errNumberKept},
		Emits:  []kernel.EventDoc{patientsapi.Deleted.Declares("A patient was taken off the register.")},
		Jobs: []kernel.Job{
			{Name: "birthdays", Spec: "1 * * * *", Doc: "Brings the stored ages up to date, for filters and sorting.", Run: refreshAges},
			{Name: "care", Spec: "17 3 * * *", Doc: "Removes what broken glass opened and time has closed.", Run: sweepCare},
		},
		Provides: append(append([]any{careReading}, personal...), kernel.People("patients"), profile, table, patientImport, facts{}, registerSums, registerBirths, warehouse),
		Cast:     cast,
		Demo:     demo,
		Bind:     bindAge,
	}
}

// errKept is the database's last word on a delete that went round the hooks.
var errKept = kernel.Fail(http.StatusConflict, "patient_kept", "Patients are never removed from the database.")

// errNumberKept is its word on the counter.
var errNumberKept = kernel.Fail(http.StatusConflict, "number_kept", "Patients' numbers are given once: the counter goes on and stays.")
