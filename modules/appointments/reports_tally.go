package appointments

import (
	"maps"
	"math"
	"slices"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// tally is how often each patient came within a range, and how many different ones came to
// each doctor. It is kept from one report to the next, and what changed since is counted.
type tally struct {
	months  map[string]*cameIn // what is counted
	visits  []uint8            // of each patient, by number; the last value is for many
	beyond  map[uint32]int     // of those with many visits, how many more
	atLeast [many + 1]int      // how many patients have so many visits, or more
	doctors map[uint32]int     // how many different patients came, by the doctor's number
	middle  middle             // of the months
}

// many is up to how many visits of a patient fit into a byte: a million patients are then
// counted within the processor's cache, which is three times as quick.
const many = math.MaxUint8

func newTally() *tally {
	return &tally{months: map[string]*cameIn{}, beyond: map[uint32]int{}, doctors: map[uint32]int{}}
}

// tallyLike returns a tally to count the months with: a copy of that one of these of which the least
// must be counted, or an empty one. These are only read.
func tallyLike(kept []*tally, months map[string]*cameIn) *tally {
	best, least := (*tally)(nil), newTally().differs(months)
	for _, t := range kept {
		if n := t.differs(months) + len(t.visits)/copiedWhileCounted; n < least {
			best, least = t, n
		}
	}
	if best == nil {
		return newTally()
	}
	shared := best.middle
	shared.copied = true
	return &tally{months: maps.Clone(best.months), visits: slices.Clone(best.visits), beyond: maps.Clone(best.beyond),
		atLeast: best.atLeast, doctors: maps.Clone(best.doctors), middle: shared}
}

// copiedWhileCounted is of how many patients the visits are copied while one visit is counted.
const copiedWhileCounted = 32

// differs returns how many visits are to be taken off or added to count the months.
func (t *tally) differs(months map[string]*cameIn) (visits int) {
	for month, v := range months {
		old := t.months[month]
		if old == v {
			continue
		}
		if old == nil {
			old = &cameIn{}
		}
		for _, day := range append(without(old.days, v.days), without(v.days, old.days)...) {
			visits += len(day.who)
		}
	}
	for month, old := range t.months {
		if months[month] == nil {
			visits += len(old.all.who)
		}
	}
	return visits
}

// Bytes is about what the tally takes in memory, the months' visits aside.
func (t *tally) Bytes() int {
	return len(t.visits) + 32*(len(t.doctors)+len(t.beyond)) + 64*len(t.months) + 8*len(t.atLeast) + t.middle.bytes()
}

// count makes the tally that of these months. A day's visits that are the same value as before
// are taken to be the same.
func (t *tally) count(months map[string]*cameIn) {
	changed := map[uint32]bool{}
	for month, old := range t.months {
		if months[month] == nil {
			t.replace(old, &cameIn{}, changed)
		}
	}
	within := map[uint32]bool{} // changed in the middle
	for month, v := range months {
		of := changed
		if t.middle.months[month] {
			of = within
		}
		switch old := t.months[month]; old {
		case v:
		case nil:
			t.replace(&cameIn{}, v, of)
		default:
			t.replace(old, v, of)
		}
	}
	t.months = months
	t.middle = t.middle.of(months, len(t.visits), within)
	maps.Copy(changed, within)
	t.countDoctors(slices.Collect(maps.Keys(changed)))
}

// replace takes off what was counted of a month, adds what is to be, and adds the doctors whose
// visits are others to changed.
func (t *tally) replace(was, is *cameIn, changed map[uint32]bool) {
	gone, new := without(was.days, is.days), without(is.days, was.days)
	for len(gone) < len(new) {
		gone = append(gone, &came{})
	}
	for len(new) < len(gone) {
		new = append(new, &came{})
	}
	for i := range gone { // of a day that changed, only what did is taken off and added
		t.replaceDay(gone[i], new[i], changed)
	}
}

// without returns the days that are not among the others.
func without(days, others []*came) (left []*came) {
	for _, day := range days {
		if !slices.Contains(others, day) {
			left = append(left, day)
		}
	}
	return left
}

func (t *tally) replaceDay(was, is *came, changed map[uint32]bool) {
	if more := int(is.highest) + 1 - len(t.visits); more > 0 {
		t.visits = append(t.visits, make([]uint8, more)...)
	}
	i, j := 0, 0
	for i < len(was.doctors) || j < len(is.doctors) {
		var off, on []uint32
		var doctor uint32
		switch {
		case j == len(is.doctors) || i < len(was.doctors) && was.doctors[i].doctor < is.doctors[j].doctor:
			doctor, off = was.doctors[i].doctor, was.run(i)
			i++
		case i == len(was.doctors) || is.doctors[j].doctor < was.doctors[i].doctor:
			doctor, on = is.doctors[j].doctor, is.run(j)
			j++
		default:
			doctor, off, on = is.doctors[j].doctor, was.run(i), is.run(j)
			i, j = i+1, j+1
		}
		if slices.Equal(off, on) {
			continue
		}
		changed[doctor] = true
		for _, p := range off {
			n := t.visits[p]
			if n == many && t.beyond[p] > 0 {
				t.fewer(p)
				continue
			}
			t.atLeast[n]--
			t.visits[p] = n - 1
		}
		for _, p := range on {
			n := t.visits[p]
			if n == many {
				t.beyond[p]++
				continue
			}
			t.atLeast[n+1]++
			t.visits[p] = n + 1
		}
	}
}

// fewer takes a visit off a patient who has more than many.
func (t *tally) fewer(patient uint32) {
	if t.beyond[patient]--; t.beyond[patient] == 0 {
		delete(t.beyond, patient)
	}
}

// frequencies groups patients by how many visits they had.
func (t *tally) frequencies() (active int, groups []reportsapi.FrequencyCount) {
	for i, f := range reportsapi.Frequencies {
		n := t.atLeast[f.Fewest]
		if i+1 < len(reportsapi.Frequencies) {
			n -= t.atLeast[reportsapi.Frequencies[i+1].Fewest]
		}
		groups = append(groups, reportsapi.FrequencyCount{Visits: f.Visits, Patients: n})
	}
	return t.atLeast[reportsapi.Frequencies[0].Fewest], groups
}

// run returns the patients of the i-th doctor.
func (v *came) run(i int) []uint32 {
	start := uint32(0)
	if i > 0 {
		start = v.doctors[i-1].end
	}
	return v.who[start:v.doctors[i].end]
}

// of returns the patients of a doctor.
func (v *came) of(doctor uint32) []uint32 {
	i, found := slices.BinarySearchFunc(v.doctors, doctor, func(r doctorRun, doctor uint32) int { return int(r.doctor) - int(doctor) })
	if !found {
		return nil
	}
	return v.run(i)
}
