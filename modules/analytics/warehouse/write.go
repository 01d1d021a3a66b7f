package warehouse

import (
	"context"
	"errors"
	"fmt"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

// Batch is what one transaction does: it moves the site From where it stood To where it
// stands then, and writes what changed between.
type Batch struct {
	From, To Position // of From, Epoch and Token count; of To, all but Holder and Fresh
	Changes  []Change // at most one a table
	Rejects  []row.Reject
}

// Change is the rows of one table. An id is in it once.
type Change struct {
	Table   analyticsapi.Table
	Rows    []row.Row // as they are now
	Deleted []string  // ids that are no more
	Cleared []string  // of rows that were rejected and are no more, as the reject calls them
}

// piece is how many rows one statement writes: more cost memory on a coordinator, and on
// YugabyteDB and CockroachDB transactions grow slow.
const piece = 5000

// conflicts is how often a transaction that lost against another is tried again.
const conflicts = 5

// Apply does a batch in one transaction, or nothing. It returns the rows that the database
// refused: those are set aside in sync_reject, are in their table no more, and the others
// are written. It returns ErrFenced if the site stands elsewhere than at From.
func (w *Warehouse) Apply(ctx context.Context, b Batch) ([]row.Reject, error) {
	return w.again(func() ([]row.Reject, error) {
		calls, err := w.calls(b)
		if err != nil {
			return nil, err
		}
		if err := w.begin(ctx, b.From, b.To, calls...); err != nil {
			w.rollback(ctx)
			if errors.Is(err, ErrData) {
				return w.sift(ctx, b)
			}
			return nil, err
		}
		return nil, w.commit(ctx)
	})
}

// again repeats what lost against another transaction. The database has undone it.
func (w *Warehouse) again(fn func() ([]row.Reject, error)) (rejected []row.Reject, err error) {
	for range conflicts {
		rejected, err = fn()
		var e *Error
		if !errors.As(err, &e) || !e.conflict || w.conn.IsClosed() {
			break
		}
	}
	return rejected, err
}

// begin starts a transaction, moves the site and does the calls, all in one round trip.
// The move comes first: its row's lock makes a second writer wait, and then lose.
func (w *Warehouse) begin(ctx context.Context, from, to Position, calls ...call) error {
	_, err := w.beginRead(ctx, from, to, calls...)
	return err
}

func (w *Warehouse) beginRead(ctx context.Context, from, to Position, calls ...call) ([]result, error) {
	move := call{sql: moveSQL, args: []arg{text(w.site), text(from.Epoch), text(from.Token), integer(to.Seq), text(to.Token), text(to.Snapshot), text(w.Holder), boolean(w.History)}}
	head := []call{{sql: beginSQL}, {sql: patienceSQL}, {sql: idleSQL}, move}
	results, err := w.send(ctx, append(head, calls...)...)
	if err != nil {
		return nil, err
	}
	if results[len(head)-1].affected != 1 {
		return nil, w.fenced()
	}
	return results[len(head):], nil
}

func (w *Warehouse) commit(ctx context.Context) error {
	_, err := w.send(ctx, call{sql: commitSQL})
	if err != nil {
		w.rollback(ctx)
	}
	return err
}

// rollback gives the transaction up. If that fails too, the connection is gone and the
// server does it.
func (w *Warehouse) rollback(ctx context.Context) {
	if w.conn.IsClosed() || w.conn.PgConn().TxStatus() == 'I' {
		return
	}
	if _, err := w.send(context.WithoutCancel(ctx), call{sql: rollbackSQL}); err != nil {
		_ = w.conn.Close(context.WithoutCancel(ctx)) // nothing may be left open
	}
}

// calls are the statements of a batch.
func (w *Warehouse) calls(b Batch) (calls []call, err error) {
	for _, c := range b.Changes {
		if ids := touched(c); len(ids) > 0 {
			calls = append(calls, call{sql: acceptSQL, args: []arg{text(w.site), text(c.Table.Name), texts(ids)}})
		}
		for start := 0; start < len(c.Rows); start += piece {
			up, err := w.upsert(c.Table, c.Rows[start:min(start+piece, len(c.Rows))])
			if err != nil {
				return nil, err
			}
			calls = append(calls, up)
		}
		calls = append(calls, w.deletes(c.Table, c.Deleted)...)
	}
	return append(calls, w.rejects(b.Rejects)...), nil
}

func touched(c Change) []string {
	ids := make([]string, 0, len(c.Rows)+len(c.Deleted))
	for i := range c.Rows {
		ids = append(ids, c.Rows[i].ID)
	}
	return append(append(ids, c.Deleted...), c.Cleared...)
}

// upsert is the statement that writes rows.
func (w *Warehouse) upsert(t analyticsapi.Table, rows []row.Row) (call, error) {
	sql := upsertSQL(t)
	if w.History {
		sql = keptUpsertSQL(t)
	}
	ids := make([]string, len(rows))
	for i := range rows {
		if ids[i] = rows[i].ID; len(rows[i].Values) != len(t.Columns) {
			return call{}, fmt.Errorf("%s: a row has %d values for %d columns", t.Name, len(rows[i].Values), len(t.Columns))
		}
	}
	args := []arg{text(w.site), texts(ids)}
	for i, c := range t.Columns {
		a, err := column(rows, i, c.Kind)
		if err != nil {
			return call{}, fmt.Errorf("%s.%s: %w", t.Name, c.Name, err)
		}
		args = append(args, a)
	}
	args = append(args, extras(rows), integers(len(rows), func(i int) int64 { return rows[i].Hash }))
	return call{sql: sql, args: args}, nil
}

func (w *Warehouse) deletes(t analyticsapi.Table, ids []string) (calls []call) {
	sql := deleteSQL(t)
	if w.History {
		sql = keptDeleteSQL(t)
	}
	for start := 0; start < len(ids); start += piece {
		calls = append(calls, call{sql: sql, args: []arg{text(w.site), texts(ids[start:min(start+piece, len(ids))])}})
	}
	return calls
}

// rejects notes what was set aside, each value once.
func (w *Warehouse) rejects(list []row.Reject) []call {
	if len(list) == 0 {
		return nil
	}
	seen := map[[3]string]bool{}
	var columns [4][]string
	for _, r := range list {
		key := [3]string{r.Table, r.ID, r.Column}
		if seen[key] {
			continue
		}
		seen[key] = true
		for i, v := range []string{r.Table, r.ID, r.Column, r.Reason} {
			columns[i] = append(columns[i], v)
		}
	}
	return []call{{sql: rejectSQL, args: []arg{text(w.site), texts(columns[0]), texts(columns[1]), texts(columns[2]), texts(columns[3])}}}
}

// sift does a batch that holds a row which the database refuses: halves are tried until
// the row is alone, and it is set aside.
func (w *Warehouse) sift(ctx context.Context, b Batch) (rejected []row.Reject, err error) {
	if err := w.begin(ctx, b.From, b.To); err != nil {
		w.rollback(ctx)
		return nil, err
	}
	for _, c := range b.Changes {
		bad, err := w.siftRows(ctx, c.Table, c.Rows)
		if err != nil {
			w.rollback(ctx)
			return nil, err
		}
		rejected = append(rejected, bad...)
	}
	rest := Batch{Rejects: append(b.Rejects, rejected...)}
	for _, c := range b.Changes {
		rest.Changes = append(rest.Changes, Change{Table: c.Table, Deleted: c.Deleted})
	}
	calls := w.accepts(b)
	for _, r := range rejected {
		for _, c := range b.Changes {
			if c.Table.Name == r.Table {
				calls = append(calls, w.deletes(c.Table, []string{r.ID})...) // what it was is no longer true
			}
		}
	}
	more, err := w.calls(rest)
	if err == nil {
		_, err = w.send(ctx, append(calls, more...)...)
	}
	if err != nil {
		w.rollback(ctx)
		return nil, err
	}
	return rejected, w.commit(ctx)
}

func (w *Warehouse) accepts(b Batch) (calls []call) {
	for _, c := range b.Changes {
		calls = append(calls, call{sql: acceptSQL, args: []arg{text(w.site), text(c.Table.Name), texts(touched(c))}})
	}
	return calls
}

func (w *Warehouse) siftRows(ctx context.Context, t analyticsapi.Table, rows []row.Row) ([]row.Reject, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	write, err := w.upsert(t, rows)
	if err != nil {
		return nil, err
	}
	_, err = w.send(ctx, call{sql: markSQL}, write, call{sql: unmarkSQL})
	var e *Error
	switch {
	case err == nil:
		return nil, nil
	case !errors.Is(err, ErrData) || !errors.As(err, &e):
		return nil, err
	}
	if _, err := w.send(ctx, call{sql: backSQL}); err != nil {
		return nil, err
	}
	if len(rows) == 1 {
		return []row.Reject{{Table: t.Name, ID: rows[0].ID, Reason: "the warehouse refuses the row: " + e.reason}}, nil
	}
	first, err := w.siftRows(ctx, t, rows[:len(rows)/2])
	if err != nil {
		return nil, err
	}
	second, err := w.siftRows(ctx, t, rows[len(rows)/2:])
	return append(first, second...), err
}
