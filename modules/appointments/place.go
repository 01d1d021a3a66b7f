package appointments

import (
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var (
	errTaken = kernel.Fail(http.StatusConflict, "slot_taken", "The doctor or the patient already has an appointment then.")
	errHours = kernel.Fail(http.StatusConflict, "outside_hours", "The slot is outside the hours of the doctor or the clinic.")
	errOver  = kernel.Fail(http.StatusConflict, "appointment_over", "Only an appointment that is still scheduled can be moved.")
)

// requestKey marks a record that a client is changing. It is not a field.
const requestKey = "@request"

func markRequest(e *core.RecordRequestEvent) error {
	e.Record.SetRaw(requestKey, true)
	return nil
}

// place checks the slot of an appointment that is made, moved or brought back to life, and
// derives what is compared and sorted by. The past that imports bring is taken as it was:
// it must only be a slot of a known patient and doctor.
func place(tx core.App, r *core.Record) error {
	if r.IsNew() && r.GetString("status") == "" {
		r.Set("status", appointmentsapi.StatusScheduled)
	}
	want, readable := parseSlot(r.GetString("timeSlot"))
	if readable {
		r.Set("timeSlot", want.String())
	}
	was, status := r.Original().GetString("status"), r.GetString("status")
	moved := r.IsNew() || slices.ContainsFunc([]string{"patientId", "doctorId", "appointmentDate", "timeSlot"}, func(f string) bool {
		return r.GetString(f) != r.Original().GetString(f)
	})
	revived := appointmentsapi.Live(status) && !appointmentsapi.Live(was)
	if !moved {
		if err := derivedStay(r); err != nil {
			return err
		}
	}
	if !moved && !revived {
		return nil
	}
	if moved && was != appointmentsapi.StatusScheduled && r.GetRaw(requestKey) == true {
		return errOver.At("status")
	}
	c, err := clinicapi.Current(tx)
	if err != nil {
		return err
	}
	booking := moved && status == appointmentsapi.StatusScheduled
	doctor, err := checkEntries(tx, r, c, readable, booking)
	if err != nil {
		return err
	}
	derive(r, c, want)
	if booking {
		if err := withinHours(r, c, doctor, want); err != nil {
			return err
		}
	}
	if !appointmentsapi.Live(status) {
		return nil
	}
	return slotFree(tx, r, want)
}

// checkEntries names everything about a booking that is malformed or does not exist, and
// returns its doctor. Only a new booking must be ahead, and with people who are there.
func checkEntries(tx core.App, r *core.Record, c clinicapi.Settings, readable, booking bool) (*core.Record, error) {
	var bad kernel.Invalid
	add := func(e *kernel.Error) {
		if e != nil {
			bad = append(bad, e)
		}
	}
	_, wrong, err := find(tx, r, "patientId", "patients", "patient", booking)
	if err != nil {
		return nil, err
	}
	add(wrong)
	doctor, wrong, err := find(tx, r, "doctorId", "doctors", "doctor", booking)
	if err != nil {
		return nil, err
	}
	add(wrong)
	day := r.GetString("appointmentDate")
	_, isDay := clinicapi.ParseDay(day)
	switch {
	case day == "":
		add(kernel.Required("appointmentDate"))
	case !isDay:
		add(kernel.Bad("appointmentDate", "validation_invalid_day", "Must be a day that exists, as YYYY-MM-DD."))
	}
	switch {
	case r.GetString("timeSlot") == "":
		add(kernel.Required("timeSlot"))
	case !readable:
		add(kernel.Bad("timeSlot", "validation_invalid_slot", "Must be two times of one day, the second later, as HH:MM-HH:MM."))
	case isDay:
		add(checkTime(r, c, time.Now(), booking))
	}
	return doctor, bad.Complete(tx, r)
}

// checkTime refuses a slot that the clocks skip, and for a booking one that has begun.
func checkTime(r *core.Record, c clinicapi.Settings, now time.Time, booking bool) *kernel.Error {
	day := r.GetString("appointmentDate")
	s, _ := parseSlot(r.GetString("timeSlot")) // it was read before
	if !s.exists(c, day) {
		return kernel.Bad("timeSlot", "time_skipped", "The clocks of the clinic skip this time on that day.")
	}
	start, _ := c.At(day, s.start) // a day
	if !booking || !start.Before(now.Truncate(time.Minute)) {
		return nil
	}
	if day < c.Today(now) {
		return kernel.Bad("appointmentDate", "in_the_past", "The day is past.")
	}
	return kernel.Bad("timeSlot", "in_the_past", "The slot has begun or is past.")
}

// find returns the patient or doctor that a field names, or what is wrong with the name.
func find(tx core.App, r *core.Record, field, collection, noun string, present bool) (*core.Record, *kernel.Error, error) {
	id := r.GetString(field)
	if id == "" {
		return nil, kernel.Required(field), nil
	}
	found, err := tx.FindRecordById(collection, id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, nil, err
	}
	if err != nil || (present && !found.GetDateTime("deletedAt").IsZero()) {
		return nil, kernel.Bad(field, "validation_missing_rel_records", "There is no such "+noun+"."), nil
	}
	return found, nil, nil
}

// derivedStay refuses what would part a slot from what is compared in its place: the dashboard
// may set any field.
func derivedStay(r *core.Record) error {
	var bad kernel.Invalid
	for _, field := range []string{"startMinute", "endMinute", "startsAt"} {
		if r.GetString(field) != r.Original().GetString(field) {
			bad = append(bad, kernel.ErrServerSet.At(field))
		}
	}
	return bad.OrNil()
}

func derive(r *core.Record, c clinicapi.Settings, s slot) {
	start, _ := c.At(r.GetString("appointmentDate"), s.start) // a day: it was checked
	r.Set("startMinute", s.start)
	r.Set("endMinute", s.end)
	r.Set("startsAt", start.UTC())
}

func withinHours(r *core.Record, c clinicapi.Settings, doctor *core.Record, want slot) error {
	open, set, err := hoursOf(doctor, c, r.GetString("appointmentDate"))
	if err != nil || !set {
		return err
	}
	if !slices.ContainsFunc(open, want.within) {
		return errHours.At("timeSlot")
	}
	return nil
}

// slotFree looks the doctor's and the patient's day up, each by its index.
func slotFree(tx core.App, r *core.Record, want slot) error {
	for _, who := range []struct{ field, text string }{
		{"doctorId", "The doctor already has an appointment then."},
		{"patientId", "The patient already has an appointment then."},
	} {
		var one int
		err := tx.DB().Select("(1)").From("appointments").Where(dbx.HashExp{
			who.field: r.GetString(who.field), "appointmentDate": r.GetString("appointmentDate"), "status": live,
		}).AndWhere(dbx.NewExp("startMinute < {:end} AND endMinute > {:start} AND id != {:id}", dbx.Params{
			"start": want.start, "end": want.end, "id": r.Id,
		})).Limit(1).Row(&one)
		if err == nil {
			return errTaken.Saying(who.text).At("timeSlot")
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

// live is the statuses that occupy a slot, for queries.
var live = []any{appointmentsapi.StatusScheduled, appointmentsapi.StatusCheckedIn, appointmentsapi.StatusInProgress}
