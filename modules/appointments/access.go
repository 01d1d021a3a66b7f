package appointments

import (
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

var (
	own      = kernel.Rule{Name: "own", Filter: "patientId.userId = @request.auth.id"}
	calendar = kernel.Rule{Name: "own calendar", Filter: "doctorId.userId = @request.auth.id"}

	// A booking that names nobody is let through to be told that it must.
	bookOwn      = kernel.Rule{Name: "own", Filter: "patientId = '' || patientId.userId = @request.auth.id"}
	bookCalendar = kernel.Rule{
		Name: "own calendar", Filter: "doctorId = '' || doctorId.userId = @request.auth.id",
		Strict: "doctorId = '' || patientId = '' || (doctorId.userId = @request.auth.id && " + patientsapi.InLastingCare("patientId.") + ")",
	}
)

// clinic is who runs the diary; everyone adds the patients.
var (
	clinic   = kernel.Allow(authapi.Admin.Always(), authapi.Nurse.Always(), authapi.Staff.Always(), authapi.Doctor.When(calendar))
	everyone = kernel.Allow(authapi.Admin.Always(), authapi.Nurse.Always(), authapi.Staff.Always(), authapi.Doctor.When(calendar), authapi.Patient.When(own))
	bookers  = kernel.Allow(authapi.Admin.Always(), authapi.Nurse.Always(), authapi.Staff.Always(), authapi.Doctor.When(bookCalendar), authapi.Patient.When(bookOwn))
)

var access = []kernel.Access{{
	Collection: "appointments", Doc: "The diary.", Counted: true,
	List: everyone, View: everyone, Create: bookers, Update: clinic, Delete: everyone,
	ServerSet: []string{"status", "cancelReason", "startMinute", "endMinute", "startsAt", "checkedInAt", "startedAt", "completedAt", "sourceId"},
	// Records, invoices and calls of the appointment are about this patient.
	CreateOnly: []string{"patientId"},
	Queryable:  []string{"patientId", "doctorId", "appointmentDate", "timeSlot", "reason", "cancelReason", "status", "startsAt", "checkedInAt", "startedAt", "completedAt"},
}}
