package ship

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// attach finds out where the site stands in the warehouse and whether this data folder can
// go on from there. It is where a restored backup, on either side, and a copied data folder
// are told from a restart.
func (s *Shipper) attach(ctx context.Context) error {
	at, err := s.w.Position(ctx)
	if err != nil {
		return err
	}
	if at.Fresh && at.Holder != s.Holder {
		return &warehouse.Error{Kind: warehouse.ErrInUse, Text: "site " + s.Site + " is being shipped by another process: two clinics, or a copy of a data folder, have the same POLYCLINIC_SITE_ID. " +
			"Give one of them another; if the other process is gone, this one goes on within " + warehouse.Lease.String()}
	}
	own, err := capture.ReadState(s.App)
	if err != nil {
		return err
	}
	head, _, err := s.head(ctx)
	if err != nil {
		return err
	}
	p, err := parsePlan(at.Snapshot)
	lost := own.Trimmed > at.Seq || head < at.Seq    // notes behind it are gone, or the whole log
	otherKey := at.Key != row.KeyMark(s.Options.Key) // no row of a patient is what it was
	if err != nil || at.Epoch == "" || own.Epoch != at.Epoch || lost || otherKey {
		return s.newEpoch(ctx, at)
	}
	if at.Token != own.Token && at.Token != own.Previous {
		return s.rewind(ctx, at, p)
	}
	s.stand(at, p)
	return nil
}

