package records

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
)

func cast(app core.App) error {
	for _, p := range []struct {
		id, patient string
		by          authapi.Account
		fields      map[string]any
	}{
		{recordsapi.Ada, patientsapi.Ada, authapi.Grace, map[string]any{
			"diagnosis": "Iron deficiency anaemia", "treatment": "Iron-rich diet. Blood count again in four weeks.",
			"prescriptions": []any{rx("Ferrous sulfate 200 mg", "1 tablet", "once a day", "90 days")}, "codes": icd10("D50.9", "Iron deficiency anaemia"),
		}},
		{recordsapi.Bob, patientsapi.Bob, authapi.Omar, map[string]any{
			"diagnosis": "Essential (primary) hypertension", "treatment": "Less salt. Home readings twice a day.",
			"prescriptions": []any{rx("Amlodipine 5 mg", "1 tablet", "once a day", "30 days")}, "codes": icd10("I10", "Essential (primary) hypertension"),
		}},
	} {
		p.fields["patientId"] = p.patient
		if err := write(app, p.id, p.by.ID, p.fields); err != nil {
			return err
		}
	}
	return nil
}

// write saves a record in the name of an account, "" for an author without one.
func write(app core.App, id, accountID string, fields map[string]any) error {
	c, err := app.FindCollectionByNameOrId("medical_records")
	if err != nil {
		return err
	}
	r := core.NewRecord(c)
	r.Id = id
	r.Load(fields)
	kernel.SetActor(r, accountID)
	return app.Save(r)
}

func icd10(code, display string) []any {
	return []any{map[string]any{"system": "http://hl7.org/fhir/sid/icd-10", "code": code, "display": display}}
}

// visit is a reason to write a record: somebody saw somebody.
type visit struct {
	Appointment string `db:"appointment"`
	Patient     string `db:"patient"`
	Doctor      string `db:"doctor"`
	Account     string `db:"account"` // the doctor's, "" for none
	Specialty   string `db:"specialty"`
	Gender      string `db:"gender"`
	BornOn      string `db:"bornOn"`
	Allergies   string `db:"allergies"`
	StartsAt    string `db:"startsAt"`
}

const visitColumns = `p.id AS patient, d.id AS doctor, d.userId AS account, d.specialty, p.gender, p.dateOfBirth AS bornOn, p.allergies`

// demo writes what came of the demo's visits, and of some earlier ones.
func demo(app core.App) error {
	dice := rand.New(rand.NewPCG(2, 1854))
	var seen, earlier []visit
	if err := app.DB().NewQuery(`SELECT a.id AS appointment, a.startsAt AS startsAt, ` + visitColumns + ` FROM appointments a
		JOIN patients p ON p.id = a.patientId JOIN doctors d ON d.id = a.doctorId WHERE a.status = 'completed' ORDER BY a.startsAt, d.name`).All(&seen); err != nil {
		return err
	}
	if err := app.DB().NewQuery(`SELECT '' AS appointment, '' AS startsAt, ` + visitColumns + ` FROM patients p
		JOIN doctors d ON d.id = p.assignedDoctorId ORDER BY p.mrn`).All(&earlier); err != nil {
		return err
	}
	now := time.Now()
	for _, v := range earlier {
		if dice.IntN(10) < 4 {
			if err := v.write(app, dice, now.AddDate(0, 0, -30-dice.IntN(700))); err != nil {
				return err
			}
		}
	}
	for _, v := range seen {
		at, err := time.Parse("2006-01-02 15:04:05.000Z", v.StartsAt)
		if err != nil {
			return err
		}
		if at = at.Add(20 * time.Minute); dice.IntN(10) < 8 && at.Before(now) {
			if err := v.write(app, dice, at); err != nil {
				return err
			}
		}
	}
	return correct(app, dice)
}

func (v visit) write(app core.App, dice *rand.Rand, at time.Time) error {
	found := v.finding(dice)
	return write(app, "", v.Account, map[string]any{
		"patientId": v.Patient, "appointmentId": v.Appointment, "doctorId": v.Doctor, "recordedAt": at.UTC(),
		"diagnosis": found.diagnosis, "treatment": found.treatment, "notes": found.notes,
		"prescriptions": found.prescriptions, "codes": icd10(found.icd10, found.diagnosis),
	})
}

// finding picks what fits the doctor and the patient.
func (v visit) finding(dice *rand.Rand) condition {
	var own, common []condition
	for _, c := range conditions() {
		switch {
		case c.female && !strings.EqualFold(v.Gender, "female"), c.child && v.BornOn < time.Now().AddDate(-14, 0, 0).Format(time.DateOnly), allergic(v.Allergies, c.notWith):
		case c.specialty == "":
			common = append(common, c)
		case strings.Contains(strings.ToLower(v.Specialty), c.specialty):
			own = append(own, c)
		}
	}
	if len(own) > 0 && dice.IntN(4) > 0 {
		return own[dice.IntN(len(own))]
	}
	return common[dice.IntN(len(common))]
}

func allergic(allergies string, to []string) bool {
	allergies = strings.ToLower(allergies)
	for _, a := range to {
		if strings.Contains(allergies, a) {
			return true
		}
	}
	return false
}

// correct gives some records a second version, and enters a few in error.
func correct(app core.App, dice *rand.Rand) error {
	var some []*core.Record
	if err := app.RecordQuery("medical_records").OrderBy("recordedAt DESC").Limit(200).All(&some); err != nil {
		return err
	}
	for _, r := range some {
		if r.Id == recordsapi.Ada || r.Id == recordsapi.Bob {
			continue
		}
		kernel.SetActor(r, r.GetString("authorId"))
		switch n := dice.IntN(40); {
		case n < 4:
			r.Set("notes", strings.TrimSpace(r.GetString("notes")+" Telephone review: better."))
			if err := app.Save(r); err != nil {
				return err
			}
		case n == 4:
			r.Set("enteredInErrorReason", "Written into the wrong patient's record.")
			if err := enterInError(app, r); err != nil {
				return err
			}
		}
	}
	return nil
}
