package appointments

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// TestTallyIsThatOfItsMonths changes, adds and takes away days and months, and compares a tally that
// is kept with one that counts everything anew, and with the visits themselves.
func TestTallyIsThatOfItsMonths(t *testing.T) {
	dice := rand.New(rand.NewPCG(7, 11))
	kept, months := newTally(), map[string]*cameIn{}
	patients, beyond := uint32(5), 0
	for round := range 400 {
		month := "2026-0" + string(rune('1'+dice.IntN(6)))
		switch dice.IntN(6) {
		case 0:
			delete(months, month)
		case 1:
			patients = min(patients+dice.Uint32N(2), 9) // others may have registered since
		case 2: // everything, with many visits of few patients
			var days []*came
			for range dice.IntN(4) {
				days = append(days, someCame(dice, patients, dice.IntN(900)))
			}
			months[month], _ = together(days)
		default: // one day of the month, as it most often is
			var days []*came
			if was := months[month]; was != nil {
				days = slices.Clone(was.days)
			}
			if day := someCame(dice, patients, dice.IntN(40)); len(days) > 0 && dice.IntN(3) > 0 {
				days[dice.IntN(len(days))] = day
			} else {
				days = slices.Insert(days, dice.IntN(len(days)+1), day)
			}
			months[month], _ = together(days)
		}
		kept.count(maps.Clone(months))
		anew := newTally()
		anew.count(maps.Clone(months))
		active, groups := kept.frequencies()
		wantActive, wantGroups := anew.frequencies()
		if active != wantActive || !slices.Equal(groups, wantGroups) || !maps.Equal(kept.doctors, anew.doctors) || !maps.Equal(kept.beyond, anew.beyond) {
			t.Fatalf("round %d: kept %d %v %v, anew %d %v %v", round, active, groups, kept.doctors, wantActive, wantGroups, anew.doctors)
		}
		checkTally(t, kept, months)
		beyond += len(kept.beyond)
	}
	if beyond == 0 {
		t.Error("nobody came more often than fits into a byte: the test shows nothing of it")
	}
}

// checkTally compares a tally with the visits, one by one.
func checkTally(t *testing.T, got *tally, months map[string]*cameIn) {
	t.Helper()
	often, of := map[uint32]int{}, map[uint32]map[uint32]bool{}
	for month, v := range months {
		different := map[uint32]bool{}
		for _, day := range v.days {
			for _, p := range day.who {
				different[p] = true
			}
			for i, r := range day.doctors {
				for _, p := range day.run(i) {
					often[p]++
					if of[r.doctor] == nil {
						of[r.doctor] = map[uint32]bool{}
					}
					of[r.doctor][p] = true
				}
			}
		}
		if v.different != len(different) {
			t.Fatalf("%s: %d different patients, want %d", month, v.different, len(different))
		}
	}
	if len(of) != len(got.doctors) {
		t.Fatalf("%d doctors, want %d", len(got.doctors), len(of))
	}
	for doctor, seen := range of {
		if got.doctors[doctor] != len(seen) {
			t.Fatalf("doctor %d: %d patients, want %d", doctor, got.doctors[doctor], len(seen))
		}
	}
	active, groups := got.frequencies()
	if active != len(often) {
		t.Fatalf("%d patients came, want %d", active, len(often))
	}
	for i, g := range groups {
		n := 0
		for _, times := range often {
			if times >= reportsapi.Frequencies[i].Fewest && (i+1 == len(groups) || times < reportsapi.Frequencies[i+1].Fewest) {
				n++
			}
		}
		if g.Patients != n {
			t.Fatalf("%s visits: %d patients, want %d", g.Visits, g.Patients, n)
		}
	}
}

// TestTallyIsCopiedFromOneThatIsNear counts ranges that begin on other days of the same visits, each in a copy
// of whichever tally is nearest, and compares them with the visits; the copied ones stay what they are.
func TestTallyIsCopiedFromOneThatIsNear(t *testing.T) {
	dice := rand.New(rand.NewPCG(3, 5))
	var days []*came
	for range 90 {
		days = append(days, someCame(dice, 300, 20+dice.IntN(20)))
	}
	days[40] = someCame(dice, 2, 700) // more than fits into a byte
	from := func(day int) map[string]*cameIn {
		months := map[string]*cameIn{}
		for m := day / 5; m < 18; m++ {
			months[string(rune('a'+m))], _ = together(days[max(day, m*5) : m*5+5])
		}
		return months
	}
	var kept []*tally
	var of []map[string]*cameIn
	copied, shared := 0, 0
	for range 60 {
		months := from(dice.IntN(89))
		got := tallyLike(kept, months)
		was := got.middle.doctors[1].who
		if len(got.months) > 0 {
			copied++
		}
		got.count(months)
		if is := got.middle.doctors[1].who; len(was) > 0 && &was[0] == &is[0] {
			shared++
		}
		checkTally(t, got, months)
		kept, of = append(kept, got), append(of, months)
	}
	for i, one := range kept {
		checkTally(t, one, of[i])
	}
	if copied == 0 || copied == len(kept) || shared == 0 {
		t.Errorf("%d of %d are copies, %d share a middle", copied, len(kept), shared)
	}
}

// BenchmarkTally counts a range of ten years, or of one, of a million patients with ten visits a year and 50
// doctors: from nothing, and from what is counted of a range that begins nine days earlier.
//
//	go test -run '^$' -bench Tally ./modules/appointments/
func BenchmarkTally(b *testing.B) {
	dice := rand.New(rand.NewPCG(1, 2))
	months := make([][]*came, 120)
	for m := range months {
		for range 28 {
			months[m] = append(months[m], manyCame(dice))
		}
	}
	whole := map[int]*cameIn{}
	for m := range months {
		whole[m], _ = together(months[m])
	}
	for _, n := range []int{12, 120} {
		earlier, later := map[string]*cameIn{}, map[string]*cameIn{}
		for m := 120 - n; m < 120; m++ {
			name := string(rune('A' + m))
			earlier[name], later[name] = whole[m], whole[m]
			if m == 120-n {
				later[name], _ = together(months[m][9:])
			}
		}
		near := newTally()
		near.count(earlier)
		for _, kept := range [][]*tally{nil, {near}} {
			b.Run(fmt.Sprintf("months=%d/near=%d", n, len(kept)), func(b *testing.B) {
				for range b.N {
					tallyLike(kept, later).count(later)
				}
			})
		}
	}
}

// manyCame is a day of 2,930 visits.
func manyCame(dice *rand.Rand) *came {
	v := &came{}
	for doctor := range uint32(50) {
		for range 58 {
			v.who = append(v.who, 1+dice.Uint32N(1_000_000))
		}
		v.doctors = append(v.doctors, doctorRun{doctor + 1, uint32(len(v.who))})
	}
	v.highest = slices.Max(v.who)
	return v
}

// someCame is n visits of a day by chance.
func someCame(dice *rand.Rand, patients uint32, n int) *came {
	visits := make([]visit, n)
	for i := range visits {
		visits[i] = visit{dice.Uint32N(patients) + 1, dice.Uint32N(4) + 1}
	}
	slices.SortStableFunc(visits, func(a, b visit) int { return cmp.Compare(a.doctor, b.doctor) })
	v := &came{}
	for i, one := range visits {
		v.who, v.highest = append(v.who, one.patient), max(v.highest, one.patient)
		if i+1 == n || visits[i+1].doctor != one.doctor {
			v.doctors = append(v.doctors, doctorRun{one.doctor, uint32(i + 1)})
		}
	}
	return v
}
