package appointments

import (
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// middle is who came to each doctor in most months of a range, the first and the last not among
// them: those stay what they are when the range begins on another day, and when a visit of these
// days changes. Tallies share it, and what is in it is never changed.
type middle struct {
	months  map[string]bool
	doctors map[uint32]marked // those who were counted since
	copied  bool              // from another tally, which counts its memory
}

// marked is a doctor's patients: a bit for each, and how many they are.
type marked struct {
	who marks
	n   int
}

const (
	// middleBytes is how much memory the doctors' patients may take; where it is not enough they are not kept.
	middleBytes = 32 << 20
	// ofFirst is of how many months one is left out at the begin of a range, so that it may begin later.
	ofFirst = 16
)

// of returns the middle of these months of so many patients, with what is known of it. changed is the
// doctors who have other visits in it than before.
func (m middle) of(months map[string]*cameIn, patients int, changed map[uint32]bool) middle {
	names := slices.Sorted(maps.Keys(months))
	doctors := 0
	for _, v := range months {
		doctors = max(doctors, len(v.all.doctors))
	}
	if len(names) < 3 || patients/8*doctors > middleBytes {
		return middle{}
	}
	best := middle{months: map[string]bool{}}
	for _, month := range names[max(1, len(names)/ofFirst) : len(names)-1] {
		best.months[month] = true
	}
	stays := m.outside(months) <= 2*best.outside(months) && !m.months[names[0]] && !m.months[names[len(names)-1]]
	for month := range m.months {
		stays = stays && months[month] != nil
	}
	if !stays {
		return best
	}
	if len(changed) > 0 {
		m.doctors = maps.Clone(m.doctors)
		maps.DeleteFunc(m.doctors, func(doctor uint32, _ marked) bool { return changed[doctor] })
	}
	return m
}

// outside returns how many visits are not in the middle.
func (m middle) outside(months map[string]*cameIn) (visits int) {
	for month, v := range months {
		if !m.months[month] {
			visits += len(v.all.who)
		}
	}
	return visits
}

func (m middle) bytes() (n int) {
	if m.copied {
		return 0
	}
	for _, d := range m.doctors {
		n += 8*len(d.who) + 64
	}
	return n + 64*len(m.months)
}

// countDoctors counts the different patients who came to each of these doctors, on all processors.
func (t *tally) countDoctors(doctors []uint32) {
	counts, middles := make([]int, len(doctors)), make([]marked, len(doctors))
	var next atomic.Int64
	count := func() {
		var seen marks
		seen.fresh(len(t.visits))
		for i := next.Add(1) - 1; i < int64(len(doctors)); i = next.Add(1) - 1 {
			counts[i], middles[i] = t.countDoctor(doctors[i], seen)
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(doctors)) - 1 {
		others.Go(count)
	}
	count()
	others.Wait()
	known := maps.Clone(t.middle.doctors)
	if known == nil {
		known = map[uint32]marked{}
	}
	for i, doctor := range doctors {
		if t.doctors[doctor] = counts[i]; counts[i] == 0 {
			delete(t.doctors, doctor)
		}
		if len(t.middle.months) > 0 {
			known[doctor] = middles[i]
		}
	}
	t.middle.doctors = known
}

// countDoctor counts the patients of one doctor: those of the middle, which it returns too, and then
// those who came at its ends only. seen has no marks, ahead of it and after it.
func (t *tally) countDoctor(doctor uint32, seen marks) (n int, in marked) {
	in, known := t.middle.doctors[doctor]
	if !known {
		if len(t.middle.months) > 0 {
			in.who.fresh(len(t.visits))
		}
		for month := range t.middle.months {
			in.n += in.who.mark(t.months[month].all.of(doctor))
		}
	}
	n = in.n
	for month, v := range t.months {
		if !t.middle.months[month] {
			n += seen.markOthers(v.all.of(doctor), in.who)
		}
	}
	clear(seen)
	return n, in
}
