// Package patients owns the patient register.
package patients

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
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
		}},
		Cast: cast,
	}
}

var own = kernel.Rule{Name: "own", Filter: "userId = @request.auth.id"}

var readers = kernel.Allow(authapi.Admin.Always(), authapi.Doctor.Always(), authapi.Nurse.Always(), authapi.Staff.Always(), authapi.Patient.When(own))

var access = []kernel.Access{{
	Collection: "patients", Doc: "The patient register.",
	List: readers, View: readers,
	Create:     kernel.Allow(authapi.Admin.Always(), authapi.Doctor.Always(), authapi.Nurse.Always(), authapi.Staff.Always()),
	Update:     readers,
	Delete:     kernel.Allow(authapi.Admin.Always()),
	ServerSet:  []string{"mrn", "deletedAt"},
	Queryable:  []string{"name", "mrn", "contact", "email", "gender", "bloodGroup", "dateOfBirth", "age", "assignedDoctorId", "userId"},
	Writable:   map[string][]string{"patient": {"contact", "email", "address", "emergencyContact"}},
	SoftDelete: "deletedAt",
}}

func cast(app core.App) error {
	c, err := app.FindCollectionByNameOrId("patients")
	if err != nil {
		return err
	}
	for _, p := range []struct {
		id, user, name, born, doctor string
	}{
		{patientsapi.Ada, authapi.Ada.ID, authapi.Ada.Name, "1988-04-12", staffapi.Grace},
		{patientsapi.Bob, authapi.Bob.ID, authapi.Bob.Name, "1971-11-03", staffapi.Omar},
	} {
		r := core.NewRecord(c)
		r.Id = p.id
		r.Load(map[string]any{"name": p.name, "userId": p.user, "dateOfBirth": p.born, "assignedDoctorId": p.doctor, "contact": "+1 555 0200"})
		if err := app.Save(r); err != nil {
			return err
		}
	}
	return nil
}
