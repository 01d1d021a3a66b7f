package appointments

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// demoDays is how far the demo's diary reaches back and ahead.
const demoDays = 14

// diary fills the demo's days.
type diary struct {
	tx       core.App
	c        *core.Collection
	settings clinicapi.Settings
	dice     *rand.Rand
	now      time.Time
	patients []string
	ownOf    map[string][]string // patients by the doctor who is assigned to them
	busy     map[string]bool     // patient and day
	count    int
}

// demo fills two weeks back and ahead. The same numbers are thrown at every run.
func demo(tx core.App) error {
	settings, err := clinicapi.Current(tx)
	if err != nil {
		return err
	}
	c, err := tx.FindCollectionByNameOrId("appointments")
	if err != nil {
		return err
	}
	d := &diary{tx: tx, c: c, settings: settings, dice: rand.New(rand.NewPCG(31, 1865)), now: time.Now(), ownOf: map[string][]string{}, busy: map[string]bool{}}
	if err := d.people(); err != nil {
		return err
	}
	var doctors []*core.Record
	if err := tx.RecordQuery("doctors").AndWhere(dbx.HashExp{"deletedAt": ""}).OrderBy("id").All(&doctors); err != nil || len(d.patients) == 0 {
		return err
	}
	today, err := time.Parse(time.DateOnly, settings.Today(d.now))
	if err != nil {
		return err
	}
	for n := -demoDays; n <= demoDays; n++ {
		for _, doctor := range doctors {
			if err := d.fill(doctor, today.AddDate(0, 0, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// people reads the patients, and what the cast has booked already.
func (d *diary) people() error {
	var rows []struct {
		ID     string `db:"id"`
		Doctor string `db:"assignedDoctorId"`
	}
	if err := d.tx.DB().Select("id", "assignedDoctorId").From("patients").Where(dbx.HashExp{"deletedAt": ""}).OrderBy("id").All(&rows); err != nil {
		return err
	}
	for _, r := range rows {
		d.patients = append(d.patients, r.ID)
		d.ownOf[r.Doctor] = append(d.ownOf[r.Doctor], r.ID)
	}
	var booked []struct {
		Patient string `db:"patientId"`
		Day     string `db:"appointmentDate"`
	}
	err := d.tx.DB().Select("patientId", "appointmentDate").From("appointments").All(&booked)
	for _, b := range booked {
		d.busy[b.Patient+b.Day] = true
	}
	return err
}

// fill books about every fifth slot of a doctor's day.
func (d *diary) fill(doctor *core.Record, date time.Time) error {
	day := date.Format(time.DateOnly)
	open, set, err := hoursOf(doctor, d.settings, day)
	if err != nil {
		return err
	}
	if !set {
		if date.Weekday() == time.Saturday || date.Weekday() == time.Sunday {
			return nil
		}
		open = []slot{usualDay}
	}
	taken, err := takenOn(d.tx, doctor.Id, day)
	if err != nil {
		return err
	}
	for _, free := range freeOf(open, taken, d.settings, day, d.now) {
		if d.dice.IntN(100) >= 19 {
			continue
		}
		patient := d.patientFor(doctor.Id)
		if d.busy[patient+day] {
			continue
		}
		d.busy[patient+day] = true
		s, _ := parseSlot(free.TimeSlot) // we made it
		if err := d.book(doctor, patient, day, s); err != nil {
			return err
		}
	}
	return nil
}

// patientFor prefers a doctor's own patients, and some who come often.
func (d *diary) patientFor(doctor string) string {
	list := d.patients
	if own := d.ownOf[doctor]; len(own) > 0 && d.dice.IntN(10) < 7 {
		list = own
	}
	return list[min(d.dice.IntN(len(list)), d.dice.IntN(len(list)))]
}

func (d *diary) book(doctor *core.Record, patient, day string, s slot) error {
	start, _ := d.settings.At(day, s.start) // a day
	end, _ := d.settings.At(day, s.end)
	status := d.status(start, end)
	d.count++
	r := core.NewRecord(d.c)
	r.Id = fmt.Sprintf("appdemo%08d", d.count)
	r.Load(map[string]any{
		"patientId": patient, "doctorId": doctor.Id, "appointmentDate": day, "timeSlot": s.String(), "status": status,
		"reason": demoReason(d.dice, doctor.GetString("specialty")),
	})
	arrived := start.Add(-time.Duration(2+d.dice.IntN(18)) * time.Minute)
	begun := start.Add(time.Duration(d.dice.IntN(16)) * time.Minute)
	switch status {
	case appointmentsapi.StatusCompleted:
		length := int(end.Sub(start).Minutes())
		done := begun.Add(time.Duration(length*2/3+d.dice.IntN(length/2+1)) * time.Minute)
		r.Load(map[string]any{"checkedInAt": arrived.UTC(), "startedAt": begun.UTC(), "completedAt": earlier(done, d.now).UTC()})
	case appointmentsapi.StatusInProgress:
		r.Load(map[string]any{"checkedInAt": arrived.UTC(), "startedAt": earlier(begun, d.now).UTC()})
	case appointmentsapi.StatusCheckedIn:
		r.Set("checkedInAt", earlier(arrived, d.now).UTC())
	case appointmentsapi.StatusCancelled:
		r.Set("cancelReason", demoCancelReasons[d.dice.IntN(len(demoCancelReasons))])
	}
	if err := d.tx.SaveNoValidate(r); err != nil {
		return fmt.Errorf("%s: %w", r.Id, err)
	}
	return nil
}

// status is what has become of a slot by now.
func (d *diary) status(start, end time.Time) string {
	n := d.dice.IntN(100)
	switch {
	case n < 7:
		return appointmentsapi.StatusCancelled
	case !end.After(d.now):
		if n < 14 {
			return appointmentsapi.StatusNoShow
		}
		return appointmentsapi.StatusCompleted
	case !start.After(d.now):
		return appointmentsapi.StatusInProgress
	case start.Sub(d.now) < 30*time.Minute && n < 70:
		return appointmentsapi.StatusCheckedIn
	}
	return appointmentsapi.StatusScheduled
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

var demoCancelReasons = []string{"Feels better", "Has to work", "No transport", "Will call again", "Moved to another day", ""}

// demoReasons is why people come, by specialty; "" is for the others.
var demoReasons = map[string][]string{
	"":                     {"Check-up", "Follow-up", "New symptoms", "Test results", "Second opinion", "Repeat prescription"},
	"General practice":     {"Cough and fever", "Sore throat", "Back pain", "Blood pressure check", "Sick note", "Vaccination", "Tiredness", "Repeat prescription"},
	"Cardiology":           {"ECG", "Chest pain on effort", "Palpitations", "Blood pressure follow-up", "Echocardiogram"},
	"Pediatrics":           {"Well-child visit", "Vaccination", "Ear ache", "Rash", "Fever since yesterday"},
	"Orthopedics":          {"Knee pain", "Cast removal", "Shoulder follow-up", "Hip X-ray results", "Sprained ankle"},
	"Dermatology":          {"Mole check", "Eczema", "Acne follow-up", "Rash on both arms"},
	"Neurology":            {"Migraine", "Numbness in the hand", "Seizure follow-up", "Dizziness"},
	"Gynecology":           {"Annual check", "Pregnancy check, second trimester", "Contraception", "Cycle complaints"},
	"Internal medicine":    {"Diabetes follow-up", "Thyroid results", "Weight loss", "Abdominal pain"},
	"Ophthalmology":        {"Eye test", "Cataract follow-up", "Red eye", "Pressure check"},
	"Psychiatry":           {"Session", "Medication review", "First visit", "Sleep"},
	"Ear, nose and throat": {"Hearing test", "Sinusitis", "Tonsils", "Nosebleeds"},
	"Emergency medicine":   {"Wound check", "Stitches out", "Fall, wrist pain", "Burn dressing"},
}

func demoReason(dice *rand.Rand, specialty string) string {
	list := demoReasons[specialty]
	if len(list) == 0 || dice.IntN(6) == 0 {
		list = demoReasons[""]
	}
	return list[dice.IntN(len(list))]
}
