package laboratory

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
)

// test is one thing that the laboratory can find out, with its price in minor units of the
// clinic's currency.
type test struct {
	name  string
	price int64
}

// catalogue is the tests by the code that an order names.
func catalogue() map[string]test {
	return map[string]test{
		"CBC": {"Complete blood count", 15_00},
		"BMP": {"Basic metabolic panel", 22_50},
		"TSH": {"Thyroid-stimulating hormone", 31_00},
	}
}

func orderedByCaller(e *core.RecordRequestEvent) error {
	if e.HasSuperuserAuth() {
		return nil
	}
	profile, err := authapi.ProfileOf(e.App, e.Auth)
	if err != nil {
		return err
	}
	if profile == nil || profile.Collection().Name != "doctors" {
		return errNoDoctor
	}
	e.Record.Set("doctorId", profile.Id)
	return nil
}

func knownTest(_ core.App, r *core.Record) error {
	if code := r.GetString("test"); code != "" {
		if _, known := catalogue()[code]; !known {
			return errUnknownTest.At("test")
		}
	}
	return nil
}

// charge puts the ordered test on the patient's bill, in the order's transaction: no order
// without its charge, and no charge without its order.
func charge(bill *billingapi.Charges) func(tx core.App, r *core.Record) error {
	return func(tx core.App, r *core.Record) error {
		t := catalogue()[r.GetString("test")]
		_, err := (*bill).Add(tx, billingapi.Charge{
			PatientID: r.GetString("patientId"), DoctorID: r.GetString("doctorId"),
			Description: t.name, UnitPriceMinor: t.price, By: kernel.Actor(r),
		})
		if err != nil {
			return fmt.Errorf("charge order %s: %w", r.Id, err)
		}
		return nil
	}
}
