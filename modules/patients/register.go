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

// deletedList is where an admin finds the id of whom to restore, last deleted first.
var deletedList = kernel.Resource{
	Path: "/api/patients/deleted", Collection: "patients", Noun: "deleted patient", Verbs: []kernel.Verb{kernel.List},
	Allow: admins, Deleted: true, Search: []string{"name", "mrn", "contact", "email"},
	Rows: func(q *dbx.SelectQuery, _ kernel.Listing) {
		q.AndWhere(dbx.NewExp("patients.deletedAt != ''"))
	},
	Finish: func(_ core.App, gone []*core.Record) error {
		for _, p := range gone {
			p.Unhide("deletedAt")
		}
		return nil
	},
}
