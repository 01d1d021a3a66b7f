package warehouse

import (
	"context"
	"errors"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

// Load is rows of one table of a first copy.
type Load struct {
	From, To Position // To.Snapshot is the cursor behind these rows
	Table    analyticsapi.Table
	Rows     []row.Row
	Rejects  []row.Reject
}

// CopyInto writes rows of a first copy with COPY, the fastest there is, in one transaction
// that also notes the cursor. The site should not have them yet: if it has one, or the
// database refuses a value or knows no COPY, they are written as by Apply.
func (w *Warehouse) CopyInto(ctx context.Context, l Load) ([]row.Reject, error) {
	slow := Batch{From: l.From, To: l.To, Rejects: l.Rejects, Changes: []Change{{Table: l.Table, Rows: l.Rows}}}
	if !w.copies || w.History {
		return w.Apply(ctx, slow)
	}
	return w.again(func() ([]row.Reject, error) {
		err := w.begin(ctx, l.From, l.To, w.rejects(l.Rejects)...)
		if err == nil {
			err = w.copy(ctx, l.Table, l.Rows)
		}
		if err == nil {
			return nil, w.commit(ctx)
		}
		w.rollback(ctx)
		if errors.Is(err, ErrData) {
			return w.Apply(ctx, slow)
		}
		return nil, err
	})
}

func (w *Warehouse) copy(ctx context.Context, t analyticsapi.Table, rows []row.Row) error {
	if len(rows) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.patience())
	defer cancel()
	sql := copySQL(t)
	if w.Sent != nil {
		w.Sent(sql)
	}
	_, err := w.conn.PgConn().CopyFrom(ctx, &copyRows{site: w.site, table: t, rows: rows}, sql)
	return w.explain(err)
}

// Empty reports whether the site has no row in the table.
func (w *Warehouse) Empty(ctx context.Context, t analyticsapi.Table) (bool, error) {
	results, err := w.send(ctx, call{sql: emptySQL(t), args: []arg{text(w.site)}})
	if err != nil {
		return false, err
	}
	return results[0].text(0, 0) == "t", nil
}

// Range is the rows of a table with ids behind After up to Upto, Upto included, by their
// bytes: all that the site has of them.
type Range struct {
	From, To Position
	Table    analyticsapi.Table
	After    *string   // nil: from the first on, the empty id included
	Upto     *string   // nil: to the last
	Rows     []row.Row // in the order of their ids
	Rejects  []row.Reject
	Unlike   bool // most of them are expected to differ: they are not compared, where COPY is at hand
}

// Replaced is what Replace found. Whole: every row was written, as most of them differed or
// were expected to.
type Replaced struct {
	Same, Written, Deleted int
	Whole                  bool
	Rejected               []row.Reject
}

// Replace makes the range in the warehouse equal to Rows, in one transaction: it compares
// hashes first, writes what differs and deletes what is not among them.
func (w *Warehouse) Replace(ctx context.Context, r Range) (done Replaced, err error) {
	whole := w.copies && !w.History
	if whole && r.Unlike {
		_, err := w.again(func() ([]row.Reject, error) {
			if err := w.begin(ctx, r.From, r.To); err != nil {
				w.rollback(ctx)
				return nil, err
			}
			return nil, w.renew(ctx, r)
		})
		if !errors.Is(err, ErrData) {
			return Replaced{Written: len(r.Rows), Whole: true}, err
		}
	}
	done.Rejected, err = w.again(func() ([]row.Reject, error) {
		done = Replaced{}
		results, err := w.beginRead(ctx, r.From, r.To, call{sql: keysSQL(r.Table, r.After != nil, r.Upto != nil), args: rangeArgs(w.site, r)})
		if err != nil {
			w.rollback(ctx)
			return nil, err
		}
		keys, err := readKeys(results[0])
		if err != nil {
			w.rollback(ctx)
			return nil, err
		}
		change := differ(keys, r)
		done.Written, done.Deleted = len(change.Rows), len(change.Deleted)
		done.Same = len(r.Rows) - done.Written
		if mostly := 2*(done.Written+done.Deleted) > len(r.Rows); mostly && whole {
			done.Whole = true
			err := w.renew(ctx, r)
			if err == nil || !errors.Is(err, ErrData) {
				return nil, err
			}
			return w.sift(ctx, Batch{From: r.From, To: r.To, Rejects: r.Rejects, Changes: []Change{change}})
		}
		return w.finish(ctx, Batch{From: r.From, To: r.To, Rejects: r.Rejects, Changes: []Change{change}})
	})
	return done, err
}

// renew replaces a whole range in the transaction that has begun and moved: where most rows
// differ, COPY is faster than writing each over the old one. After an error the transaction
// is given up.
func (w *Warehouse) renew(ctx context.Context, r Range) error {
	args := rangeArgs(w.site, r)
	calls := []call{{sql: clearSQL(r.Table, r.After != nil, r.Upto != nil), args: args}, {sql: acceptRangeSQL(r.After != nil, r.Upto != nil), args: append(args, text(r.Table.Name))}}
	_, err := w.send(ctx, append(calls, w.rejects(r.Rejects)...)...)
	if err == nil {
		err = w.copy(ctx, r.Table, r.Rows)
	}
	if err == nil {
		return w.commit(ctx)
	}
	w.rollback(ctx)
	return err
}

// rangeArgs are the site and the ends of a range.
func rangeArgs(site string, r Range) []arg {
	args := []arg{text(site)}
	for _, end := range []*string{r.After, r.Upto} {
		if end != nil {
			args = append(args, text(*end))
		}
	}
	return args
}

// finish does the changes of a batch in the transaction that has begun and moved.
func (w *Warehouse) finish(ctx context.Context, b Batch) ([]row.Reject, error) {
	calls, err := w.calls(b)
	if err == nil && len(calls) > 0 {
		_, err = w.send(ctx, calls...)
	}
	if err == nil {
		return nil, w.commit(ctx)
	}
	w.rollback(ctx)
	if errors.Is(err, ErrData) {
		return w.sift(ctx, b)
	}
	return nil, err
}

// differ compares what is there with what must be, both in the order of their ids.
func differ(there []Key, r Range) Change {
	c := Change{Table: r.Table}
	k := 0
	for i := range r.Rows {
		id := r.Rows[i].ID
		for ; k < len(there) && there[k].ID < id; k++ {
			c.Deleted = append(c.Deleted, there[k].ID)
		}
		if k == len(there) || there[k].ID != id {
			c.Rows = append(c.Rows, r.Rows[i])
			continue
		}
		if there[k].Hash != r.Rows[i].Hash {
			c.Rows = append(c.Rows, r.Rows[i])
		}
		k++
	}
	for ; k < len(there); k++ {
		c.Deleted = append(c.Deleted, there[k].ID)
	}
	return c
}
