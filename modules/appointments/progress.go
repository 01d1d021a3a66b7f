package appointments

import (
	"net/http"
	"slices"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var (
	errStep  = kernel.Fail(http.StatusConflict, "invalid_transition", "The appointment cannot take this step.")
	errAhead = kernel.Fail(http.StatusConflict, "too_early", "The slot has not begun yet.")
)

// steps is what can become of an appointment. Completed and cancelled are the end.
var steps = map[string][]string{
	appointmentsapi.StatusScheduled:  {appointmentsapi.StatusCheckedIn, appointmentsapi.StatusInProgress, appointmentsapi.StatusCompleted, appointmentsapi.StatusCancelled, appointmentsapi.StatusNoShow},
	appointmentsapi.StatusCheckedIn:  {appointmentsapi.StatusInProgress, appointmentsapi.StatusCompleted, appointmentsapi.StatusCancelled, appointmentsapi.StatusNoShow},
	appointmentsapi.StatusInProgress: {appointmentsapi.StatusCompleted, appointmentsapi.StatusCancelled},
	// The patient came after all; the slot must still be free.
	appointmentsapi.StatusNoShow: {appointmentsapi.StatusCheckedIn},
}

// stamps is the field that notes when a status was reached, for waiting times.
var stamps = map[string]string{
	appointmentsapi.StatusCheckedIn:  "checkedInAt",
	appointmentsapi.StatusInProgress: "startedAt",
	appointmentsapi.StatusCompleted:  "completedAt",
}

// step refuses a change of status that the table does not have, whoever makes it, and
// notes when it happened.
func step(tx core.App, r *core.Record) error {
	was, now := r.Original().GetString("status"), r.GetString("status")
	if was == now {
		return nil
	}
	if !slices.Contains(steps[was], now) {
		return errStep.Saying("The appointment is " + was + ": it cannot become " + now + ".").At("status")
	}
	if err := timely(tx, r, was, now); err != nil {
		return err
	}
	if field := stamps[now]; field != "" && r.GetDateTime(field).IsZero() {
		r.Set(field, types.NowDateTime())
	}
	return nil
}

// timely refuses what cannot have happened yet. Who comes early on the day itself is checked in,
// seen and sent home ahead of the slot; nobody has stayed away before it begins, or been through a
// visit that nobody noted the begin of. What has happened may be noted on any later day.
func timely(tx core.App, r *core.Record, was, now string) error {
	if now == appointmentsapi.StatusCancelled {
		return nil
	}
	c, err := clinicapi.Current(tx)
	if err != nil {
		return err
	}
	if day := r.GetString("appointmentDate"); day > c.Today(time.Now()) {
		return errAhead.Saying("The appointment is on " + day + ".").At("status")
	}
	if now == appointmentsapi.StatusNoShow || (now == appointmentsapi.StatusCompleted && was == appointmentsapi.StatusScheduled) {
		start, _, err := appointmentsapi.Span(tx, r)
		if err != nil {
			return err
		}
		if start.After(time.Now()) {
			return errAhead.At("status")
		}
	}
	return nil
}

// Advance takes an appointment one step further on behalf of an account. It returns
// errStep or errAhead when the step is not allowed, and errTaken when a no-show comes
// after all and the slot was given away.
func Advance(tx core.App, appointment *core.Record, status, accountID string) error {
	kernel.SetActor(appointment, accountID)
	appointment.Set("status", status)
	return tx.Save(appointment)
}

var progressRoutes = []kernel.Route{
	progress("check-in", appointmentsapi.StatusCheckedIn, "Note that the patient has arrived", errStep, errAhead, errTaken),
	progress("start", appointmentsapi.StatusInProgress, "Note that the visit begins", errStep, errAhead),
	progress("complete", appointmentsapi.StatusCompleted, "Note that the visit is over", errStep, errAhead),
	progress("no-show", appointmentsapi.StatusNoShow, "Note that the patient did not come", errStep, errAhead),
}

func progress(verb, status, summary string, errs ...*kernel.Error) kernel.Route {
	return kernel.Op(kernel.Route{
		Method: http.MethodPost, Path: "/api/appointments/{id}/" + verb, Record: "appointments",
		Allow: clinic, Returns: "appointments", Summary: summary, Errors: errs,
	}, func(c *kernel.Call, _ kernel.Nothing) (*core.Record, error) {
		same := c.Record.GetString("status") == status
		if same {
			return nil, errStep.Saying("The appointment is " + status + " already.").At("status")
		}
		return c.Record, Advance(c.App, c.Record, status, c.Auth.Id)
	})
}
