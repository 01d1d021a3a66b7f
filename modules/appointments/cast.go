package appointments

import (
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

func cast(app core.App) error {
	s, err := clinicapi.Current(app)
	if err != nil {
		return err
	}
	c, err := app.FindCollectionByNameOrId("appointments")
	if err != nil {
		return err
	}
	today, err := time.Parse(time.DateOnly, s.Today(time.Now()))
	if err != nil {
		return err
	}
	for _, a := range []struct {
		id, patient, doctor  string
		days                 int
		slot, status, reason string
	}{
		{appointmentsapi.CastYesterday, patientsapi.Ada, staffapi.Grace, -1, "09:00-09:30", appointmentsapi.StatusCompleted, "Blood pressure check"},
		{appointmentsapi.CastTomorrow, patientsapi.Ada, staffapi.Grace, 1, "10:00-10:30", appointmentsapi.StatusScheduled, "Follow-up"},
		{appointmentsapi.CastNextWeek, patientsapi.Bob, staffapi.Omar, 7, "11:00-11:45", appointmentsapi.StatusScheduled, "ECG"},
		{appointmentsapi.CastCancelled, patientsapi.Bob, staffapi.Grace, 1, "10:00-10:30", appointmentsapi.StatusCancelled, "Sore throat"},
	} {
		r := core.NewRecord(c)
		r.Id = a.id
		r.Load(map[string]any{
			"patientId": a.patient, "doctorId": a.doctor, "timeSlot": a.slot, "status": a.status, "reason": a.reason,
			"appointmentDate": today.AddDate(0, 0, a.days).Format(time.DateOnly),
		})
		switch a.status {
		case appointmentsapi.StatusCompleted:
			start, _ := s.At(r.GetString("appointmentDate"), 9*60) // a day
			r.Load(map[string]any{"checkedInAt": start.Add(-8 * time.Minute).UTC(), "startedAt": start.Add(4 * time.Minute).UTC(), "completedAt": start.Add(26 * time.Minute).UTC()})
		case appointmentsapi.StatusCancelled:
			r.Set("cancelReason", "Feels better")
		}
		if err := app.Save(r); err != nil {
			return fmt.Errorf("appointment %s: %w", a.id, err)
		}
	}
	return nil
}
