package billing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// Limits of the lines of an invoice.
const (
	maxItems            = 200
	maxDescription      = 500
	maxQuantityDecimals = 4
	maxRateDecimals     = 4
	maxQuantity         = 1_000_000
	maxAmountMinor      = 1_000_000_000_000 // as clinicapi.Minor has it
)

// Item is one line of an invoice as it is stored and answered. The numbers are decimals
// without an exponent; amounts are in major units.
type Item struct {
	Description string      `json:"description"`
	Quantity    json.Number `json:"quantity"`
	UnitPrice   json.Number `json:"unitPrice"`
	TaxRate     json.Number `json:"taxRate,omitempty"`  // percent of the price less the discount
	Discount    json.Number `json:"discount,omitempty"` // amount off the whole line
	Total       json.Number `json:"total"`              // set by the server

	totalMinor, taxMinor int64
}

// parseItems reads the lines that a client or module sent and works out their totals in the
// currency. It returns nil lines for nothing, and kernel.Invalid naming every bad entry as
// items.<index from 0>.<name>. stored are the lines as they are now: their totals may be
// sent back.
func parseItems(raw, currency string, stored []Item) (items []Item, sum int64, err error) {
	if raw == "" || raw == "null" || raw == `""` {
		return nil, 0, nil
	}
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber() // a float64 has no 0.1
	var list []any
	if err := d.Decode(&list); err != nil {
		return nil, 0, kernel.Invalid{kernel.Bad("items", "validation_invalid_type", "Must be a list.")}
	}
	if len(list) > maxItems {
		return nil, 0, kernel.Invalid{kernel.Bad("items", "too_many", fmt.Sprintf("At most %d lines.", maxItems))}
	}
	var bad kernel.Invalid
	total := new(big.Int)
	for i, v := range list {
		r := itemReader{at: fmt.Sprintf("items.%d", i), currency: currency}
		item := r.read(v, i, stored)
		bad = append(bad, r.bad...)
		items = append(items, item)
		total.Add(total, big.NewInt(item.totalMinor))
	}
	if len(bad) == 0 && total.Cmp(big.NewInt(maxAmountMinor)) > 0 {
		bad = append(bad, kernel.Bad("items", "validation_invalid_amount", "The total is too large."))
	}
	if len(bad) > 0 {
		return nil, 0, bad
	}
	return items, total.Int64(), nil
}

// itemReader reads one line and collects what is wrong with it.
type itemReader struct {
	at, currency string
	bad          kernel.Invalid
}

func (r *itemReader) refuse(name, code, text string) {
	r.bad = append(r.bad, kernel.Bad(r.at+"."+name, code, text))
}

func (r *itemReader) read(v any, index int, stored []Item) (item Item) {
	fields, ok := v.(map[string]any)
	if !ok {
		r.bad = append(r.bad, kernel.Bad(r.at, "validation_invalid_type", "Must be an object."))
		return item
	}
	text, isText := fields["description"].(string)
	item.Description = strings.TrimSpace(text)
	switch {
	case fields["description"] != nil && !isText:
		r.refuse("description", "validation_invalid_type", "Must be text.")
	case item.Description == "":
		r.refuse("description", "validation_required", "Cannot be blank.")
	case utf8.RuneCountInString(item.Description) > maxDescription:
		r.refuse("description", "validation_length_too_long", fmt.Sprintf("At most %d characters.", maxDescription))
	}
	money := clinicapi.Decimals(r.currency)
	quantity := r.number(fields, "quantity", true, maxQuantityDecimals, maxQuantity)
	price := r.number(fields, "unitPrice", true, money, maxAmountMinor)
	rate := r.number(fields, "taxRate", false, maxRateDecimals, 100)
	discount := r.number(fields, "discount", false, money, maxAmountMinor)
	if len(r.bad) > 0 {
		return item
	}
	if quantity.Sign() == 0 {
		r.refuse("quantity", "validation_min_number_constraint", "Must be more than 0.")
		return item
	}
	item.Quantity, item.UnitPrice = decimal(quantity), decimal(price)
	if rate.Sign() != 0 {
		item.TaxRate = decimal(rate)
	}
	if discount.Sign() != 0 {
		item.Discount = decimal(discount)
	}
	net := new(big.Rat).Mul(quantity, price)
	if net.Sub(net, discount).Sign() < 0 {
		r.refuse("discount", "discount_too_large", "Must not be more than the line's price.")
		return item
	}
	r.total(&item, net, rate)
	r.givenTotal(fields["total"], index, item, stored)
	return item
}

