package clinicapi

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// decimals of the currencies that do not have two.
// Source: ISO 4217, list one (2024), as java.util.Currency of OpenJDK 25 has it for each of the
// currencies below. golang.org/x/text/currency has CLDR's instead, 0 for 20 of them that have two or
// three in ISO 4217, such as IQD and PKR.
var decimals = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
	"RWF": 0, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}

// currencies are what people pay with: neither funds and units of account, such as CLF, nor
// metals and the codes for tests. golang.org/x/text/currency has those and what was abolished,
// but none of the newer ones.
// Source: ISO 4217, list one of 1 January 2026.
var currencies = strings.Fields(`
	AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
	CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
	GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW
	KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR
	MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
	SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
	USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG`)

// KnownCurrency reports whether the code is that of a currency in use.
func KnownCurrency(code string) bool { return slices.Contains(currencies, code) }

// maxMinor keeps sums of millions of amounts within an int64 and each within a float64.
const maxMinor = 1_000_000_000_000

// Decimals returns how many decimals the currency has.
func Decimals(currency string) int {
	if d, ok := decimals[currency]; ok {
		return d
	}
	return 2
}

// Minor converts an amount in major units, as it comes from JSON, to minor units. ok is
// false when it has more decimals than the currency, or is too large.
func Minor(amount float64, currency string) (minor int64, ok bool) {
	if math.IsNaN(amount) || math.IsInf(amount, 0) {
		return 0, false
	}
	text := strconv.FormatFloat(amount, 'f', -1, 64) // the shortest text that is this number
	whole, part, _ := strings.Cut(text, ".")
	d := Decimals(currency)
	if len(part) > d {
		return 0, false
	}
	minor, err := strconv.ParseInt(whole+part+strings.Repeat("0", d-len(part)), 10, 64)
	return minor, err == nil && minor <= maxMinor && minor >= -maxMinor
}

// Major converts minor units to the number that JSON carries.
func Major(minor int64, currency string) float64 {
	f, _ := strconv.ParseFloat(Text(minor, currency), 64) // Text is a number
	return f
}

// Text prints minor units in major units with the currency's decimals: 1250, "USD" → "12.50".
func Text(minor int64, currency string) string {
	d := Decimals(currency)
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	s := strconv.FormatInt(minor, 10)
	if d == 0 {
		return sign + s
	}
	if len(s) <= d {
		s = strings.Repeat("0", d-len(s)+1) + s
	}
	return sign + s[:len(s)-d] + "." + s[len(s)-d:]
}
