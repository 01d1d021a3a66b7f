package capture

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

// Batch is the present state of the rows that notes of the log are about.
type Batch struct {
	Upto    int64 // the last note's seq
	Notes   int   // how many notes it covers, 0 when none are waiting
	Changes []Change
	Rejects []row.Reject
}

// Change is what is new in one table.
type Change struct {
	Table   analyticsapi.Table
	Upserts []row.Row
	Deletes []string // ids of rows that are no more
	Cleared []string // what rejects called rows that could not leave and are no more
}

// maxBytes bounds what one reading takes into memory, in bytes of text, roughly.
const maxBytes = 16 << 20

var errLarge = errors.New("too much for one reading")

// Batch reads up to limit notes after seq and the rows they are about; of tables that skip
// names nothing is read. Very large rows make it read fewer.
func (v *View) Batch(after int64, limit int, skip map[string]bool) (Batch, error) {
	for {
		b, err := v.batch(after, limit, skip)
		if errors.Is(err, errLarge) && limit > 1 {
			limit = max(1, limit/4)
			continue
		}
		return b, err
	}
}

func (v *View) batch(after int64, limit int, skip map[string]bool) (Batch, error) {
	b := Batch{Upto: after}
	keys, err := v.keys(&b, limit)
	if err != nil {
		return b, fmt.Errorf("log of analytics: %w", err)
	}
	room := maxBytes
	if limit == 1 {
		room = 1 << 40 // one row is taken however large
	}
	for _, name := range v.names() {
		st := v.layout.byName[name]
		ids := keys[st.id]
		if st.id == "" || len(ids) == 0 || skip[name] {
			continue
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		c := Change{Table: st.maker.Table}
		rows, rejects, err := v.byID(st, ids, &room)
		if err != nil {
			return b, err
		}
		c.Upserts, b.Rejects = rows, append(b.Rejects, rejects...)
		c.Deletes = gone(st.maker, ids, rows)
		if len(rows) < len(ids) {
			c.Cleared = cleared(st.maker, ids, rejects)
		}
		b.Changes = append(b.Changes, c)
	}
	return b, nil
}

// names are the tables in the order in which modules declare them.
func (v *View) names() (names []string) {
	for name := range v.layout.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// keys returns the ids that the notes name, by collection. An id that is no text of UTF-8
// cannot have left, and is left out.
func (v *View) keys(b *Batch, limit int) (map[string][]string, error) {
	rows, err := v.tx.QueryContext(v.ctx, `SELECT seq, tbl, pk FROM `+logTable+` WHERE seq > ? ORDER BY seq LIMIT ?`, b.Upto, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := map[string][]string{}
	add := func(collection string, pk any) {
		if id, ok := pk.(string); ok && utf8.ValidString(id) {
			keys[collection] = append(keys[collection], id)
		}
	}
	for rows.Next() {
		var collection string
		var pk any
		if err := rows.Scan(&b.Upto, &collection, &pk); err != nil {
			return nil, err
		}
		b.Notes++
		add(collection, pk)
	}
	if err := rows.Err(); err != nil || keys[heldMark] == nil {
		return keys, err
	}
	patients, err := json.Marshal(keys[heldMark])
	if err != nil {
		return nil, err
	}
	for id, st := range v.layout.byID {
		if err := v.ofPatients(st, string(patients), func(pk any) { add(id, pk) }); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// gone returns the warehouse's ids of those that no row was made for.
func gone(m *row.Maker, ids []string, rows []row.Row) (deletes []string) {
	there := make(map[string]bool, len(rows))
	for i := range rows {
		there[rows[i].ID] = true
	}
	for _, id := range ids {
		if out, why := m.ID(id); why == "" && !there[out] {
			deletes = append(deletes, out)
		}
	}
	slices.Sort(deletes)
	return deletes
}

// cleared returns what rejects called the rows whose ids cannot leave, of those that are no more.
func cleared(m *row.Maker, ids []string, rejects []row.Reject) (names []string) {
	for _, id := range ids {
		if name := m.Unusable(id); name != "" && !slices.ContainsFunc(rejects, func(r row.Reject) bool { return r.ID == name }) {
			names = append(names, name)
		}
	}
	return names
}

// byID reads the rows of the ids, ordered by their ids in the warehouse.
func (v *View) byID(st stored, ids []string, room *int) ([]row.Row, []row.Reject, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, nil, err
	}
	var c Chunk
	query := "SELECT 0, id, " + st.fields + " FROM " + st.quoted + " WHERE " + st.where + "id IN (SELECT value FROM json_each(?))"
	if err := v.read(&c, st, room, len(ids), query, string(list)); err != nil {
		return nil, nil, err
	}
	if c.cut {
		return nil, nil, errLarge
	}
	slices.SortFunc(c.Rows, func(a, b row.Row) int { return compare(a.ID, b.ID) })
	return c.Rows, c.Rejects, nil
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

// Chunk is a piece of a table that is read in full.
type Chunk struct {
	Rows    []row.Row
	Rejects []row.Reject
	Rowid   int64  // of the last row read
	ID      string // the last row's id, as the clinic has it
	Done    bool   // nothing comes after it
	read    int
	named   bool // it has a row whose id is text
	cut     bool
}

// read makes rows of what a query selects: rowid, id, the columns, extra. It stops where
// there is no room in memory. Some limit rows are expected.
func (v *View) read(c *Chunk, st stored, room *int, limit int, query string, args ...any) error {
	c.Rows = make([]row.Row, 0, min(limit, mostAhead))
	var free []any
	err := v.each(st.width()+1, query, args, func(raw []driver.Value) (more bool, err error) {
		if *room <= 0 && c.read > 0 {
			c.cut = true
			return false, nil
		}
		c.read++
		c.Rowid, _ = raw[0].(int64)
		for _, v := range raw[1:] {
			if s, ok := v.(string); ok {
				*room -= len(s)
			}
		}
		if id, ok := raw[1].(string); ok {
			c.ID, c.named = id, true
		}
		r, rejects, ok := st.make(raw[1:], &free)
		c.Rejects = append(c.Rejects, rejects...)
		if ok {
			c.Rows = append(c.Rows, r)
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("table %s: %w", st.maker.Table.Name, err)
	}
	return nil
}

// mostAhead bounds for how many rows room is made before there is one.
const mostAhead = 20_000

// width is how many values a row is made of: its id, the columns, and extra.
func (st stored) width() int { return len(st.maker.Table.Columns) + 2 }

// make makes a row of them. Its values lie in free, of which it takes what it needs.
func (st stored) make(raw []driver.Value, free *[]any) (row.Row, []row.Reject, bool) {
	n := len(raw) - 2
	if len(*free) < n {
		*free = make([]any, 128*n)
	}
	values := (*free)[:n:n]
	*free = (*free)[n:]
	for i := range values {
		values[i] = raw[i+1]
	}
	return st.maker.Make(raw[0], values, raw[n+1])
}

// each calls fn for what a query selects, n values a row, until it wants no more. It asks
// the driver itself: what database/sql does for each row and value took a quarter of the
// time of a first copy. fn must not keep the slice, and blobs in it are SQLite's.
func (v *View) each(n int, query string, args []any, fn func([]driver.Value) (more bool, err error)) error {
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		if k, is := a.(int); is {
			a = int64(k)
		}
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return v.conn.Raw(func(c any) error {
		rows, err := c.(driver.QueryerContext).QueryContext(v.ctx, query, named)
		if err != nil {
			return err
		}
		defer rows.Close()
		raw := make([]driver.Value, n)
		for read := 0; ; read++ {
			if read%1000 == 0 && v.ctx.Err() != nil {
				return v.ctx.Err()
			}
			if err := rows.Next(raw); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if more, err := fn(raw); err != nil || !more {
				return err
			}
		}
	})
}
