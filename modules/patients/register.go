package patients

import (
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

var errNotDeleted = kernel.Fail(http.StatusConflict, "not_deleted", "The patient is on the register.")

// takeOff takes a patient off the register: no list and no GET has them any more, and
// the row is kept.
func takeOff(tx core.App, r *core.Record) error {
	p, err := tx.FindRecordById("patients", r.Id)
	if err != nil {
		return err
	}
	if !p.GetDateTime("deletedAt").IsZero() {
		return kernel.ErrNotFound
	}
	kernel.SetActor(p, kernel.Actor(r))
	p.Set("deletedAt", types.NowDateTime())
	if err := tx.Save(p); err != nil {
		return err
	}
	return kernel.Emit(tx, patientsapi.Deleted, patientsapi.DeletedV1{PatientID: p.Id})
}

// Restore puts a patient back on the register. It returns errNotDeleted when they are on it.
func Restore(tx core.App, p *core.Record) error {
	if p.GetDateTime("deletedAt").IsZero() {
		return errNotDeleted
	}
	p.Set("deletedAt", nil)
	return tx.Save(p)
}

var restoreRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/patients/{id}/restore", Record: "patients", Deleted: true,
	Allow: admins, Returns: "patients",
	Summary: "Put a deleted patient back on the register",
	Errors:  []*kernel.Error{errNotDeleted},
}, func(c *kernel.Call, _ kernel.Nothing) (*core.Record, error) {
	kernel.SetActor(c.Record, c.Auth.Id)
	return c.Record, Restore(c.App, c.Record)
})

type deletedPatient struct {
	ID        string         `json:"id" db:"id"`
	MRN       string         `json:"mrn" db:"mrn"`
	Name      string         `json:"name" db:"name"`
	DeletedAt types.DateTime `json:"deletedAt" db:"deletedAt" doc:"when, in UTC"`
}

// deletedRoute is where an admin finds the id of whom to restore.
var deletedRoute = kernel.Op(kernel.Route{
	Method: http.MethodGet, Path: "/api/patients/deleted", Allow: admins,
	Summary: "List the deleted patients, last deleted first",
}, func(c *kernel.Call, in kernel.Page) (kernel.Paged[deletedPatient], error) {
	gone := dbx.NewExp("deletedAt != ''")
	total, err := c.App.CountRecords("patients", gone)
	if err != nil {
		return kernel.Paged[deletedPatient]{}, err
	}
	out := kernel.NewPaged[deletedPatient](in, int(total))
	err = c.App.DB().Select("id", "mrn", "name", "deletedAt").From("patients").Where(gone).
		OrderBy("deletedAt DESC", "id").Limit(int64(out.PerPage)).Offset(out.Offset()).All(&out.Items)
	return out, err
})
