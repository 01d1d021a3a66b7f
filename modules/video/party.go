package video

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

var (
	errNotYours = kernel.Fail(http.StatusForbidden, "not_allowed", "You take no part in this appointment.")
	errOver     = kernel.Fail(http.StatusConflict, "appointment_over", "There is no call for an appointment that is over or cancelled.")
	errEarly    = kernel.Fail(http.StatusConflict, "too_early", "It is too early for this call.")
)

// appointmentOf returns the appointment that a channel is named after, for its doctor or
// its patient. An admin gets any, with party false. Others are told the same of somebody
// else's appointment as of none; field is the input that named it.
func appointmentOf(tx core.App, id string, caller *core.Record, field string) (appointment *core.Record, party bool, err error) {
	above := caller.IsSuperuser() || authapi.Admin.Has(caller)
	appointment, err = tx.FindRecordById("appointments", id)
	if errors.Is(err, sql.ErrNoRows) {
		if above {
			return nil, false, kernel.ErrNotFound.At(field)
		}
		return nil, false, errNotYours.At(field)
	}
	if err != nil || above {
		return appointment, false, err
	}
	// Whose role was changed keeps the profile, and none of its rights.
	collection, side := "patients", "patientId"
	if authapi.Doctor.Has(caller) {
		collection, side = "doctors", "doctorId"
	}
	profile, err := tx.FindRecordById(collection, appointment.GetString(side))
	if err != nil {
		return nil, false, err
	}
	if profile.GetString("userId") != caller.Id {
		return nil, false, errNotYours.At(field)
	}
	return appointment, true, nil
}

// checkOpen refuses a call for an appointment that is over, and one that a clinic finds
// too early. end is when the appointment ends.
func checkOpen(tx core.App, appointment *core.Record, now time.Time, field string) (end time.Time, err error) {
	if status := appointment.GetString("status"); !appointmentsapi.Live(status) {
		return end, errOver.Saying("The appointment is " + status + ": there is no call.").At(field)
	}
	if err := privacyapi.Ask(tx, appointment.GetString("patientId"), privacyapi.Video); err != nil {
		return end, err
	}
	s, err := clinicapi.Current(tx)
	if err != nil {
		return end, err
	}
	start, end, err := appointmentsapi.Span(tx, appointment)
	if err != nil {
		return end, err
	}
	if s.VideoLead > 0 && now.Before(start.Add(-s.VideoLead)) {
		return end, errEarly.Saying(fmt.Sprintf("The call may start %d minutes before the appointment.", int(s.VideoLead.Minutes()))).At(field)
	}
	return end, nil
}
