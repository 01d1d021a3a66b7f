package patients

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

func cast(app core.App) error {
	c, err := app.FindCollectionByNameOrId("patients")
	if err != nil {
		return err
	}
	for _, p := range []struct {
		id     string
		who    authapi.Account
		fields map[string]any
	}{
		{patientsapi.Ada, authapi.Ada, map[string]any{
			"dateOfBirth": "1988-04-12", "gender": "female", "bloodGroup": "A+", "allergies": "Penicillin",
			"contact": "+1 555 0200", "address": "12 Linden Street", "emergencyContact": "Petr Novak, +1 555 0210", "assignedDoctorId": staffapi.Grace,
		}},
		{patientsapi.Bob, authapi.Bob, map[string]any{
			"dateOfBirth": "1971-11-03", "gender": "male", "bloodGroup": "O-",
			"contact": "+1 555 0201", "assignedDoctorId": staffapi.Omar,
		}},
	} {
		r := core.NewRecord(c)
		r.Id = p.id
		r.Load(p.fields)
		r.Set("name", p.who.Name)
		r.Set("userId", p.who.ID)
		r.Set("email", p.who.Email)
		if err := app.Save(r); err != nil {
			return err
		}
	}
	return nil
}
