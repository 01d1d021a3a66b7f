package staff

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// checkFee takes what can be paid: not negative, no more decimals than the currency has. It
// sets the fee's twin in minor units. A fee of another currency's time is left.
func checkFee(r *core.Record, currency string) *kernel.Error {
	fee := r.GetFloat("consultationFee")
	minor, ok := clinicapi.Minor(fee, currency)
	switch {
	case ok && minor >= 0:
		r.Set("consultationFeeMinor", minor)
	case fee == r.Original().GetFloat("consultationFee"):
	case fee < 0:
		return kernel.Bad("consultationFee", "validation_min_number_constraint", "Must not be negative.")
	default:
		return kernel.Bad("consultationFee", "validation_invalid_amount", "Must be an amount in "+currency+".")
	}
	return nil
}

// fees tells the clinic that its currency stays while doctors have fees. A doctor who was
// deleted can come back, with the fee.
type fees struct{}

var _ clinicapi.CurrencyGuard = fees{}

// CurrencyInUse implements clinicapi.CurrencyGuard.
func (fees) CurrencyInUse(tx core.App) (bool, error) {
	var used bool
	err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM doctors WHERE consultationFee != 0)").Row(&used)
	return used, err
}
