package fhirapi

import (
	"errors"
	"strconv"
	"strings"
)

var (
	errDecimal = errors.New("not a decimal number")
	errRange   = errors.New("number out of range")
)

// maxExponent bounds what a written exponent may make us write out. FHIR asks
// for 18 digits.
const maxExponent = 64

// decimal is a number as written: ±digits × 10^-scale. Digits have no leading
// zeros; zero has none at all.
type decimal struct {
	negative bool
	digits   string
	scale    int
}

// parseDecimal reads a JSON number.
func parseDecimal(s string) (decimal, error) {
	var d decimal
	s, d.negative = strings.CutPrefix(s, "-")
	s, exponent, scientific := cutExponent(s)
	whole, fraction, dotted := strings.Cut(s, ".")
	if whole == "" || dotted && fraction == "" || !isDigits(whole+fraction) {
		return decimal{}, errDecimal
	}
	d.digits = strings.TrimLeft(whole+fraction, "0")
	d.scale = len(fraction)
	if !scientific {
		return d, nil
	}
	n, err := strconv.Atoi(exponent)
	if errors.Is(err, strconv.ErrSyntax) {
		return decimal{}, errDecimal
	}
	if err != nil || n > maxExponent || n < -maxExponent {
		return decimal{}, errRange
	}
	d.scale -= n
	return d, nil
}

func cutExponent(s string) (mantissa, exponent string, found bool) {
	at := strings.IndexAny(s, "eE")
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+1:], true
}

func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// round returns d with exactly scale digits after the point; halves go to the
// even neighbour.
func (d decimal) round(scale int) decimal {
	drop := d.scale - scale
	d.scale = scale
	if d.digits == "" {
		return d
	}
	if drop <= 0 {
		d.digits += strings.Repeat("0", -drop)
		return d
	}
	if drop > len(d.digits) {
		d.digits = ""
		return d
	}
	kept, dropped := d.digits[:len(d.digits)-drop], d.digits[len(d.digits)-drop:]
	half := "5" + strings.Repeat("0", drop-1)
	odd := kept != "" && (kept[len(kept)-1]-'0')%2 == 1
	if dropped > half || dropped == half && odd {
		kept = increment(kept)
	}
	d.digits = kept
	return d
}

// increment adds one to a string of digits.
func increment(digits string) string {
	b := []byte("0" + digits)
	for i := len(b) - 1; ; i-- {
		if b[i] != '9' {
			b[i]++
			break
		}
		b[i] = '0'
	}
	return strings.TrimLeft(string(b), "0")
}

// String writes d without exponent and without trailing zeros.
func (d decimal) String() string {
	digits, scale := d.digits, d.scale
	if scale < 0 && digits != "" {
		digits += strings.Repeat("0", -scale)
	}
	scale = max(scale, 0)
	if pad := scale + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	whole, fraction := digits[:len(digits)-scale], digits[len(digits)-scale:]
	text := whole
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		text += "." + fraction
	}
	if d.negative && d.digits != "" {
		return "-" + text
	}
	return text
}

// Minor returns the amount in the currency's minor units, of which decimals
// says how many digits they are: 2 for USD, 0 for JPY, 3 for KWD. Halves of a
// unit go to the even neighbour, by the number as written and without floats.
// It returns an error if there is no amount, or if it exceeds an int64.
func (m Money) Minor(decimals int) (int64, error) {
	if m.Value == "" {
		return 0, errors.New("no amount")
	}
	d, err := parseDecimal(m.Value.String())
	if err != nil {
		return 0, err
	}
	d = d.round(decimals)
	if d.digits == "" {
		return 0, nil
	}
	if d.negative {
		d.digits = "-" + d.digits
	}
	n, err := strconv.ParseInt(d.digits, 10, 64)
	if err != nil {
		return 0, errRange
	}
	return n, nil
}

// String returns the quantity as people write it: "117.32 mm[Hg]", "<5 mg/dL",
// and "" if it has no value. Fractions beyond four digits are the noise of
// another program's floats and are cut to five significant digits in all.
func (q Quantity) String() string {
	if q.Value == "" {
		return ""
	}
	number := q.Value.String()
	if d, err := parseDecimal(number); err == nil {
		if d.scale > 4 {
			whole := len(d.digits) - d.scale // may be negative: 0.00012
			d = d.round(max(0, 5-whole))
		}
		number = d.String()
	}
	unit := q.Unit
	if unit == "" {
		unit = q.Code
	}
	return strings.TrimSpace(q.Comparator + number + " " + unit)
}
