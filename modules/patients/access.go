package patients

import (
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

var own = kernel.Rule{Name: "own", Filter: "userId = @request.auth.id"}

var (
	inCare  = kernel.Rule{Strict: patientsapi.InCare("")}
	admins  = kernel.Allow(authapi.Admin.Always())
	team    = kernel.Allow(authapi.Admin.Always(), authapi.Doctor.Always(), authapi.Nurse.Always(), authapi.Staff.Always())
	readers = kernel.Allow(authapi.Admin.Always(), authapi.Doctor.When(inCare), authapi.Nurse.Always(), authapi.Staff.Always(), authapi.Patient.When(own))
)

var access = []kernel.Access{
	{
		Collection: "patients", Doc: "The patient register.",
		List: readers, View: readers, Create: team, Update: readers, Delete: admins,
		ServerSet: []string{"mrn", "deletedAt", "sourceId", "registeredOn", "restrictedAt"},
		Queryable: []string{
			"name", "mrn", "contact", "email", "address", "emergencyContact", "gender", "bloodGroup", "dateOfBirth", "age", "allergies", "notes",
			"assignedDoctorId", "userId", "restrictedAt",
		},
		Writable:   map[string][]string{"patient": {"contact", "email", "address", "emergencyContact"}},
		SoftDelete: "deletedAt", Counted: true, TextsInMemory: true,
	},
	{Collection: "care", Doc: "Who cares for whom, and who broke the glass: what strict care asks."},
	{Collection: "patient_numbers", Doc: "The counter that medical record numbers come from, one row."},
}
