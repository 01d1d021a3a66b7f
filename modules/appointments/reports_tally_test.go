package appointments

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// TestTallyIsThatOfItsMonths changes, adds and takes away months, and compares a tally that
// is kept with one that counts everything anew, and with the visits themselves.
func TestTallyIsThatOfItsMonths(t *testing.T) {
	dice := rand.New(rand.NewPCG(7, 11))
	kept, months := newTally(), map[string]*came{}
	patients := uint32(5)
	for round := range 400 {
		month := "2026-0" + string(rune('1'+dice.IntN(6)))
		switch dice.IntN(5) {
		case 0:
			delete(months, month)
		case 1:
			patients += dice.Uint32N(3) // others may have registered since
		default:
			months[month] = someCame(t, dice, patients, dice.IntN(40))
		}
		kept.count(maps.Clone(months), patients)
		anew := newTally()
		anew.count(maps.Clone(months), patients)
		active, groups := kept.frequencies()
		wantActive, wantGroups := anew.frequencies()
		if active != wantActive || !slices.Equal(groups, wantGroups) || !maps.Equal(kept.doctors, anew.doctors) {
			t.Fatalf("round %d: kept %d %v %v, anew %d %v %v", round, active, groups, kept.doctors, wantActive, wantGroups, anew.doctors)
		}
		checkTally(t, kept, months)
	}
}

// checkTally compares a tally with the visits, one by one.
func checkTally(t *testing.T, got *tally, months map[string]*came) {
	t.Helper()
	often, of := map[uint32]int{}, map[uint32]map[uint32]bool{}
	for _, v := range months {
		for i, r := range v.doctors {
			for _, p := range v.run(i) {
				often[p]++
				if of[r.doctor] == nil {
					of[r.doctor] = map[uint32]bool{}
				}
				of[r.doctor][p] = true
			}
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

// someCame is n visits by chance.
func someCame(t *testing.T, dice *rand.Rand, patients uint32, n int) *came {
	t.Helper()
	visits := make([]visit, n)
	for i := range visits {
		visits[i] = visit{dice.Uint32N(patients) + 1, dice.Uint32N(4) + 1}
	}
	slices.SortStableFunc(visits, func(a, b visit) int { return cmp.Compare(a.doctor, b.doctor) })
	v := &came{}
	for i, one := range visits {
		v.who = append(v.who, one.patient)
		if i+1 == n || visits[i+1].doctor != one.doctor {
			v.doctors = append(v.doctors, doctorRun{one.doctor, i + 1})
		}
	}
	return v
}
