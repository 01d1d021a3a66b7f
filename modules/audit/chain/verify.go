package chain

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Kinds of problems.
const (
	Edited    = "edited"    // an entry is not what its hash says
	Rehashed  = "re-hashed" // an entry was changed together with its hash
	Removed   = "removed"   // an entry is missing
	Repeated  = "repeated"  // a number occurs twice, or out of order
	Truncated = "truncated" // the end was cut off
	Forked    = "forked"    // another trail than the one that was anchored
	Lost      = "lost"      // a write never reached the trail
	Damaged   = "damaged"   // it cannot be read

	Misindexed = "misindexed" // the index that searches go by is not the trail's
)

// Problem is the first thing that is wrong with a trail.
type Problem struct {
	Kind string `json:"kind"`
	Seq  int64  `json:"entry"`
	Text string `json:"text"`
}

func (p *Problem) Error() string { return p.Text }

func problem(kind string, seq int64, format string, a ...any) *Problem {
	return &Problem{kind, seq, fmt.Sprintf(format, a...)}
}

// Report is what a verification found. Problem is nil when the trail is whole.
type Report struct {
	First, Last int64
	Entries     int64
	Head        Hash
	Anchors     int // how many agree
	Problem     *Problem
}

func (r Report) String() string {
	if r.Problem != nil {
		return fmt.Sprintf("BROKEN at entry %d: %s", r.Problem.Seq, r.Problem.Text)
	}
	text := fmt.Sprintf("whole: %d entries, %d to %d, head %s; %d anchors agree", r.Entries, r.First, r.Last, r.Head, r.Anchors)
	if r.First > 1 && r.Entries > 0 {
		text += fmt.Sprintf("; entries 1 to %d are elsewhere: verify those with --file", r.First-1)
	}
	return text
}

// Source hands out a trail: begin is called at the start of each part of it, with the
// number and the hash that the part says it begins after; row for each entry.
type Source func(begin func(first int64, prev Hash) error, row func(Row) error) error

// ErrNone says that there is no trail in a folder, or no such folder.
var ErrNone = errors.New("there is no audit trail")

// Folder is the trail in dir. Where there is none the source fails with ErrNone.
func Folder(dir string) Source {
	return func(begin func(int64, Hash) error, row func(Row) error) error {
		list, err := described(dir)
		if err == nil && len(list) == 0 {
			err = fmt.Errorf("%w in %s", ErrNone, dir)
		}
		if err != nil {
			return err
		}
		for _, s := range list {
			if err := begin(s.first, s.prev); err != nil {
				return err
			}
			if err := s.rows(0, row); err != nil {
				return err
			}
		}
		return nil
	}
}

// Anchor is what is known of an entry from outside of the trail.
type Anchor struct {
	Seq   int64
	Hash  Hash
	At    time.Time // when it was set
	Where string
}

// walk is one verification under way.
type walk struct {
	report  Report
	anchors []Anchor // not yet met, by number
	began   bool
	next    int64
	prev    Hash
	good    int64 // the last entry that an anchor agrees with
	writes  map[string]int64
	each    func(Row, Entry) *Problem
	covered bool // an entry says that what is before the first was archived
}

// Verify recomputes the hashes of a trail and compares them with the anchors. each, unless
// nil, sees every entry that is in order, and may find a problem of its own. whole says
// that the trail must reach back to entry 1, or tell where what is missing was archived.
// The error says why the trail could not be looked at.
func Verify(src Source, anchors []Anchor, whole bool, each func(Row, Entry) *Problem) (Report, error) {
	w := &walk{anchors: slices.Clone(anchors), next: 1, writes: map[string]int64{}, each: each}
	slices.SortStableFunc(w.anchors, func(a, b Anchor) int { return cmp.Compare(a.Seq, b.Seq) })
	err := src(w.begin, w.row)
	var p *Problem
	if errors.As(err, &p) {
		w.report.Problem, err = p, nil
	}
	if err == nil && w.report.Problem == nil {
		w.report.Problem = w.end(whole)
	}
	return w.report, err
}

