package reportsapi

// Stamp is a period and the number that a trigger draws anew with every change of a row
// of that period. Numbers are random, so that none ever comes back.
type Stamp struct {
	Period string `db:"period"`
	Stamp  int64  `db:"stamp"`
}

// maxShelved is Shelf.Max where that is 0.
const maxShelved = 4_000_000

// Shelf keeps in memory, packed, what was read of the rows of a period, for as long as the
// period's stamp is the same. Sums can be kept by triggers and added up; how many
// different patients there are in a range cannot, and counting them in SQL takes seconds
// at a million rows. The zero Shelf is ready. It is not safe for concurrent use.
type Shelf[T any] struct {
	Max int // rows kept from one report to the next; those that the last did not need go first

	kept map[string]shelved[T]
	rows int
}

type shelved[T any] struct {
	stamp int64
	rows  []T
}

// Load reads the rows of the periods first to last, both included, and hands each over
// with its period.
type Load[T any] func(first, last string, add func(period string, row T)) error

// Get returns the rows of each period, in the order of stamps, which are sorted by period.
// Periods whose stamp is not the one kept are read, neighbours together. stamps and load
// must see one state of the data.
func (s *Shelf[T]) Get(stamps []Stamp, load Load[T]) ([][]T, error) {
	if s.kept == nil {
		s.kept = map[string]shelved[T]{}
	}
	for i := 0; i < len(stamps); i++ {
		if s.fresh(stamps[i]) {
			continue
		}
		first := i
		for i+1 < len(stamps) && !s.fresh(stamps[i+1]) {
			i++
		}
		if err := s.read(stamps[first:i+1], load); err != nil {
			return nil, err
		}
	}
	out := make([][]T, len(stamps))
	for i, st := range stamps {
		out[i] = s.kept[st.Period].rows
	}
	s.shrink(stamps)
	return out, nil
}

func (s *Shelf[T]) fresh(st Stamp) bool {
	k, ok := s.kept[st.Period]
	return ok && k.stamp == st.Stamp
}

func (s *Shelf[T]) read(stale []Stamp, load Load[T]) error {
	read := map[string][]T{}
	err := load(stale[0].Period, stale[len(stale)-1].Period, func(period string, row T) { read[period] = append(read[period], row) })
	if err != nil {
		return err
	}
	for _, st := range stale {
		s.rows += len(read[st.Period]) - len(s.kept[st.Period].rows)
		s.kept[st.Period] = shelved[T]{st.Stamp, read[st.Period]}
	}
	return nil
}

func (s *Shelf[T]) shrink(used []Stamp) {
	most := s.Max
	if most == 0 {
		most = maxShelved
	}
	if s.rows <= most {
		return
	}
	old := s.kept
	s.kept, s.rows = map[string]shelved[T]{}, 0
	for _, st := range used {
		n := len(old[st.Period].rows)
		if s.rows+n > most {
			return
		}
		s.kept[st.Period] = old[st.Period]
		s.rows += n
	}
}
