package billing

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// someDebts is n invoices of a day.
func someDebts(dice *rand.Rand, n int, patients, doctors, due uint32) []owing {
	day := make([]owing, n)
	for i := range day {
		day[i] = owing{dice.Uint32N(patients) + 1, dice.Uint32N(doctors) + 1, due + dice.Uint32N(30), 1000 + dice.Int64N(9973)}
	}
	return day
}

// TestOldDebtsAreThoseOfTheirMonths changes days, and who owes, and compares what is kept with what is
// added up anew.
func TestOldDebtsAreThoseOfTheirMonths(t *testing.T) {
	dice := rand.New(rand.NewPCG(3, 9))
	kept, of := &oldDebts{}, []issued{}
	patients, doctors, again := uint32(9), uint32(3), 0
	for round := range 200 {
		switch dice.IntN(4) {
		case 0:
			all, _ := together([][]owing{someDebts(dice, 20, patients, doctors, 100), {}})
			of = append(slices.Clone(of), issued{fmt.Sprint("month ", len(of)), all, dice.IntN(2) == 0})
		case 1:
			if len(of) > 0 {
				i := dice.IntN(len(of))
				of = slices.Clone(of)
				of[i].all, _ = together([][]owing{of[i].all.days[0], someDebts(dice, dice.IntN(3), patients, doctors, 100)})
			}
		case 2:
			patients, doctors = patients+1, doctors+1 // of an invoice that is not among these
		default:
			of = slices.Clone(of) // the same days, put together anew, and now and then of a range that begins later
			later := dice.IntN(2)
			for i := range of {
				of[i].all, _ = together(of[i].all.days)
				of[i].within = of[i].within && i >= later
			}
		}
		before := kept.sums
		got, err := kept.count(of, patients, doctors, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if before == kept.sums {
			again++
		}
		want, err := (&oldDebts{}).count(of, patients, doctors, 1000)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("round %d: %v, want %v, %v", round, got, want, err)
		}
		extra := issued{"now", &owingIn{days: [][]owing{{{patients, doctors, 990, 5}}}}, true}
		if err := got.addMonth(extra, 1000); err != nil {
			t.Fatal(err)
		}
	}
	if again == 0 || again == 200 {
		t.Errorf("%d of 200 were what was kept", again)
	}
}

// BenchmarkDebts adds up 400,000 invoices on which something is owed, of a million patients and 50 doctors,
// issued in 120 months: all, and the last four where the others are kept.
//
//	go test -run '^$' -bench Debts ./modules/billing/
func BenchmarkDebts(b *testing.B) {
	dice := rand.New(rand.NewPCG(1, 2))
	const today = 42_000 + 120*30
	var of []issued
	for m := range uint32(120) {
		var days [][]owing
		for d := range uint32(30) {
			days = append(days, someDebts(dice, 110, 1_000_000, 50, 42_000+30*m+d))
		}
		all, _ := together(days)
		of = append(of, issued{fmt.Sprint(m), all, m > 107})
	}
	for _, recent := range []int{120, 4} {
		b.Run(fmt.Sprintf("months=%d", recent), func(b *testing.B) {
			kept := &oldDebts{}
			for b.Loop() {
				sums, err := kept.count(of[:120-recent], 1_000_000, 50, today)
				for _, one := range of[120-recent:] {
					if err == nil {
						err = sums.addMonth(one, today)
					}
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
