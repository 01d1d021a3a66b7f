package ship

import (
	"context"
	"slices"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// full reads the plan's first table from where it is, chunk by chunk, to its end or until
// its turn is over. Each chunk and the place behind it are committed together. No batch is
// streamed between the reading of a chunk and its writing: what is written is then never
// older than what the stream has written.
func (s *Shipper) full(ctx context.Context) error {
	defer func() { s.turned = s.Now() }()
	over := s.Now().Add(s.Turn)
	t, declared := s.source.Table(s.plan.first())
	if !declared { // by an earlier version
		return s.put(ctx, analyticsapi.Table{}, piece{next: s.plan.done()})
	}
	p := s.plan
	if !p.Begun {
		empty, err := s.w.Empty(ctx, t)
		if err != nil {
			return err
		}
		p.Begun, p.Copy = true, empty
	}
	read := s.reader(t)
	if err := s.expect(ctx, t.Name); err != nil {
		return err
	}
	// The next chunk is read while the warehouse takes the last one.
	var ahead chan piece
	for {
		var c piece
		if ahead == nil {
			c = read(ctx, p)
		} else {
			c = <-ahead
			ahead = nil
		}
		if c.err != nil {
			return c.err
		}
		p = c.next
		last := !c.more || !s.Now().Before(over)
		if !last {
			ahead = make(chan piece, 1)
			go func() { ahead <- read(ctx, p) }()
		}
		if err := s.put(ctx, t, c); err != nil {
			if ahead != nil {
				<-ahead // it reads from the source
			}
			return err
		}
		if last {
			return nil
		}
	}
}

// piece is a chunk on its way, and the plan behind it.
type piece struct {
	capture.Chunk
	after, upto *string // the range that it replaces
	copied      bool    // straight in
	next        plan
	more        bool // of the same table
	err         error
}

// lookAgain is after how many ranges of a table that all differed one is compared again.
const lookAgain = 8

// put writes one piece.
func (s *Shipper) put(ctx context.Context, t analyticsapi.Table, c piece) error {
	to, err := s.begin(s.at.Seq, c.next)
	if err != nil {
		return err
	}
	switch {
	case t.Name == "":
		_, err = s.w.Apply(ctx, warehouse.Batch{From: s.at, To: to})
	case c.copied:
		_, err = s.w.CopyInto(ctx, warehouse.Load{From: s.at, To: to, Table: t, Rows: c.Rows, Rejects: c.Rejects})
	default:
		var done warehouse.Replaced
		done, err = s.w.Replace(ctx, warehouse.Range{From: s.at, To: to, Table: t, After: c.after, Upto: c.upto, Rows: c.Rows, Rejects: c.Rejects, Unlike: c.more && s.unlike%lookAgain > 0})
		if s.unlike++; !done.Whole || !c.more {
			s.unlike = 0
		}
	}
	if err != nil {
		return err
	}
	s.moved(to, c.next)
	s.status.read(t.Name, len(c.Rows), !c.more)
	return nil
}

// reader returns what reads the chunk behind a plan's place.
func (s *Shipper) reader(t analyticsapi.Table) func(context.Context, plan) piece {
	return func(ctx context.Context, p plan) piece {
		if p.Copy {
			c, renumbered := s.nextByRowid(ctx, t, p)
			if !renumbered {
				return c
			}
			p.Copy, p.Rowid, p.Version, p.After = false, 0, 0, nil // it starts over, by comparing
		}
		if !s.source.Pseudonymous(t.Name) {
			return s.nextByID(ctx, t, p)
		}
		if s.pairs == nil || s.pairsOf != t.Name {
			var err error
			if s.pairs, err = s.source.Pairs(ctx, t.Name); err != nil {
				return piece{err: err}
			}
			s.pairsOf = t.Name
		}
		return s.nextOfPairs(ctx, t, p, s.pairs)
	}
}

// nextByRowid reads in the order in which rows lie on the disk. If the schema has changed,
// the rowids may be others since: VACUUM renumbers them.
func (s *Shipper) nextByRowid(ctx context.Context, t analyticsapi.Table, p plan) (c piece, renumbered bool) {
	v, err := s.source.View(ctx)
	if err != nil {
		return piece{err: err}, false
	}
	defer v.End()
	if p.Rowid != 0 && p.Version != v.Version {
		return piece{}, true
	}
	if c.Chunk, c.err = v.ByRowid(t.Name, p.Rowid, s.Chunk); c.err != nil {
		return c, false
	}
	c.copied, c.more = true, !c.Done
	p.Rowid, p.Version = c.Rowid, v.Version
	return c.then(p), false
}

// nextByID reads in the order of the ids and replaces the range.
func (s *Shipper) nextByID(ctx context.Context, t analyticsapi.Table, p plan) (c piece) {
	v, err := s.source.View(ctx)
	if err != nil {
		return piece{err: err}
	}
	defer v.End()
	from, first := "", p.After == nil
	if !first {
		from = *p.After
	}
	for {
		chunk, err := v.ByID(t.Name, from, first, s.Chunk)
		if err != nil {
			return piece{err: err}
		}
		c.Rows, c.Rejects, c.Done = chunk.Rows, append(c.Rejects, chunk.Rejects...), chunk.Done
		if c.Done || len(c.Rows) > 0 {
			break
		}
		from, first = chunk.ID, false // not one of its ids can leave
	}
	c.after, c.more = p.After, !c.Done
	if c.more {
		c.upto = &c.Rows[len(c.Rows)-1].ID
		p.After = c.upto
	}
	return c.then(p)
}

// nextOfPairs reads in the order of the pseudonyms.
func (s *Shipper) nextOfPairs(ctx context.Context, t analyticsapi.Table, p plan, pairs []capture.Pair) (c piece) {
	start := 0
	if p.After != nil {
		var found bool
		start, found = slices.BinarySearchFunc(pairs, *p.After, func(e capture.Pair, out string) int { return compare(e.Out, out) })
		if found {
			start++
		}
	}
	end := min(start+min(pairRows, s.Chunk), len(pairs))
	ids := make([]string, 0, end-start)
	for _, e := range pairs[start:end] {
		ids = append(ids, e.ID)
	}
	v, err := s.source.View(ctx)
	if err != nil {
		return piece{err: err}
	}
	defer v.End()
	if c.Chunk, c.err = v.Of(t.Name, ids); c.err != nil {
		return c
	}
	c.after, c.more = p.After, end < len(pairs)
	if c.more {
		c.upto = &pairs[end-1].Out
		p.After = c.upto
	}
	return c.then(p)
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// then sets the plan behind the piece.
func (c piece) then(p plan) piece {
	if c.next = p; !c.more {
		c.next = p.done()
	}
	return c
}
