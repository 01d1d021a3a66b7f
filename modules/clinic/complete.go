package clinic

import (
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// Complete names what else is wrong with a change that is refused already.
func (in Change) Complete(c *kernel.Call) error {
	r, err := c.App.FindRecordById("clinic", clinicapi.RecordID)
	if err != nil {
		return err
	}
	serverSet := c.K.FieldErrors(in.serverSet(c.K, r))
	r.Load(in.sent())
	return serverSet.And(c.K.FieldErrors(settingsHold(c.App, r))).OrNil()
}
