package ship

import (
	"context"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// stream ships one batch of the log and returns how many notes it covered, at most
// batchNotes. The database is let go before the network is used.
func (s *Shipper) stream(ctx context.Context) (int, error) {
	v, err := s.source.View(ctx)
	if err != nil {
		return 0, err
	}
	head, err := v.Head()
	if err == nil && head < s.at.Seq { // it was made anew: its notes are below what was shipped of the old one
		err = errLogLost
	}
	var b capture.Batch
	if err == nil {
		b, err = v.Batch(s.at.Seq, batchNotes, s.plan.waiting())
	}
	shapes := map[string]string(nil)
	if s.checked != v.Version {
		shapes = v.Shapes()
	}
	version := v.Version
	v.End()
	if err != nil {
		return 0, err
	}
	if shapes != nil {
		if err := capture.Reshape(s.App, shapes); err != nil {
			return 0, err
		}
		s.checked, s.marksRead = version, s.marksRead.AddDate(-1, 0, 0)
	}
	if b.Notes == 0 {
		return 0, nil
	}
	changes := make([]warehouse.Change, 0, len(b.Changes))
	for _, c := range b.Changes {
		if c.Table.Name == s.pairsOf {
			s.pairs = nil // there may be a row more, which replacing a range would delete
		}
		changes = append(changes, warehouse.Change{Table: c.Table, Rows: c.Upserts, Deleted: c.Deletes, Cleared: c.Cleared})
	}
	to, err := s.begin(b.Upto, s.plan)
	if err != nil {
		return 0, err
	}
	refused, err := s.w.Apply(ctx, warehouse.Batch{From: s.at, To: to, Changes: changes, Rejects: b.Rejects})
	if err != nil {
		return 0, err
	}
	if len(refused)+len(b.Rejects) > 0 {
		s.drained = time.Time{} // they are counted anew
	}
	s.moved(to, s.plan)
	return b.Notes, s.trim()
}

// trim drops shipped notes now and then, but keeps the last: a warehouse that is put back
// to an older state catches up from them.
func (s *Shipper) trim() error {
	if s.at.Seq-s.trimmed < keepNotes+keepNotes/5 {
		return nil
	}
	s.trimmed = s.at.Seq - keepNotes
	return capture.Trim(s.App, s.trimmed)
}
