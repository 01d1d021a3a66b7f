package ship

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// States of a shipper.
const (
	Starting = "starting" // has not connected yet
	Copying  = "copying"  // tables are read in full
	Live     = "live"     // ships every change
	Waiting  = "waiting"  // tries again, see Error
	Refused  = "refused"  // somebody must act, see Error; it tries now and then
	Stopped  = "stopped"
)

// Snapshot is what a shipper is doing at one moment.
type Snapshot struct {
	State      string
	Error      string // the last, "" while it works
	ErrorAt    time.Time
	Failures   int // in a row
	Epoch      string
	Seq        int64
	ShippedAt  time.Time // the last transaction
	DrainedAt  time.Time // when nothing was waiting, zero: not since the start
	Rejects    int64     // values set aside in the warehouse
	OtherNames []string  // under which the warehouse has this data folder's rows, too
	Remade     []string  // tables that are written anew, as a column was made again in the warehouse
	Readings   int       // how often tables began to be read in full since the start
	Tables     []Progress
}

// Progress is how far one table's full reading is.
type Progress struct {
	Table string
	State string // "waiting", "copying", "done"
	Rows  int64
	Of    int64 // 0 while it is not known
}

// Status is the part of a shipper that others read while it works.
type Status struct {
	mu      sync.Mutex
	now     Snapshot
	reading bool // tables are being read in full, whatever keeps them
}

func (s *Status) begin(c Config) {
	s.now.State = Starting
	for _, t := range c.Tables {
		s.now.Tables = append(s.now.Tables, Progress{Table: t.Name, State: "done"})
	}
}

func (s *Status) snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.now
	out.Tables = slices.Clone(out.Tables)
	return out
}

// attached notes where the warehouse stands. What was wrong may well be so still: only what
// is shipped proves that it is not.
func (s *Status) attached(at warehouse.Position, p plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stands(at, p)
	if s.now.Error == "" {
		s.now.State = stateOf(p)
	}
}

// moved notes that something was shipped, and where the warehouse stands now.
func (s *Status) moved(at warehouse.Position, p plan, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stands(at, p)
	s.now.ShippedAt = now
	s.works(stateOf(p))
}

func (s *Status) works(state string) { s.now.State, s.now.Error, s.now.Failures = state, "", 0 }

func stateOf(p plan) string {
	if len(p.Todo) > 0 {
		return Copying
	}
	return Live
}

func (s *Status) stands(at warehouse.Position, p plan) {
	s.now.Epoch, s.now.Seq = at.Epoch, at.Seq
	if len(p.Todo) > 0 && !s.reading {
		s.now.Readings++
	}
	s.reading = len(p.Todo) > 0
	s.now.Remade = slices.DeleteFunc(slices.Clone(s.now.Remade), func(t string) bool { return !slices.Contains(p.Todo, t) })
	for i := range s.now.Tables {
		t := &s.now.Tables[i]
		switch {
		case t.Table == p.first() && p.Begun:
			t.State = "copying"
		case slices.Contains(p.Todo, t.Table):
			if t.State != "waiting" {
				t.Rows = 0
			}
			t.State = "waiting"
		default:
			t.State = "done"
		}
	}
}

// expects notes how many rows a reading will have, and how many are in already.
func (s *Status) expects(table string, in, of int64) {
	s.each(table, func(t *Progress) { t.State, t.Rows, t.Of = "copying", in, of })
}

// read notes rows that are in.
func (s *Status) read(table string, rows int, done bool) {
	s.each(table, func(t *Progress) {
		t.Rows += int64(rows)
		if done {
			t.Of = t.Rows
		}
	})
}

func (s *Status) each(table string, fn func(*Progress)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.now.Tables {
		if s.now.Tables[i].Table == table {
			fn(&s.now.Tables[i])
		}
	}
}

func (s *Status) found(rejects int64, names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Rejects, s.now.OtherNames = rejects, names
}

// remade notes tables that are written anew; they are in the plan.
func (s *Status) remade(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Remade = names
}

func (s *Status) drained(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.DrainedAt = now
	s.works(Live)
}

// failed notes an error and reports whether it is worth a line in the log: the first of its
// kind, and every twentieth.
func (s *Status) failed(err error, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		text = "the analytics database did not answer in time"
	}
	news := s.now.Error != text || s.now.Failures%20 == 0
	s.now.Failures++
	s.now.Error, s.now.ErrorAt, s.now.State = text, now, Waiting
	if needsSomebody(err) {
		s.now.State = Refused
	}
	return news
}

// needsSomebody reports whether trying again does not help until somebody has acted.
func needsSomebody(err error) bool {
	var known *warehouse.Error
	return errors.As(err, &known) && !warehouse.Retryable(err)
}

func (s *Status) stopped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.State = Stopped
}

// expect finds out how many rows a table's reading will have.
func (s *Shipper) expect(ctx context.Context, table string) error {
	v, err := s.source.View(ctx)
	if err != nil {
		return err
	}
	defer v.End()
	n, err := v.Count(table)
	if err != nil {
		return err
	}
	in := int64(0)
	for _, t := range s.status.snapshot().Tables {
		if t.Table == table && s.plan.Begun {
			in = t.Rows
		}
	}
	s.status.expects(table, in, n)
	return nil
}
