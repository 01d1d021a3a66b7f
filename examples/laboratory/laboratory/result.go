package laboratory

import (
	"database/sql"
	"errors"
	"net/http"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// ofOrder copies the patient of the order, by whom the access rules go.
func ofOrder(tx core.App, r *core.Record) error {
	order, err := tx.FindRecordById("lab_orders", r.GetString("orderId"))
	if errors.Is(err, sql.ErrNoRows) {
		return kernel.Bad("orderId", "validation_missing_rel_records", "There is no such order.")
	}
	if err != nil {
		return err
	}
	r.Set("patientId", order.GetString("patientId"))
	return nil
}

func final(_ core.App, r *core.Record) error {
	if !r.Original().GetDateTime("signedAt").IsZero() {
		return errFinal
	}
	return nil
}

var signRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/laboratory/results/{id}/sign", Record: "lab_results",
	Allow:   kernel.Allow(authapi.Doctor.Always()),
	Summary: "Sign a result: it becomes final, and the patient can see it",
	Returns: "lab_results",
	Errors:  []*kernel.Error{errFinal},
}, func(c *kernel.Call, _ kernel.Nothing) (*core.Record, error) {
	return c.Record, Sign(c.App, c.Record, c.Auth.Id)
})

// Sign makes a result final in the name of an account. It returns errFinal when it is already.
func Sign(tx core.App, result *core.Record, accountID string) error {
	kernel.SetActor(result, accountID)
	result.Set("signedAt", types.NowDateTime())
	result.Set("signedById", accountID)
	if err := tx.Save(result); err != nil {
		return err
	}
	return kernel.Emit(tx, Signed, SignedV1{ResultID: result.Id, OrderID: result.GetString("orderId"), PatientID: result.GetString("patientId")})
}
