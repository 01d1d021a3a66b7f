package patients

import (
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// Marks on a record, no fields of it: which of the two the client sent.
const (
	ageSent   = "@ageSent"
	birthSent = "@birthSent"
)

// The date of birth is what is kept; the age follows from it and is stored only so that
// lists can be filtered and sorted by it. A patient without a date of birth has no age: the
// column is NULL then, see age_schema.go, although a record has 0 there.

// agree derives age and date of birth from each other. today is the clinic's.
//
// An age alone gives a year of birth. It does not overwrite a full date of birth: it must
// agree with that. Where the date is sent unchanged beside the age, the age may be off by
// one: the form was filled before a birthday.
func agree(r *core.Record, today string) (bad kernel.Invalid) {
	born, before := r.GetString("dateOfBirth"), r.Original()
	bornChanged := born != before.GetString("dateOfBirth")
	given := r.GetFloat("age") != before.GetFloat("age") || r.GetRaw(ageSent) == true
	bornKept := !bornChanged && born != "" && r.GetRaw(birthSent) == true
	r.SetRaw(ageSent, nil)
	r.SetRaw(birthSent, nil)
	if !given && !bornChanged {
		return nil
	}
	if given {
		bad = ageInRange(r.GetFloat("age"))
	}
	if born == "" && !given {
		r.Set("age", 0)
		return nil
	}
	age := r.GetInt("age")
	if len(bad) == 0 && (born == "" || (given && !bornChanged && !bornKept && len(born) == 4)) {
		r.Set("dateOfBirth", yearOfBirth(age, today))
		return nil
	}
	derived, ok := patientsapi.Age(born, today)
	switch {
	case born == "": // of the age that is wrong nothing follows
	case !ok:
		bad = append(bad, kernel.Bad("dateOfBirth", "validation_invalid_date", "Must be a day that exists, YYYY-MM-DD, or a year, YYYY."))
	case derived < 0:
		bad = append(bad, kernel.Bad("dateOfBirth", "birth_in_future", "Must not be in the future."))
	case derived > patientsapi.MaxAge:
		bad = append(bad, kernel.Bad("dateOfBirth", "validation_out_of_range", "Must be at most 150 years ago."))
	case len(bad) > 0:
	case given && !couldBe(age, derived, born, bornKept):
		bad = append(bad, kernel.Bad("age", "age_contradicts", "Contradicts the date of birth."))
	default:
		r.Set("age", derived)
	}
	return bad
}

func ageInRange(age float64) kernel.Invalid {
	switch {
	case age != float64(int(age)):
		return kernel.Invalid{kernel.Bad("age", "validation_only_int_constraint", "Must be a whole number.")}
	case age < 0 || age > patientsapi.MaxAge:
		return kernel.Invalid{kernel.Bad("age", "validation_out_of_range", "Must be 0 to 150.")}
	}
	return nil
}

// couldBe reports whether somebody born then can be of this age. Of a year of birth only
// it is not known whether the birthday was already.
func couldBe(age, derived int, born string, form bool) bool {
	if form {
		return age >= derived-1 && age <= derived+1
	}
	return age == derived || (len(born) == 4 && age == derived-1)
}

func yearOfBirth(age int, today string) string {
	day, _ := time.Parse(time.DateOnly, today) // the clinic's own calendar made it
	return fmt.Sprintf("%04d", day.Year()-age)
}

// bindAge lets every answer carry the age of today, and none where it is not known.
func bindAge(k *kernel.Kernel) error {
	k.App.OnRecordEnrich("patients").Bind(&hook.Handler[*core.RecordEnrichEvent]{
		Id: "patients: the age is today's",
		Func: func(e *core.RecordEnrichEvent) error {
			s, err := clinicapi.Current(e.App)
			if err != nil {
				return err
			}
			e.Record.SetRaw("age", nil)
			if age, ok := patientsapi.Age(e.Record.GetString("dateOfBirth"), s.Today(time.Now())); ok {
				e.Record.SetRaw("age", age)
			}
			return e.Next()
		},
	})
	return nil
}

// refreshAges stores the ages of today. Plain SQL: nobody changed the patient, so neither
// "updated" moves nor is anybody told.
func refreshAges(app core.App) error {
	s, err := clinicapi.Current(app)
	if err != nil {
		return err
	}
	_, err = app.NonconcurrentDB().NewQuery(`
		WITH now AS (SELECT id, CAST(substr({:today}, 1, 4) AS INTEGER) - CAST(substr(dateOfBirth, 1, 4) AS INTEGER)
			- (length(dateOfBirth) = 10 AND substr({:today}, 6) < substr(dateOfBirth, 6)) AS years
			FROM patients WHERE dateOfBirth != '')
		UPDATE patients SET age = now.years FROM now WHERE now.id = patients.id AND patients.age IS NOT now.years`).
		Bind(dbx.Params{"today": s.Today(time.Now())}).Execute()
	return err
}
