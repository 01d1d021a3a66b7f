package clinic

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// addStrictCare adds what closes the register to doctors who do not care for a patient.
func addStrictCare(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("clinic")
	if err != nil {
		return err
	}
	c.Fields.Add(&core.BoolField{Name: "strictCare"}, &core.NumberField{Name: "breakGlassMinutes", OnlyInt: true})
	if err := tx.Save(c); err != nil {
		return err
	}
	_, err = tx.NonconcurrentDB().NewQuery("UPDATE clinic SET breakGlassMinutes = 60").Execute()
	return err
}

// strictSwitch is the clinic's setting strictCare.
type strictSwitch struct{}

var _ kernel.StrictSwitch = strictSwitch{}

func (strictSwitch) Strict(app core.App) (bool, error) {
	s, err := clinicapi.Current(app)
	return s.StrictCare, err
}

// strictCare brings the stored access rules in line, in the transaction of the change.
func strictCare(tx core.App, r *core.Record) error {
	if r.GetBool("strictCare") == r.Original().GetBool("strictCare") {
		return nil
	}
	return kernel.Of(tx).Reconcile(tx)
}
