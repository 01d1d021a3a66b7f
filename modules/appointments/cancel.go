package appointments

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

const maxCancelReason = 500

// takeReason lets a client say why, in the body of its DELETE: a URL ends up in logs.
func takeReason(e *core.RecordRequestEvent) error {
	info, err := e.RequestInfo()
	if err != nil {
		return kernel.ErrBadInput
	}
	reason, isText := info.Body["reason"].(string)
	switch {
	case info.Body["reason"] != nil && !isText:
		return kernel.Bad("reason", "validation_invalid_type", "Must be text.")
	case utf8.RuneCountInString(reason) > maxCancelReason:
		return kernel.Bad("reason", "validation_max_text_constraint", "Must be no more than 500 characters.")
	}
	e.Record.Set("cancelReason", strings.TrimSpace(reason))
	return nil
}

// cancelInstead is what deleting an appointment means.
func cancelInstead(tx core.App, r *core.Record) error {
	now, err := tx.FindRecordById("appointments", r.Id)
	if err != nil {
		return err
	}
	kernel.SetActor(now, kernel.Actor(r))
	return Cancel(tx, now, r.GetString("cancelReason"))
}

// Cancel calls an appointment off: it stays readable and its slot is free at once. It
// returns errCancelled, or errOver for one that took place or was missed.
func Cancel(tx core.App, appointment *core.Record, reason string) error {
	switch status := appointment.GetString("status"); {
	case status == appointmentsapi.StatusCancelled:
		return errCancelled.At("status")
	case !appointmentsapi.Live(status):
		return errOver.Saying("The appointment is over: it cannot be cancelled.").At("status")
	}
	appointment.Set("status", appointmentsapi.StatusCancelled)
	appointment.Set("cancelReason", reason)
	return tx.Save(appointment)
}

var errCancelled = kernel.Fail(http.StatusConflict, "already_cancelled", "The appointment is cancelled already.")

// cancelOfDeleted calls off what a patient who left the register still had ahead.
func cancelOfDeleted(app core.App, e patientsapi.DeletedV1) error {
	return app.RunInTransaction(func(tx core.App) error {
		patient, err := tx.FindRecordById("patients", e.PatientID)
		if err != nil {
			return err
		}
		if patient.GetDateTime("deletedAt").IsZero() {
			return nil // back on the register meanwhile
		}
		c, err := clinicapi.Current(tx)
		if err != nil {
			return err
		}
		ahead := []*core.Record{}
		err = tx.RecordQuery("appointments").AndWhere(dbx.HashExp{"patientId": e.PatientID, "status": appointmentsapi.StatusScheduled}).
			AndWhere(dbx.NewExp("appointmentDate >= {:today}", dbx.Params{"today": c.Today(time.Now())})).All(&ahead)
		if err != nil {
			return err
		}
		for _, a := range ahead {
			if err := Cancel(tx, a, "The patient was taken off the register."); err != nil {
				return fmt.Errorf("appointment %s: %w", a.Id, err)
			}
		}
		return nil
	})
}
