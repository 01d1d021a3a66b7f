package privacy

import (
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

var (
	errWithdrawnAlready = kernel.Fail(http.StatusConflict, "withdrawn", "This consent was withdrawn already.")
	errGivenAhead       = kernel.Fail(http.StatusBadRequest, "in_future", "Must not be in the future.")
)

var (
	own     = kernel.Rule{Name: "own", Filter: "patientId.userId = @request.auth.id"}
	ownNew  = kernel.Rule{Name: "own", Filter: "patientId = '' || patientId.userId = @request.auth.id"}
	inCare  = kernel.Rule{Strict: patientsapi.InCare("patientId.")}
	careNew = kernel.Rule{Strict: "patientId = '' || (" + patientsapi.InCare("patientId.") + ")"}
	admins  = kernel.Allow(authapi.Admin.Always())
	team    = kernel.Allow(authapi.Admin.Always(), authapi.Doctor.When(inCare), authapi.Nurse.Always(), authapi.Staff.Always(), authapi.Patient.When(own))
	takers  = kernel.Allow(authapi.Admin.Always(), authapi.Doctor.When(careNew), authapi.Nurse.Always(), authapi.Staff.Always(), authapi.Patient.When(ownNew))
)

// consents tells others what patients agreed to.
type consents struct{}

var _ privacyapi.Consents = consents{}

// Withdrawn looks at the last consent that was given: a withdrawal closes the row.
func (consents) Withdrawn(app core.App, patientID, purpose string) (bool, error) {
	var withdrawn string
	err := app.DB().Select("withdrawnAt").From("consents").Where(dbx.HashExp{"patientId": patientID, "purpose": purpose}).
		OrderBy("givenAt DESC", "_rowid_ DESC").Limit(1).Row(&withdrawn)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return withdrawn != "", err
}

// takeConsent notes when a consent was given and who took it.
func takeConsent(_ core.App, r *core.Record) error {
	r.Set("takenById", kernel.Actor(r))
	if r.GetDateTime("givenAt").IsZero() {
		r.Set("givenAt", types.NowDateTime())
	}
	if r.GetDateTime("givenAt").Time().After(time.Now().Add(5 * time.Minute)) {
		return errGivenAhead.At("givenAt")
	}
	return nil
}

var withdrawRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/consents/{id}/withdraw", Record: "consents", Allow: team, Returns: "consents",
	Summary: "Withdraw a consent: what it was needed for is refused from now on", Errors: []*kernel.Error{errWithdrawnAlready},
}, func(c *kernel.Call, _ kernel.Nothing) (*core.Record, error) {
	auditapi.Try(c.RequestEvent)
	r := c.Record
	if !r.GetDateTime("withdrawnAt").IsZero() {
		return nil, errWithdrawnAlready
	}
	if err := byAccount(c, r, "withdrawnById"); err != nil {
		return nil, err
	}
	r.Set("withdrawnAt", types.NowDateTime())
	return r, c.App.Save(r)
})