func (w *walk) begin(first int64, prev Hash) error {
	if !w.began {
		w.began, w.next, w.prev = true, first, prev
		w.report.First, w.report.Last, w.report.Head = first, first-1, prev
		if first == 1 && prev != (Hash{}) {
			return problem(Edited, 1, "the trail does not begin with entry 1: something stood before it")
		}
		return w.meet(first-1, prev)
	}
	switch {
	case first > w.next:
		return problem(Removed, w.next, "entries %d to %d are missing", w.next, first-1)
	case first < w.next:
		return problem(Repeated, first, "entry %d occurs twice", first)
	case prev != w.prev:
		return problem(Rehashed, first-1, "entry %d is not the one that the next segment was begun after: it was changed together with its hash", first-1)
	}
	return nil
}

func (w *walk) row(r Row) error {
	right := Link(r.Prev, r.Seq, r.Body) == r.Hash
	switch {
	case r.Seq > w.next && r.Seq-w.next == 1:
		return problem(Removed, w.next, "entry %d is missing", w.next)
	case r.Seq > w.next:
		return problem(Removed, w.next, "entries %d to %d are missing", w.next, r.Seq-1)
	case r.Seq < w.next:
		return problem(Repeated, r.Seq, "entry %d occurs twice, or out of order", r.Seq)
	case r.Prev != w.prev && right && r.Seq > w.report.First:
		return problem(Rehashed, r.Seq-1, "entry %d is not the one that entry %d was written after: it was changed together with its hash, or another trail goes on here", r.Seq-1, r.Seq)
	case !right, r.Prev != w.prev:
		return problem(Edited, r.Seq, "entry %d is not what its hash says: it was changed", r.Seq)
	}
	if err := w.meet(r.Seq, r.Hash); err != nil {
		return err
	}
	e, err := r.Entry()
	if err != nil {
		return problem(Damaged, r.Seq, "entry %d cannot be read, though its hash is right", r.Seq)
	}
	if p := w.write(r, e); p != nil {
		return p
	}
	if w.each != nil {
		if p := w.each(r, e); p != nil {
			return p
		}
	}
	if e.Action == ArchiveAction && e.Count >= 0 && int64(e.Count) == w.report.First-1 {
		w.covered = true
	}
	w.next, w.prev = r.Seq+1, r.Hash
	w.report.Entries++
	w.report.Last, w.report.Head = r.Seq, r.Hash
	return nil
}

// ArchiveAction is the action of the entry that is written when segments leave the folder;
// its Count is the last entry that left.
const ArchiveAction = "audit.archive"

// meet compares an entry with the anchors that speak of it.
func (w *walk) meet(seq int64, hash Hash) error {
	for len(w.anchors) > 0 && w.anchors[0].Seq <= seq {
		a := w.anchors[0]
		w.anchors = w.anchors[1:]
		if a.Seq < seq {
			continue // before the part that is looked at
		}
		if a.Hash != hash {
			return problem(Forked, w.good+1, "the trail was written anew after entry %d: its entry %d is not the one that is anchored in %s", w.good, a.Seq, a.Where)
		}
		w.good = seq
		w.report.Anchors++
	}
	return nil
}

// write looks whether a write is missing between this and the one before of its epoch.
func (w *walk) write(r Row, e Entry) *Problem {
	if e.Write == 0 {
		return nil
	}
	first := e.Write
	if e.Writes > 1 {
		first -= e.Writes - 1
	}
	last, known := w.writes[e.Epoch]
	if !known {
		last = Base(e.Epoch)
	}
	if !known && w.report.First > 1 {
		last = first - 1 // the earlier ones are in another part
	}
	if first != last+1 {
		return problem(Lost, r.Seq, "between entry %d and the ones before, writes %d to %d to the data are missing", r.Seq, last+1, first-1)
	}
	w.writes[e.Epoch] = e.Write
	return nil
}

func (w *walk) end(whole bool) *Problem {
	if len(w.anchors) > 0 {
		a := w.anchors[len(w.anchors)-1]
		return problem(Truncated, w.report.Last+1, "the trail ends with entry %d, but entry %d is anchored in %s: the end was cut off", w.report.Last, a.Seq, a.Where)
	}
	if whole && w.report.First > 1 && !w.covered {
		return problem(Removed, 1, "entries 1 to %d are missing, and no entry says that they were archived", w.report.First-1)
	}
	return nil
}
