package ship

import (
	"context"
	"errors"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
)

// tend keeps the triggers complete and the log bounded, whether the warehouse can be
// reached or not.
func (s *Shipper) tend(ctx context.Context) error {
	s.tended = s.Now()
	mended, err := capture.Ensure(s.App, s.Tables)
	if err != nil {
		return err
	}
	if len(mended) > 0 {
		s.source.Forget()
		s.marksRead = time.Time{}
		s.App.Logger().Info("analytics: triggers made", "tables", mended)
	}
	return s.bound(ctx)
}

// watch mends the triggers and the log soon after somebody changed the schema: without the
// log every write of the clinic would be refused, and without a trigger go unnoticed.
func (s *Shipper) watch(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	seen := int64(-1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		version, err := capture.SchemaVersion(s.App)
		if err != nil || version == seen {
			continue // nothing new, or the database is being closed
		}
		mended, err := capture.Ensure(s.App, s.Tables)
		if err != nil {
			continue // tend says so
		}
		seen = version
		if len(mended) > 0 {
			s.App.Logger().Info("analytics: triggers made", "tables", mended)
		}
		s.schema.Store(true)
		s.Wake()
	}
}

// errLogLost ends a session whose log is gone: the next one compares everything.
var errLogLost = errors.New("the list of changes was dropped: every table is read in full")

// compactFrom is how many waiting notes are worth looking for superfluous ones.
const compactFrom = 50_000

// bound compacts what waits when it has grown by half since, and drops it beyond the cap.
func (s *Shipper) bound(ctx context.Context) error {
	floor := s.at.Seq
	if s.at.Token == "" {
		var err error
		if floor, err = capture.Floor(s.App); err != nil {
			return err
		}
	}
	v, err := s.source.View(ctx)
	if err != nil {
		return err
	}
	head, err := v.Head()
	waiting := int64(0)
	if err == nil && head-floor > min(compactFrom, s.Cap) {
		waiting, err = v.Waiting(floor)
	}
	v.End()
	if err != nil {
		return err
	}
	own, err := capture.ReadState(s.App)
	if err != nil {
		return err
	}
	if lost := own.Trimmed > s.at.Seq || own.Epoch != s.at.Epoch || head < s.at.Seq; lost && s.at.Token != "" {
		return errLogLost
	}
	if waiting < s.compacted {
		s.compacted = waiting
	}
	if waiting > compactFrom && waiting > s.compacted+s.compacted/2 || waiting > s.Cap {
		if waiting, err = s.source.Compact(ctx, s.App, floor); err != nil {
			return err
		}
		s.compacted = waiting
	}
	if waiting <= s.Cap {
		return nil
	}
	s.App.Logger().Warn("analytics: too many changes wait, every table will be read in full", "waiting", waiting, "cap", s.Cap)
	s.compacted = 0
	if err := capture.Overflow(s.App, head); err != nil || s.at.Token == "" {
		return err
	}
	return errLogLost
}
