package appointments

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
)

// announceBooking emits nothing for a past visit that an import brings.
func announceBooking(tx core.App, r *core.Record) error {
	if r.GetString("status") != appointmentsapi.StatusScheduled {
		return nil
	}
	return kernel.Emit(tx, appointmentsapi.Booked, appointmentsapi.BookedV1(factsOf(r)))
}

func announceChange(tx core.App, r *core.Record) error {
	was := r.Original()
	if now := r.GetString("status"); now != was.GetString("status") {
		switch now {
		case appointmentsapi.StatusCancelled:
			return kernel.Emit(tx, appointmentsapi.Cancelled, appointmentsapi.CancelledV1(factsOf(r)))
		case appointmentsapi.StatusCompleted:
			return kernel.Emit(tx, appointmentsapi.Completed, appointmentsapi.CompletedV1(factsOf(r)))
		}
		return nil
	}
	if r.GetString("status") != appointmentsapi.StatusScheduled ||
		(r.GetString("doctorId") == was.GetString("doctorId") && r.GetDateTime("startsAt").Equal(was.GetDateTime("startsAt")) && r.GetInt("endMinute") == was.GetInt("endMinute")) {
		return nil
	}
	f := factsOf(r)
	return kernel.Emit(tx, appointmentsapi.Rescheduled, appointmentsapi.RescheduledV1{
		AppointmentID: f.AppointmentID, PatientID: f.PatientID, DoctorID: f.DoctorID, StartsAt: f.StartsAt,
		WasDoctorID: was.GetString("doctorId"), WasStartsAt: was.GetDateTime("startsAt").Time().UTC(),
	})
}

// factsOf is what the events of an appointment have in common.
func factsOf(r *core.Record) appointmentsapi.BookedV1 {
	return appointmentsapi.BookedV1{
		AppointmentID: r.Id, PatientID: r.GetString("patientId"), DoctorID: r.GetString("doctorId"),
		StartsAt: r.GetDateTime("startsAt").Time().UTC(),
	}
}
