// Package ship brings what capture noted into the warehouse: first everything, then every
// change, each once in effect. Where the site stands is kept in the warehouse, in the
// transaction that writes the rows; here are only the tokens by which it is known again.
package ship

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// Sizes of what is done at once.
const (
	batchNotes = 2_000   // notes of the log in one transaction
	chunkRows  = 20_000  // rows of a table that is read in full
	pairRows   = 5_000   // the same, looked up one by one
	keepNotes  = 100_000 // shipped notes that are kept, for a warehouse that is put back
)

// Times between things.
const (
	glance    = 50 * time.Millisecond  // looks whether somebody wrote and did not tell
	poll      = 250 * time.Millisecond // looks for changes of the schema
	rest      = time.Second            // looks for everything though nobody wrote
	gather    = 15 * time.Millisecond  // after a change, so that a burst is one batch
	beatEvery = 20 * time.Second       // a third of the lease
	tendEvery = time.Minute
	markEvery = time.Second
	firstWait = 250 * time.Millisecond // after a failure, doubled up to
	lastWait  = 30 * time.Second
	turn      = 5 * time.Second // of a table that is read in full, and of the stream, while both have work
)

// Config is what a shipper is made of.
type Config struct {
	App     core.App
	Tables  []analyticsapi.Table
	Options capture.Options
	URL     func() string // read anew for every connection: a secret's file may be replaced
	Site    string
	Holder  string // names this data folder on this machine, see warehouse.Warehouse.Holder
	History bool
	Chunk   int           // rows of one piece of a full reading, 0: 20,000
	Cap     int64         // notes that may wait; beyond, the log is dropped and the tables are read in full
	Turn    time.Duration // how long a full reading keeps the stream waiting, 0: 5 s
	Answer  time.Duration // how long the warehouse may take for one answer, 0: see warehouse.Warehouse.Patience
	Now     func() time.Time
}

// Shipper ships one site. Run may be called once.
type Shipper struct {
	Config
	source *capture.Source
	w      *warehouse.Warehouse
	at     warehouse.Position
	plan   plan
	wake   chan struct{}
	schema atomic.Bool // it has changed, watch says, and step has not looked
	status Status

	checked   int64 // the schema's version at which the shapes were compared
	trimmed   int64
	compacted int64 // how many notes waited after the last compaction
	beaten    time.Time
	shipped   bool      // in this session
	turned    time.Time // when a full reading's turn was over
	tended    time.Time
	marksRead time.Time
	drained   time.Time

	pairs   []capture.Pair // of the table pairsOf while it is read in full, nil: to be looked up
	pairsOf string

	unlike int // ranges of the table that is read in full, one after the other, of which most rows differed
}

// New returns a shipper that does nothing yet.
func New(c Config) *Shipper {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Chunk == 0 {
		c.Chunk = chunkRows
	}
	if c.Turn == 0 {
		c.Turn = turn
	}
	s := &Shipper{Config: c, wake: make(chan struct{}, 1), checked: -1}
	s.status.begin(c)
	return s
}

