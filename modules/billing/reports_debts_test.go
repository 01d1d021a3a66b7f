package billing

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkDebts adds up 400,000 invoices on which something is owed, of a million patients and 50 doctors,
// issued on 3,650 days.
//
//	go test -run '^$' -bench Debts ./modules/billing/
func BenchmarkDebts(b *testing.B) {
	dice := rand.New(rand.NewPCG(1, 2))
	days := make([][]owing, 3650)
	for i := range days {
		for range 110 {
			days[i] = append(days[i], owing{dice.Uint32N(1_000_000) + 1, dice.Uint32N(50) + 1, uint32(42_000 + i), 1000 + dice.Int64N(9973)})
		}
	}
	for b.Loop() {
		s := newDebts(1_000_000, 50)
		for i := 0; i < len(days); i += 30 {
			if _, err := s.add(days[i:min(i+30, len(days))], 42_000+3650); err != nil {
				b.Fatal(err)
			}
		}
	}
}
