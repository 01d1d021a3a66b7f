package clinicapi_test

import (
	"math"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

func TestMinorTakesNoMoreDecimalsThanTheCurrencyHas(t *testing.T) {
	for _, tc := range []struct {
		name     string
		amount   float64
		currency string
		minor    int64
		ok       bool
	}{
		{"whole", 1500, "USD", 150000, true},
		{"one decimal", 12.5, "USD", 1250, true},
		{"two decimals", 19.99, "EUR", 1999, true},
		{"what floats cannot hold exactly", 0.29, "USD", 29, true},
		{"three decimals", 1.005, "USD", 0, false},
		{"a float's error is refused, not rounded", float64(0.1) + nextUp(0.2), "USD", 0, false},
		{"no decimals", 1500, "JPY", 1500, true},
		{"one decimal where there is none", 1500.5, "JPY", 0, false},
		{"three decimals where there are three", 1.234, "KWD", 1234, true},
		{"four where there are three", 1.2345, "KWD", 0, false},
		{"an unknown currency has two", 1.23, "XXX", 123, true},
		{"nothing", 0, "USD", 0, true},
		{"nothing below zero", math.Copysign(0, -1), "USD", 0, true},
		{"a debt", -0.05, "USD", -5, true},
		{"the greatest", 10_000_000_000, "USD", 1_000_000_000_000, true},
		{"above the greatest", 10_000_000_000.01, "USD", 0, false},
		{"below the least", -10_000_000_000.01, "USD", 0, false},
		{"far too large", 1e300, "USD", 0, false},
		{"far too small", 1e-300, "USD", 0, false},
		{"infinite", math.Inf(1), "USD", 0, false},
		{"no number", math.NaN(), "USD", 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			minor, ok := clinicapi.Minor(tc.amount, tc.currency)
			if ok != tc.ok || ok && minor != tc.minor {
				t.Errorf("Minor(%v, %s) = %d, %v; want %d, %v", tc.amount, tc.currency, minor, ok, tc.minor, tc.ok)
			}
		})
	}
}

func nextUp(f float64) float64 { return math.Nextafter(f, 1) }

func TestTextHasTheCurrencysDecimals(t *testing.T) {
	for _, tc := range []struct {
		minor    int64
		currency string
		want     string
	}{
		{1250, "USD", "12.50"}, {5, "USD", "0.05"}, {0, "USD", "0.00"}, {-5, "USD", "-0.05"}, {-1250, "USD", "-12.50"},
		{1500, "JPY", "1500"}, {0, "JPY", "0"}, {-3, "JPY", "-3"}, {1234, "KWD", "1.234"}, {7, "KWD", "0.007"},
	} {
		if got := clinicapi.Text(tc.minor, tc.currency); got != tc.want {
			t.Errorf("Text(%d, %s) = %s, want %s", tc.minor, tc.currency, got, tc.want)
		}
	}
}

// Whatever is stored comes back from JSON as the same amount.
func FuzzMoneyComesBack(f *testing.F) {
	for _, minor := range []int64{0, 1, -1, 29, 99, 100, 1999, 123456789, 1_000_000_000_000, -1_000_000_000_000, 99_999_999_999_7} {
		f.Add(minor, "USD")
		f.Add(minor, "JPY")
		f.Add(minor, "KWD")
	}
	f.Fuzz(func(t *testing.T, minor int64, currency string) {
		if minor > 1_000_000_000_000 || minor < -1_000_000_000_000 {
			return // larger than an amount can be
		}
		got, ok := clinicapi.Minor(clinicapi.Major(minor, currency), currency)
		if !ok || got != minor {
			t.Errorf("%d %s became %s and came back as %d, %v", minor, currency, clinicapi.Text(minor, currency), got, ok)
		}
	})
}

// What a client sends is stored exactly or refused.
func FuzzMinorNeverRounds(f *testing.F) {
	for _, amount := range []float64{0, 0.1, 0.29, 1.005, 19.99, 1e-7, 123456.78, 1e17, -2.5} {
		f.Add(amount, "USD")
		f.Add(amount, "KWD")
	}
	f.Fuzz(func(t *testing.T, amount float64, currency string) {
		minor, ok := clinicapi.Minor(amount, currency)
		if ok && clinicapi.Major(minor, currency) != amount {
			t.Errorf("%v %s was stored as %d, which is %v", amount, currency, minor, clinicapi.Major(minor, currency))
		}
	})
}