// total works out what a line comes to, in minor units: the price less the discount, plus
// the tax on that, computed exactly and rounded once, halves to the even unit.
// Source: ISO 80000-1:2009, annex B.3, rule A (IEEE 754 roundTiesToEven). Unlike halves
// rounded up, it does not add up to a gain over many lines.
func (r *itemReader) total(item *Item, net, rate *big.Rat) {
	units := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(clinicapi.Decimals(r.currency))), nil))
	net = new(big.Rat).Mul(net, units)
	factor := new(big.Rat).Add(big.NewRat(1, 1), new(big.Rat).Quo(rate, big.NewRat(100, 1)))
	total := roundHalfEven(new(big.Rat).Mul(net, factor))
	if total.Cmp(big.NewInt(maxAmountMinor)) > 0 {
		r.refuse("unitPrice", "validation_invalid_amount", "The line comes to too much.")
		return
	}
	item.totalMinor = total.Int64()
	item.taxMinor = item.totalMinor - roundHalfEven(net).Int64()
	item.Total = json.Number(clinicapi.Text(item.totalMinor, r.currency))
}

// givenTotal refuses a total that is not ours: neither what the line comes to nor what a
// client read before it changed the line.
func (r *itemReader) givenTotal(v any, index int, item Item, stored []Item) {
	if v == nil || len(r.bad) > 0 {
		return
	}
	given, ok := exact(v)
	same := func(n json.Number) bool { own, valid := exact(n); return ok && valid && own.Cmp(given) == 0 }
	if !same(item.Total) && (index >= len(stored) || !same(stored[index].Total)) {
		r.bad = append(r.bad, kernel.ErrServerSet.At(r.at+".total"))
	}
}

// number reads a decimal that is not negative. An absent one is 0.
func (r *itemReader) number(fields map[string]any, name string, required bool, decimals int, most int64) *big.Rat {
	v := fields[name]
	if v == nil {
		if required {
			r.refuse(name, "validation_required", "Cannot be blank.")
		}
		return new(big.Rat)
	}
	n, ok := exact(v)
	switch {
	case !ok:
		r.refuse(name, "validation_invalid_number", "Must be a number.")
	case n.Sign() < 0:
		r.refuse(name, "validation_min_number_constraint", "Must not be negative.")
	case n.Cmp(new(big.Rat).SetInt64(most)) > 0:
		r.refuse(name, "validation_max_number_constraint", fmt.Sprintf("Must not be more than %d.", most))
	case !new(big.Rat).Mul(n, new(big.Rat).SetInt64(pow10(decimals))).IsInt():
		r.refuse(name, "too_many_decimals", fmt.Sprintf("At most %d decimals.", decimals))
	default:
		return n
	}
	return new(big.Rat)
}

// A JSON number of a sensible size: "1e999999999" would be computed for hours.
var reNumber = regexp.MustCompile(`^-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?$`)

// exact returns the value of a JSON number.
func exact(v any) (*big.Rat, bool) {
	n, ok := v.(json.Number)
	if !ok || !reNumber.MatchString(n.String()) {
		return nil, false
	}
	return new(big.Rat).SetString(n.String())
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// roundHalfEven returns the whole number nearest to r, which is not negative; of two
// equally near, the even one.
func roundHalfEven(r *big.Rat) *big.Int {
	quotient, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	half := rest.Lsh(rest, 1).Cmp(r.Denom())
	if half > 0 || (half == 0 && quotient.Bit(0) == 1) {
		quotient.Add(quotient, big.NewInt(1))
	}
	return quotient
}

// decimal prints a number that has at most 4 decimals without trailing zeros.
func decimal(r *big.Rat) json.Number {
	s := r.FloatString(maxQuantityDecimals)
	return json.Number(strings.TrimSuffix(strings.TrimRight(s, "0"), "."))
}

// storedItems reads the lines of a row.
func storedItems(raw, currency string) []Item {
	items, _, err := parseItems(raw, currency, nil)
	if err != nil {
		return nil // a row that was written by hand: only its sum counts
	}
	return items
}

// encodeItems is the text that the field items holds.
func encodeItems(items []Item) string {
	if len(items) == 0 {
		return "[]"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(items); err != nil {
		return "[]" // texts and numbers that were read from JSON encode
	}
	return strings.TrimSpace(b.String())
}
