package capture

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"

	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

// ByRowid reads up to limit rows after a rowid, in the order in which they lie on the disk.
// Rowids stay what they are while View.Version does: VACUUM may renumber them.
func (v *View) ByRowid(table string, after int64, limit int) (Chunk, error) {
	return v.chunk(table, "rowid > ? ORDER BY rowid LIMIT ?", after, limit)
}

// ByID reads up to limit rows in the order of their ids, from the beginning when first is
// set, otherwise after an id.
func (v *View) ByID(table, after string, first bool, limit int) (Chunk, error) {
	if first {
		return v.chunk(table, "? = '' ORDER BY id LIMIT ?", "", limit)
	}
	return v.chunk(table, "id > ? ORDER BY id LIMIT ?", after, limit)
}

func (v *View) chunk(table, where string, after any, limit int) (c Chunk, err error) {
	st := v.layout.byName[table]
	if st.id == "" {
		return Chunk{Done: true}, nil
	}
	room := maxBytes
	query := "SELECT rowid, id, " + st.fields + " FROM " + st.quoted + " WHERE " + st.where + where
	if err := v.read(&c, st, &room, limit, query, after, limit); err != nil {
		return c, err
	}
	// Ids that are no text sort behind all others: behind them nothing comes that could leave.
	_, byID := after.(string)
	c.Done = c.read < limit && !c.cut || byID && !c.named
	return c, nil
}

// Pair is a row's id in the warehouse and in the clinic.
type Pair struct{ Out, ID string }

// Pairs returns the ids of a table whose ids leave as pseudonyms, in the order that they
// have in the warehouse. A million take some 100 MB while they are needed.
func (s *Source) Pairs(ctx context.Context, table string) (list []Pair, err error) {
	v, err := s.View(ctx)
	if err != nil {
		return nil, err
	}
	defer v.End()
	st := v.layout.byName[table]
	if st.id == "" {
		return nil, nil
	}
	q, err := v.tx.QueryContext(ctx, "SELECT id FROM "+st.quoted+" WHERE "+st.where+"true")
	if err != nil {
		return nil, err
	}
	defer q.Close()
	for q.Next() {
		var raw any
		if err := q.Scan(&raw); err != nil {
			return nil, err
		}
		id, isText := raw.(string)
		if out, why := st.maker.ID(raw); isText && why == "" {
			list = append(list, Pair{out, id})
		}
	}
	slices.SortFunc(list, func(a, b Pair) int { return compare(a.Out, b.Out) })
	return list, q.Err()
}

// Of reads the rows of ids that are still there, in the order of their ids in the warehouse.
func (v *View) Of(table string, ids []string) (Chunk, error) {
	st := v.layout.byName[table]
	if st.id == "" || len(ids) == 0 {
		return Chunk{}, nil
	}
	room := 1 << 40
	rows, rejects, err := v.byID(st, ids, &room)
	return Chunk{Rows: rows, Rejects: rejects}, err
}

// Count returns how many rows a table has, 0 when it is gone.
func (v *View) Count(table string) (n int64, err error) {
	st := v.layout.byName[table]
	if st.id == "" {
		return 0, nil
	}
	err = v.tx.QueryRowContext(v.ctx, "SELECT count(*) FROM "+st.quoted+" WHERE "+st.where+"true").Scan(&n)
	return n, err
}

// Any reports whether a table has rows that leave.
func (v *View) Any(table string) (some bool, err error) {
	st := v.layout.byName[table]
	if st.id == "" {
		return false, nil
	}
	err = v.tx.QueryRowContext(v.ctx, "SELECT EXISTS (SELECT 1 FROM "+st.quoted+" WHERE "+st.where+"true)").Scan(&some)
	return some, err
}

// Each calls fn for every row of a table, with the rejects that its values made.
func (v *View) Each(table string, fn func(row.Row) error) error {
	st := v.layout.byName[table]
	if st.id == "" {
		return nil
	}
	query := "SELECT id, " + st.fields + " FROM " + st.quoted + " WHERE " + st.where + "true"
	var free []any
	err := v.each(st.width(), query, nil, func(raw []driver.Value) (bool, error) {
		if r, _, ok := st.make(raw, &free); ok {
			return true, fn(r)
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("table %s: %w", table, err)
	}
	return nil
}

// CollectionOf returns the id of the collection that a table is read from, "" when it is gone.
func (v *View) CollectionOf(table string) string { return v.layout.byName[table].id }
