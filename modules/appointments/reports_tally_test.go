package appointments

import (
	"cmp"
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
