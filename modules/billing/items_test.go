package billing

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

func TestRoundHalfEven(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "0.4999999": 0, "0.5": 0, "0.5000001": 1, "1.5": 2, "2.5": 2, "2.51": 3, "3.5": 4, "7": 7, "7.49": 7, "1000000.5": 1000000,
	} {
		r, _ := new(big.Rat).SetString(in)
		if got := roundHalfEven(r).Int64(); got != want {
			t.Errorf("%s: got %d, want %d", in, got, want)
		}
	}
}

// random is one line in whole numbers: ten-thousandths of a piece and of a percent, minor
// units of money.
type random struct{ quantity, price, discount, rate int64 }

// want is what the line comes to, reckoned without the code that is tested: whole numbers
// over one denominator, halves to even by looking at the last digit.
func (r random) want() int64 {
	part := func(a, b int64) *big.Int { return new(big.Int).Mul(big.NewInt(a), big.NewInt(b)) }
	net := new(big.Int).Sub(part(r.quantity, r.price), part(r.discount, 10_000))
	exact := net.Mul(net, big.NewInt(1_000_000+r.rate))
	denominator := big.NewInt(10_000 * 1_000_000)
	floor, rest := new(big.Int).DivMod(exact, denominator, new(big.Int))
	up := new(big.Int).Sub(denominator, rest).Cmp(rest) // rest against what is missing
	if up < 0 || (up == 0 && floor.Bit(0) == 1) {
		floor.Add(floor, big.NewInt(1))
	}
	return floor.Int64()
}

func randomLine(dice *rand.Rand) random {
	r := random{quantity: 1 + dice.Int64N(50_0000), price: dice.Int64N(1_000_00)}
	switch dice.IntN(4) {
	case 0:
		r.quantity = (1 + dice.Int64N(20)) * 5000 // halves are where ties are
		r.price = dice.Int64N(200)
	case 1:
		r.rate = []int64{5_0000, 7_7000, 10_0000, 19_0000, 20_0000, 50_0000, 100_0000}[dice.IntN(7)]
	case 2:
		r.rate = dice.Int64N(100_0000 + 1)
	}
	if most := r.quantity * r.price / 10_000; most > 0 && dice.IntN(3) == 0 {
		r.discount = dice.Int64N(most + 1)
	}
	return r
}

// text is v over 10 to the power of decimals, in one of the ways that JSON writes it.
func text(v int64, decimals int) string {
	s := fmt.Sprintf("%0*d", decimals+1, v)
	if decimals == 0 {
		return s
	}
	s = s[:len(s)-decimals] + "." + s[len(s)-decimals:]
	if v%2 == 0 {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func TestTotalsAreExact(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for n := range 20_000 {
		currency := []string{"USD", "JPY", "KWD"}[n%3]
		money := clinicapi.Decimals(currency)
		var lines []string
		var want []int64
		var sum int64
		for range 1 + dice.IntN(5) {
			r := randomLine(dice)
			lines = append(lines, fmt.Sprintf(`{"description":"x","quantity":%s,"unitPrice":%s,"discount":%s,"taxRate":%s}`,
				text(r.quantity, 4), text(r.price, money), text(r.discount, money), text(r.rate, 4)))
			want = append(want, r.want())
			sum += r.want()
		}
		raw := "[" + strings.Join(lines, ",") + "]"
		items, got, err := parseItems(raw, currency, nil)
		if err != nil {
			t.Fatalf("%s %s: %v", currency, raw, err)
		}
		for i := range items {
			if items[i].totalMinor != want[i] || string(items[i].Total) != clinicapi.Text(want[i], currency) {
				t.Fatalf("%s %s: total %s, want %d", currency, lines[i], items[i].Total, want[i])
			}
		}
		if got != sum {
			t.Fatalf("%s %s: amount %d, want %d", currency, raw, got, sum)
		}
		// What is stored reads back as the same.
		again, sumAgain, err := parseItems(encodeItems(items), currency, nil)
		if err != nil || sumAgain != sum || encodeItems(again) != encodeItems(items) {
			t.Fatalf("%s: stored as %s, read as %s: %v", raw, encodeItems(items), encodeItems(again), err)
		}
	}
}

func TestStoredTotalsMayBeSentBack(t *testing.T) {
	stored := storedItems(`[{"description":"x","quantity":1,"unitPrice":2,"total":2.00}]`, "USD")
	for raw, ok := range map[string]bool{
		`[{"description":"x","quantity":3,"unitPrice":2,"total":2}]`:   true, // what was read, of a line that changed
		`[{"description":"x","quantity":3,"unitPrice":2,"total":6.0}]`: true,
		`[{"description":"x","quantity":3,"unitPrice":2,"total":5}]`:   false,
		`[{"description":"x","quantity":3,"unitPrice":2,"total":"6"}]`: false,
	} {
		if _, _, err := parseItems(raw, "USD", stored); (err == nil) != ok {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// FuzzItems feeds the reader whatever JSON there is. It may refuse, and never fail.
func FuzzItems(f *testing.F) {
	for _, s := range []string{`[]`, `[{"description":"x","quantity":1,"unitPrice":1}]`, `[{"quantity":1e99,"unitPrice":-0,"description":1}]`, `[[[[`, `{"a":[]}`, `[{"description":"x","quantity":0.00005,"unitPrice":1e-2,"total":null}]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		items, sum, err := parseItems(raw, "USD", nil)
		if err != nil {
			return
		}
		if sum < 0 || sum > maxAmountMinor {
			t.Errorf("%s: sum %d", raw, sum)
		}
		if !json.Valid([]byte(encodeItems(items))) {
			t.Errorf("%s: stored as %s", raw, encodeItems(items))
		}
	})
}
