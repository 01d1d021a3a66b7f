package appointments

import (
	"slices"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// tally is how often each patient came within a range, and how many different ones came to
// each doctor. It is kept from one report to the next, and what changed since is counted.
type tally struct {
	months  map[string]*came // what is counted
	visits  []uint32         // of each patient, by number
	atLeast []int            // how many patients have so many visits, or more
	doctors map[uint32]int   // how many different patients came, by the doctor's number

	seenBy []uint32 // by patient: the mark of the count that met them last
	mark   uint32
}

func newTally() *tally {
	most := reportsapi.Frequencies[len(reportsapi.Frequencies)-1].Fewest
	return &tally{months: map[string]*came{}, atLeast: make([]int, most+1), doctors: map[uint32]int{}}
}

// Bytes is about what the tally takes in memory, the months' visits aside.
func (t *tally) Bytes() int { return 8*len(t.visits) + 32*len(t.doctors) + 64*len(t.months) }

// count makes the tally that of these months, of patients up to that number. A month's visits
// that are the same value as before are taken to be the same.
func (t *tally) count(months map[string]*came, patients uint32) {
	if more := int(patients) + 1 - len(t.visits); more > 0 {
		t.visits, t.seenBy = append(t.visits, make([]uint32, more)...), append(t.seenBy, make([]uint32, more)...)
	}
	changed := map[uint32]bool{}
	for month, old := range t.months {
		if months[month] == nil {
			t.replace(old, &came{}, changed)
		}
	}
	for month, v := range months {
		switch old := t.months[month]; old {
		case v:
		case nil:
			t.replace(&came{}, v, changed)
		default:
			t.replace(old, v, changed)
		}
	}
	t.months = months
	for doctor := range changed {
		t.countDoctor(doctor)
	}
}

// replace takes off what was counted of a month, adds what is to be, and adds the doctors whose
// visits are others to changed.
func (t *tally) replace(was, is *came, changed map[uint32]bool) {
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
			if n := int(t.visits[p]); n < len(t.atLeast) {
				t.atLeast[n]--
			}
			t.visits[p]--
		}
		for _, p := range on {
			t.visits[p]++
			if n := int(t.visits[p]); n < len(t.atLeast) {
				t.atLeast[n]++
			}
		}
	}
}

// countDoctor counts the different patients who came to a doctor.
func (t *tally) countDoctor(doctor uint32) {
	t.mark++
	n := 0
	for _, v := range t.months {
		for _, p := range v.of(doctor) {
			if t.seenBy[p] != t.mark {
				t.seenBy[p] = t.mark
				n++
			}
		}
	}
	if t.doctors[doctor] = n; n == 0 {
		delete(t.doctors, doctor)
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
	start := 0
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
