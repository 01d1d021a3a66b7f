package ship

import (
	"context"
	"fmt"
	"maps"
	"math/bits"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// width is how many characters of an id name its bucket: 1,296 buckets of PocketBase's ids.
const width = 2

// Difference is a row that is not in the warehouse as it is in the clinic.
type Difference struct {
	Table, ID string
	Kind      string // Missing, Extra or Other
}

// Kinds of differences.
const (
	Missing = "missing" // not in the warehouse
	Extra   = "extra"   // only in the warehouse
	Other   = "differs"
)

// Compared is what Verify found of one table.
type Compared struct {
	Table       string
	Rows        int64 // in the clinic
	Sum         uint64
	Buckets     int // that differed at first; changes under way are among them
	Differences []Difference
	Refused     []Difference // rows that the warehouse refused: named in sync_reject, none of Differences
}

// Verifier compares the clinic with the warehouse. It only reads, and works beside a
// shipper: what the log still names is under way, and no difference.
type Verifier struct {
	App    core.App
	Source *capture.Source
	W      *warehouse.Warehouse
	Each   func(table string, rows int64) // told now and then how many rows are read, may be nil
	// Quick compares the hashes that were written with the rows, which the warehouse adds up
	// itself. Without it every value is read back: what somebody changed there by hand, and
	// not in the hash, is then noticed too.
	Quick bool
}

type sum struct {
	n int64
	h uint64
}

// mark is what stands for a row in a comparison.
func (v *Verifier) mark(t analyticsapi.Table, r *row.Row) uint64 {
	if v.Quick {
		return uint64(r.Hash)
	}
	return bits.RotateLeft64(r.Content(t), 1) + uint64(r.Hash)
}

// Table compares one table by count and sum of its rows' marks per bucket, and the buckets
// that differ row by row.
func (v *Verifier) Table(ctx context.Context, t analyticsapi.Table) (out Compared, err error) {
	out.Table = t.Name
	// What the log names behind this position may be on its way either way.
	at, err := v.W.Position(ctx)
	if err != nil {
		return out, err
	}
	own := map[string]sum{}
	if err := v.read(ctx, t, func(r row.Row) {
		b := bucket(r.ID)
		own[b] = sum{own[b].n + 1, own[b].h + v.mark(t, &r)}
		out.Rows++
		out.Sum += uint64(r.Hash)
		if v.Each != nil && out.Rows%10_000 == 0 {
			v.Each(t.Name, out.Rows)
		}
	}); err != nil {
		return out, err
	}
	theirs, err := v.buckets(ctx, t)
	if err != nil {
		return out, err
	}
	differ := map[string]bool{}
	for b := range own {
		differ[b] = true
	}
	for b, s := range theirs {
		differ[b] = own[b] != s
	}
	maps.DeleteFunc(differ, func(_ string, d bool) bool { return !d })
	out.Buckets = len(differ)
	if len(differ) == 0 {
		return out, nil
	}
	return out, v.rows(ctx, t, differ, at, &out)
}

// buckets adds up what the warehouse has.
func (v *Verifier) buckets(ctx context.Context, t analyticsapi.Table) (map[string]sum, error) {
	out := map[string]sum{}
	if !v.Quick {
		err := v.W.Rows(ctx, t, "", func(r row.Row) error {
			b := bucket(r.ID)
			out[b] = sum{out[b].n + 1, out[b].h + v.mark(t, &r)}
			return nil
		})
		return out, err
	}
	list, err := v.W.Buckets(ctx, t, width)
	for _, b := range list {
		out[b.Prefix] = sum{b.Count, b.Sum}
	}
	return out, err
}

// inBucket notes the marks of the warehouse's rows of one bucket.
func (v *Verifier) inBucket(ctx context.Context, t analyticsapi.Table, b string, marks map[string]uint64) error {
	if !v.Quick {
		return v.W.Rows(ctx, t, b, func(r row.Row) error {
			if bucket(r.ID) == b {
				marks[r.ID] = v.mark(t, &r)
			}
			return nil
		})
	}
	keys, err := v.W.IDs(ctx, t, b, width)
	for _, k := range keys {
		marks[k.ID] = uint64(k.Hash)
	}
	return err
}

// rows compares the buckets row by row.
func (v *Verifier) rows(ctx context.Context, t analyticsapi.Table, differ map[string]bool, at warehouse.Position, out *Compared) error {
	there := map[string]uint64{}
	for b := range differ {
		if err := v.inBucket(ctx, t, b, there); err != nil {
			return err
		}
	}
	found := map[string]string{}
	err := v.read(ctx, t, func(r row.Row) {
		if !differ[bucket(r.ID)] {
			return
		}
		h, ok := there[r.ID]
		switch {
		case !ok:
			found[r.ID] = Missing
		case h != v.mark(t, &r):
			found[r.ID] = Other
		}
		delete(there, r.ID)
	})
	if err != nil {
		return err
	}
	for id := range there {
		found[id] = Extra
	}
	return v.judge(ctx, t, found, at, out)
}

// judge takes off what is under way and what was set aside.
func (v *Verifier) judge(ctx context.Context, t analyticsapi.Table, found map[string]string, at warehouse.Position, out *Compared) error {
	changed, err := v.Source.Changed(ctx, t.Name, at.Seq)
	if err != nil {
		return err
	}
	own, err := capture.ReadState(v.App)
	if err != nil {
		return err
	}
	if own.Trimmed > at.Seq {
		return fmt.Errorf("table %s: too much changed meanwhile to tell what differs: try again", t.Name)
	}
	_, rejects, err := v.W.Rejects(ctx, 1_000_000)
	if err != nil {
		return err
	}
	for _, r := range rejects {
		if r.Table == t.Name && r.Column == "" && found[r.ID] == Missing {
			delete(found, r.ID)
			out.Refused = append(out.Refused, Difference{t.Name, r.ID, Missing})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		if !changed[id] {
			out.Differences = append(out.Differences, Difference{t.Name, id, found[id]})
		}
	}
	return nil
}

func (v *Verifier) read(ctx context.Context, t analyticsapi.Table, fn func(row.Row)) error {
	view, err := v.Source.View(ctx)
	if err != nil {
		return err
	}
	defer view.End()
	return view.Each(t.Name, func(r row.Row) error { fn(r); return ctx.Err() })
}

// Repair has the rows that differ shipped again, by noting them as changed: those alone. A
// table whose rows cannot be named so is compared in full.
func (v *Verifier) Repair(ctx context.Context, list []Difference) error {
	byTable := map[string]map[string]bool{}
	for _, d := range list {
		if byTable[d.Table] == nil {
			byTable[d.Table] = map[string]bool{}
		}
		byTable[d.Table][d.ID] = true
	}
	for table, ids := range byTable {
		t, _ := v.Source.Table(table) // the differences are of declared ones
		if err := v.W.Spoil(ctx, t, slices.Sorted(maps.Keys(ids))); err != nil {
			return err
		}
	}
	for _, table := range slices.Sorted(maps.Keys(byTable)) {
		view, err := v.Source.View(ctx)
		if err != nil {
			return err
		}
		collection := view.CollectionOf(table)
		view.End()
		ids, err := v.clinicIDs(ctx, table, byTable[table])
		if err != nil {
			return err
		}
		if collection == "" || len(ids) < len(byTable[table]) {
			err = capture.Mark(v.App, capture.Asked, table)
		} else {
			err = capture.Note(v.App, collection, ids)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Count returns how many rows a table has in the clinic, 0 if that cannot be known.
func (v *Verifier) Count(ctx context.Context, table string) int64 {
	view, err := v.Source.View(ctx)
	if err != nil {
		return 0
	}
	defer view.End()
	n, err := view.Count(table)
	if err != nil {
		return 0
	}
	return n
}

// clinicIDs finds the clinic's ids of the warehouse's. A row that is only in the warehouse
// has none if its table has pseudonyms.
func (v *Verifier) clinicIDs(ctx context.Context, table string, wanted map[string]bool) (ids []string, err error) {
	if !v.Source.Pseudonymous(table) {
		return slices.Sorted(maps.Keys(wanted)), nil
	}
	pairs, err := v.Source.Pairs(ctx, table)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		if wanted[p.Out] {
			ids = append(ids, p.ID)
		}
	}
	return ids, nil
}

// bucket returns the first characters of an id.
func bucket(id string) string {
	n := 0
	for i := range id {
		if n == width {
			return id[:i]
		}
		n++
	}
	return id
}
