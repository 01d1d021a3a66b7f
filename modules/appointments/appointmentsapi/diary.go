package appointmentsapi

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// Collection holds the appointments.
const Collection = "appointments"

// Span returns the instants at which an appointment begins and ends, in the clinic's
// present time zone.
func Span(app core.App, appointment *core.Record) (start, end time.Time, err error) {
	s, err := clinicapi.Current(app)
	if err != nil {
		return start, end, err
	}
	day := appointment.GetString("appointmentDate")
	start, okStart := s.At(day, appointment.GetInt("startMinute"))
	end, okEnd := s.At(day, appointment.GetInt("endMinute"))
	if !okStart || !okEnd {
		return start, end, fmt.Errorf("appointment %s has no day", appointment.Id)
	}
	return start, end, nil
}

// HasTreated reports whether the doctor has seen the patient or is going to: whether they
// have an appointment together, of any day, that was not cancelled. Both ids are those of
// the profiles.
func HasTreated(app core.App, doctorID, patientID string) (bool, error) {
	var one int
	err := app.DB().NewQuery("SELECT 1 FROM appointments WHERE patientId = {:patient} AND doctorId = {:doctor} AND status != 'cancelled' LIMIT 1").
		Bind(map[string]any{"patient": patientID, "doctor": doctorID}).Row(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return one == 1, err
}
