package patients

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

var errGlassOnly = kernel.Fail(http.StatusForbidden, "care_required", "A patient who was opened by breaking the glass is assigned by those who care for them, or by the desk.")

// careReading puts marks on what the trail says of a doctor's read: of patients who are not
// under their care, and of those whom a broken glass alone has opened to them.
var careReading auditapi.Reading = func(app core.App, account *core.Record, patients []string) (map[string][]string, error) {
	if !authapi.Doctor.Has(account) {
		return nil, nil
	}
	outside, byGlass, err := patientsapi.Standing(app, account.Id, patients)
	return map[string][]string{auditapi.OutsideCare: outside, auditapi.BreakGlass: byGlass}, err
}

// isStrict reports whether the doctor e.Auth is bound by strict care.
func isStrict(e *core.RecordRequestEvent) (bool, error) {
	if e.Auth == nil || e.Auth.IsSuperuser() || !authapi.Doctor.Has(e.Auth) {
		return false, nil
	}
	s, err := clinicapi.Current(e.App)
	return s.StrictCare, err
}

// ownPatient puts a patient whom a doctor registers under that doctor's care, where strict
// care would otherwise hide them at once.
func ownPatient(e *core.RecordRequestEvent) error {
	strict, err := isStrict(e)
	if err != nil || !strict || e.Record.GetString("assignedDoctorId") != "" {
		return err
	}
	var id string
	err = e.App.DB().Select("id").From("doctors").Where(dbx.HashExp{"userId": e.Auth.Id, "deletedAt": ""}).Limit(1).Row(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("doctor of the account: %w", err)
	}
	e.Record.Set("assignedDoctorId", id)
	return nil
}

// keepAssigned keeps a broken glass from becoming care that lasts.
func keepAssigned(e *core.RecordRequestEvent) error {
	if !changed(e.Record, "assignedDoctorId") {
		return nil
	}
	strict, err := isStrict(e)
	if err != nil || !strict {
		return err
	}
	outside, err := patientsapi.OutsideCare(e.App, e.Auth.Id, []string{e.Record.Id})
	if err == nil && len(outside) > 0 {
		err = errGlassOnly.At("assignedDoctorId")
	}
	return err
}

// sweepCare removes what broken glass opened and time has closed.
func sweepCare(app core.App) error {
	_, err := app.NonconcurrentDB().Delete("care", dbx.NewExp("until <= {:now}", dbx.Params{"now": types.NowDateTime().String()})).Execute()
	return err
}