// emptied marks the tables of which the warehouse should have rows and has none: somebody
// dropped or emptied them there, and the log does not tell of it.
func (s *Shipper) emptied(ctx context.Context) error {
	some, err := s.withRows(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range some {
		empty, err := s.w.Empty(ctx, t)
		if err != nil {
			return err
		}
		if empty {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return capture.Mark(s.App, capture.Emptied, names...)
}

// errRemade ends a session: the next one makes what is lacking and fills it.
var errRemade = errors.New("a column of the warehouse was dropped or made again: its table is written anew")

// refill has the tables written anew of which somebody dropped a column in the warehouse that is
// there again: no hash tells that it is empty. Reports are answered from there again once the
// plan, which then keeps them waiting, is through.
func (s *Shipper) refill(ctx context.Context) error {
	list, err := s.w.Unfilled(ctx, s.Tables)
	if err != nil {
		return err
	}
	var names []string
	for _, u := range list {
		if !u.Remade {
			continue
		}
		s.App.Logger().Warn("analytics: a column was made again in the warehouse, the table is written anew", "table", u.Name)
		if err := s.w.Stale(ctx, s.at, u.Table); err != nil {
			return err
		}
		if err := capture.Mark(s.App, capture.Remade, u.Table.Name); err != nil {
			return err
		}
		names = append(names, u.Table.Name)
	}
	if len(names) > 0 {
		if err := s.resyncs(ctx); err != nil {
			return err
		}
		s.status.remade(names)
	}
	for _, u := range list {
		if err := s.w.Fill(ctx, s.at, u); err != nil {
			return err
		}
	}
	return nil
}

// whole looks whether every column is the one that the rows were written with.
func (s *Shipper) whole(ctx context.Context) error {
	list, err := s.w.Unfilled(ctx, s.Tables)
	if err == nil && slices.ContainsFunc(list, func(u warehouse.Unfilled) bool { return u.Remade }) {
		err = errRemade
	}
	return err
}

// prepare sees to what is in the warehouse already, when a setting is another than when it
// was shipped: that no id of a patient is there that was made with another key, or with
// none, that no version has a hash, and, with History, that every row has its first version.
func (s *Shipper) prepare(ctx context.Context) error {
	if key := row.KeyMark(s.Options.Key); s.at.Key != key {
		if err := s.w.Repseudonymise(ctx, s.at, s.Tables, key); err != nil {
			return err
		}
		s.at.Key = key
	}
	if err := s.w.UnhashVersions(ctx, s.at, s.Tables); err != nil || !s.History {
		return err
	}
	return s.w.FillVersions(ctx, s.at, s.Tables)
}

// withRows are the tables that have rows here and are not about to be read in full.
func (s *Shipper) withRows(ctx context.Context) (some []analyticsapi.Table, err error) {
	v, err := s.source.View(ctx)
	if err != nil {
		return nil, err
	}
	defer v.End()
	for _, t := range s.source.Tables() {
		if slices.Contains(s.plan.Todo, t.Name) {
			continue
		}
		has, err := v.Any(t.Name)
		if err != nil {
			return nil, err
		}
		if has {
			some = append(some, t)
		}
	}
	return some, nil
}

// stand makes at the position from which to go on.
func (s *Shipper) stand(at warehouse.Position, p plan) {
	s.at, s.plan = at, p
	s.checked = -1
}

// rewind goes on from an older position of ours, to which the warehouse was put back, if the
// log still reaches it. A position that is none of ours means that our own data is older
// than the warehouse's: all is compared anew.
func (s *Shipper) rewind(ctx context.Context, at warehouse.Position, p plan) error {
	reaches, err := capture.Reaches(s.App, at.Token, at.Seq)
	if err != nil {
		return err
	}
	if !reaches {
		return s.newEpoch(ctx, at)
	}
	read, err := capture.BegunSince(s.App, at.Seq)
	if err != nil {
		return err
	}
	read = slices.DeleteFunc(read, func(t string) bool { return slices.Contains(p.Todo, t) })
	if len(read) > 0 {
		if err := capture.Mark(s.App, capture.PutBack, read...); err != nil {
			return err
		}
	}
	s.log("analytics: the warehouse went back, replaying the log", "seq", at.Seq)
	s.stand(at, p)
	return nil
}

// newEpoch starts over: every table is read in full, from the log's present head on.
func (s *Shipper) newEpoch(ctx context.Context, from warehouse.Position) error {
	head, shapes, err := s.head(ctx)
	if err != nil {
		return err
	}
	marks, err := capture.Resyncs(s.App)
	if err != nil {
		return err
	}
	var p plan
	for _, t := range s.source.Tables() {
		p.Todo = append(p.Todo, t.Name)
		if !slices.ContainsFunc(marks, func(r capture.Resync) bool { return r.Table == t.Name }) {
			marks = append(marks, capture.Resync{Table: t.Name})
		}
	}
	to := warehouse.Position{Epoch: token(), Seq: head, Token: token(), Snapshot: p.String(), Versions: from.Versions, Key: from.Key}
	if err := capture.BeginEpoch(s.App, to.Epoch, to.Token, head); err != nil {
		return err
	}
	if err := s.w.NewEpoch(ctx, from, to); err != nil {
		return err
	}
	s.log("analytics: a new epoch, every table is read in full", "seq", head, "known", from.Epoch != "")
	s.stand(to, p)
	return capture.Begun(s.App, head, marks, shapes)
}

// head returns the log's newest seq, and the tables' shapes at that moment.
func (s *Shipper) head(ctx context.Context) (seq int64, shapes map[string]string, err error) {
	v, err := s.source.View(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer v.End()
	if seq, err = v.Head(); err != nil {
		return 0, nil, fmt.Errorf("log of analytics: %w", err)
	}
	return seq, v.Shapes(), nil
}

// resyncs puts the tables that are marked into the plan.
func (s *Shipper) resyncs(ctx context.Context) error {
	marks, err := capture.Resyncs(s.App)
	if err != nil || len(marks) == 0 {
		return err
	}
	v, err := s.source.View(ctx)
	if err != nil {
		return err
	}
	shapes := v.Shapes()
	v.End()
	var names []string
	for _, m := range marks {
		if _, declared := s.source.Table(m.Table); declared {
			names = append(names, m.Table)
			s.log("analytics: a table is read in full again", "table", m.Table, "reason", m.Reason)
		}
	}
	if len(names) > 0 {
		p := s.plan.with(names)
		to, err := s.begin(s.at.Seq, p)
		if err != nil {
			return err
		}
		if _, err := s.w.Apply(ctx, warehouse.Batch{From: s.at, To: to}); err != nil {
			return err
		}
		s.moved(to, p)
	}
	return capture.Begun(s.App, s.at.Seq, marks, shapes)
}

// begin notes the token of the next position here, before the warehouse may have it.
func (s *Shipper) begin(seq int64, p plan) (warehouse.Position, error) {
	to := warehouse.Position{Epoch: s.at.Epoch, Seq: seq, Token: token(), Snapshot: p.String()}
	return to, capture.Begin(s.App, s.at.Token, to.Token, seq)
}

// moved notes that the warehouse stands at to.
func (s *Shipper) moved(to warehouse.Position, p plan) {
	s.at, s.plan, s.shipped = to, p, true
	s.beaten = s.Now()
	s.status.moved(to, p, s.beaten)
}

// token returns 64 random bits.
func token() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
