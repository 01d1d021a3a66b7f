package reportsapi

import (
	"strconv"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// Ratio returns a/b rounded half up to so many decimals, and 0 when b is 0. Neither is
// negative.
func Ratio(a, b int64, decimals int) float64 {
	if b == 0 {
		return 0
	}
	scale := int64(1)
	for range decimals {
		scale *= 10
	}
	return float64((2*scale*a+b)/(2*b)) / float64(scale)
}

// Share is Ratio for figures of which there may be none: nil, in JSON null, when b is 0.
func Share(a, b int64, decimals int) *float64 {
	if b == 0 {
		return nil
	}
	r := Ratio(a, b, decimals)
	return &r
}

// Cell writes a figure for a sheet, "" for nil.
func Cell(figure *float64) any {
	if figure == nil {
		return ""
	}
	return *figure
}

// Amount writes an amount in major units for a sheet, with the currency's decimals.
func Amount(major float64, currency string) string {
	return strconv.FormatFloat(major, 'f', clinicapi.Decimals(currency), 64)
}
