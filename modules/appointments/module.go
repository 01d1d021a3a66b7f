// Package appointments owns the diary: who sees whom, and when.
package appointments

import (
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// Module declares the diary.
func Module() kernel.Module {
	return kernel.Module{
		Name: "appointments", Doc: "The diary: appointments, and the free slots of a day.",
		Requires:   []string{"auth", "clinic", "staff", "patients"},
		Migrations: migrations,
		Access:     access,
		Resources: []kernel.Resource{{
			Path: "/api/appointments", Collection: "appointments", Noun: "appointment",
			Search: []string{"reason", "patientId.name", "doctorId.name"}, Sort: "-startsAt",
			Errors: []*kernel.Error{errTaken, errHours, errOver, errCancelled},
		}},
		Hooks: []kernel.Hook{
			kernel.OnRequest(kernel.Update, "appointments", "only what is still scheduled is moved", markRequest),
			kernel.OnRequest(kernel.Delete, "appointments", "the body of a DELETE may say why", takeReason),
			kernel.Before(kernel.Update, "appointments", "the status takes an allowed step", step),
			kernel.Before(kernel.Create, "appointments", "the slot makes sense, is ahead, within hours and free", place),
			kernel.Before(kernel.Update, "appointments", "the slot makes sense, is ahead, within hours and free", place),
			kernel.After(kernel.Create, "appointments", "others learn of the booking", announceBooking),
			kernel.After(kernel.Create, "appointments", "an imported patient was registered by their first visit", seen),
			kernel.After(kernel.Update, "appointments", "others learn of the change", announceChange),
			kernel.InsteadOfDelete("appointments", "the appointment is cancelled and stays readable", cancelInstead),
		},
		Routes: append(progressRoutes, slotsRoute, appointmentsReport.Route),
		Errors: []*kernel.Error{errTaken},
		Emits: []kernel.EventDoc{
			appointmentsapi.Booked.Declares("An appointment was made."),
			appointmentsapi.Rescheduled.Declares("An appointment moved to another time or doctor."),
			appointmentsapi.Cancelled.Declares("An appointment was called off."),
			appointmentsapi.Completed.Declares("A visit is over."),
		},
		On:       []kernel.Subscription{kernel.On(patientsapi.Deleted, "appointments.cancel", cancelOfDeleted)},
		Provides: append(personal, blocker, facts{}, appointmentsReport, visitSums, visitPacks, visitImport, warehouse),
		Cast:     cast,
		Demo:     demo,
		Bind:     bindZone,
	}
}
