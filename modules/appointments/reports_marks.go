package appointments

// marks is a bit for each patient, by number.
type marks []uint64

// fresh takes all marks away, and makes room for numbers below n.
func (m *marks) fresh(n int) {
	if words := n/64 + 1; len(*m) < words {
		*m = make(marks, words)
		return
	}
	clear(*m)
}

// mark marks patients, and returns how many were not marked yet. It has no branch, since which
// way one goes cannot be foreseen.
func (m marks) mark(patients []uint32) (n int) {
	for _, p := range patients {
		word := &m[p/64]
		n += int(^*word >> (p % 64) & 1)
		*word |= 1 << (p % 64)
	}
	return n
}

// markOthers marks the patients who are not marked in others, and returns how many were not marked yet.
func (m marks) markOthers(patients []uint32, others marks) (n int) {
	if len(others) == 0 {
		return m.mark(patients)
	}
	for _, p := range patients {
		word := &m[p/64]
		is := *word
		if i := int(p / 64); i < len(others) { // those who registered since are not
			is |= others[i]
		}
		n += int(^is >> (p % 64) & 1)
		*word |= 1 << (p % 64)
	}
	return n
}
