package billing

import (
	"maps"
	"slices"
)

// owingIn is the invoices of some days of a month on which something is owed.
type owingIn struct {
	days   [][]owing
	latest uint32 // day that one of them is due
}

// together puts days together.
func together(days [][]owing) (v *owingIn, bytes int) {
	v = &owingIn{days: days}
	for _, day := range days {
		for _, o := range day {
			v.latest = max(v.latest, o.due)
		}
	}
	return v, 24*len(days) + 64
}

// issued is the invoices of a month, or of a part of one that is of the range or ahead of it.
type issued struct {
	month  string
	all    *owingIn
	within bool // the range
}

// same reports whether both are of the same days, of which none has changed.
func (i issued) same(other issued) bool {
	return i.month == other.month && i.within == other.within && slices.EqualFunc(i.all.days, other.all.days, func(a, b []owing) bool {
		return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	})
}

// oldDebts is what is owed of the months of which everything is in the last of the ages, whatever the
// day: most months, which stay what they are when an invoice of these days changes.
type oldDebts struct {
	of   []issued
	sums *debts
}

// Bytes is about what they take in memory, the invoices aside.
func (o *oldDebts) Bytes() int {
	if o.sums == nil {
		return 0
	}
	return len(o.sums.owing) + o.sums.bytes() + 48*len(o.of)
}

// count returns the sums of these months, which others can be added to.
func (o *oldDebts) count(of []issued, patients, doctors uint32, today int) (*debts, error) {
	if o.sums == nil || !slices.EqualFunc(o.of, of, issued.same) {
		sums := newDebts(patients, doctors)
		for _, one := range of {
			if err := sums.addMonth(one, today); err != nil {
				return nil, err
			}
		}
		o.of, o.sums = slices.Clone(of), sums
	}
	copied := *o.sums
	copied.ages, copied.ofMonth, copied.patientsOf = slices.Clone(copied.ages), maps.Clone(copied.ofMonth), slices.Clone(copied.patientsOf)
	// Who owes for the first time has a higher number.
	copied.owing = make([]uint8, max(len(o.sums.owing), int(patients)+1))
	copied.ofDoctor = make([]debt, max(len(o.sums.ofDoctor), int(doctors)+1))
	copy(copied.owing, o.sums.owing)
	copy(copied.ofDoctor, o.sums.ofDoctor)
	return &copied, nil
}
