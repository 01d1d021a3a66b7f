package inventory

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// checkPrice takes what can be paid and sets the price's twin in minor units. A price of
// another currency's time is left with the twin that it has.
func checkPrice(r *core.Record, currency string) *kernel.Error {
	minor, ok := clinicapi.Minor(r.GetFloat("unitPrice"), currency)
	if ok && minor >= 0 {
		r.Set("unitPriceMinor", minor)
		return nil
	}
	if !r.IsNew() && r.GetFloat("unitPrice") == r.Original().GetFloat("unitPrice") {
		return nil
	}
	return kernel.Bad("unitPrice", "validation_invalid_amount", "Must be 0 or more, with no more decimals than "+currency+" has.")
}

// prices tells the clinic that its currency stays while anything in stock has a price. An
// item that was taken off the list is worth nothing to any report.
type prices struct{}

var _ clinicapi.CurrencyGuard = prices{}

// CurrencyInUse implements clinicapi.CurrencyGuard.
func (prices) CurrencyInUse(tx core.App) (bool, error) {
	var used bool
	err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM inventory WHERE unitPrice != 0 AND deletedAt = '')").Row(&used)
	return used, err
}