// Wake tells the shipper that there may be something to ship. It never blocks.
func (s *Shipper) Wake() {
	select {
	case s.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

// Status returns what the shipper is doing.
func (s *Shipper) Status() Snapshot { return s.status.snapshot() }

// Run ships until ctx ends, whatever happens. With until it also ends once until says so of
// a moment at which nothing was waiting.
func (s *Shipper) Run(ctx context.Context, until func(Snapshot) bool) error {
	var err error
	if s.source, err = capture.NewSource(s.App, s.Tables, s.Options); err != nil {
		return err
	}
	defer s.source.Close()
	defer s.status.stopped()
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx) })
	defer watching.Wait()
	defer cancel()
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		s.shipped = false
		err := s.session(ctx, until)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if s.shipped {
			wait = firstWait // it worked for a while
		}
		refused := needsSomebody(err)
		if refused {
			wait = max(wait, lastWait/4)
		}
		if s.status.failed(err, s.Now()) {
			s.App.Logger().Warn("analytics: not shipping", "error", err)
			if refused {
				s.refused(err.Error())
			}
		}
		if err := s.tend(ctx); err != nil && ctx.Err() == nil {
			s.App.Logger().Error("analytics: the log is not in order", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// session connects and ships, until an error, or nil when it is done.
func (s *Shipper) session(ctx context.Context, until func(Snapshot) bool) error {
	if err := s.tend(ctx); err != nil {
		return err
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	defer s.leave()
	if err := s.take(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		busy, err := s.step(ctx)
		if err != nil {
			return err
		}
		if busy {
			continue
		}
		if err := s.caughtUp(ctx); err != nil {
			return err
		}
		if until != nil && until(s.status.snapshot()) {
			return nil
		}
		s.idle(ctx)
	}
	return nil
}

func (s *Shipper) connect(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if s.w, err = warehouse.Open(ctx, s.URL(), s.Site); err != nil {
		return err
	}
	s.w.Holder, s.w.History, s.w.Patience = s.Holder, s.History, s.Answer
	return nil
}

// take finds the place to go on from and takes the lease.
func (s *Shipper) take(ctx context.Context) error {
	if err := s.w.EnsureSchema(ctx, s.Tables); err != nil {
		return err
	}
	if err := s.attach(ctx); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if err := s.refill(ctx); err != nil {
		return err
	}
	if err := s.emptied(ctx); err != nil {
		return err
	}
	if err := s.w.Beat(ctx, s.at); err != nil {
		return err
	}
	s.beaten = s.Now()
	s.status.attached(s.at, s.plan)
	s.marksRead, s.drained = time.Time{}, time.Time{}
	return nil
}

// leave ends the session. At a clean stop the lease goes with it.
func (s *Shipper) leave() {
	s.pairs, s.unlike = nil, 0
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if s.at.Token != "" && s.w.Holder != "" {
		_ = s.w.Release(ctx, s.at) // if it cannot be, the lease ends by itself
	}
	_ = s.w.Close(ctx) // the server notices a connection that is gone
	s.at = warehouse.Position{}
}

// refused notes for commands that somebody must act, or, with "", that it ships.
func (s *Shipper) refused(why string) {
	if err := capture.Refused(s.App, why, s.Now().Unix()); err != nil {
		s.App.Logger().Warn("analytics: what keeps it from shipping is not noted", "error", err)
	}
}

// step does the next thing and reports whether there may be more to do at once.
func (s *Shipper) step(ctx context.Context) (busy bool, err error) {
	now := s.Now()
	if s.schema.Swap(false) {
		s.source.Forget()
		s.tended, s.marksRead = time.Time{}, time.Time{}
	}
	if now.Sub(s.tended) >= tendEvery {
		if err := s.tend(ctx); err != nil {
			return false, err
		}
	}
	if now.Sub(s.marksRead) >= markEvery {
		s.marksRead = now
		if err := s.resyncs(ctx); err != nil {
			return false, err
		}
	}
	n, err := s.stream(ctx)
	if err != nil {
		return false, err
	}
	busy = n >= batchNotes/2
	if len(s.plan.Todo) > 0 && (!busy || now.Sub(s.turned) >= s.Turn) {
		return true, s.full(ctx)
	}
	if n > 0 {
		return busy, nil
	}
	if now.Sub(s.beaten) >= beatEvery {
		if err := s.w.Beat(ctx, s.at); err != nil {
			return false, err
		}
		s.beaten = now
	}
	return false, nil
}

// caughtUp notes that nothing waits, now and then in the database too, and looks at what
// was set aside, what is there under another name, and whether a column was made anew.
func (s *Shipper) caughtUp(ctx context.Context) error {
	now := s.Now()
	s.status.drained(now)
	if now.Sub(s.drained) < tendEvery {
		return nil
	}
	s.drained = now
	s.refused("")
	if err := s.whole(ctx); err != nil {
		return err
	}
	total, _, err := s.w.Rejects(ctx, 0)
	if err != nil {
		return err
	}
	names, err := s.w.OtherNames(ctx)
	if err != nil {
		return err
	}
	s.status.found(int64(total), names)
	return capture.Drained(s.App, now.Unix())
}

// idle waits for a change: of one by this process it is told, one by another is seen.
func (s *Shipper) idle(ctx context.Context) {
	over, tick := time.NewTimer(rest), time.NewTicker(glance)
	defer over.Stop()
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-over.C:
			return
		case <-tick.C:
			if s.source.Moved(ctx) {
				return
			}
		case <-s.wake:
			select {
			case <-ctx.Done():
			case <-time.After(gather):
			}
			return
		}
	}
}

func (s *Shipper) log(text string, args ...any) {
	s.App.Logger().Info(text, append([]any{"site", s.Site}, args...)...)
}
