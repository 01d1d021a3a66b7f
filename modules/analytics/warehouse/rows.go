package warehouse

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

// page is how many rows Rows reads at once.
const page = 5000

// Rows calls fn for each of the site's rows of a table whose id begins with prefix, as they
// are stored, in the order of their ids' bytes. Hash is the one that was stored.
func (w *Warehouse) Rows(ctx context.Context, t analyticsapi.Table, prefix string, fn func(row.Row) error) error {
	last := ""
	if prefix != "" {
		last = prefix + strings.Repeat(string(utf8.MaxRune), longestID/utf8.UTFMax+1)
	}
	for from, first := prefix, true; ; first = false {
		args := []arg{text(w.site), text(from)}
		if last != "" {
			args = append(args, text(last))
		}
		page := cmp.Or(w.Page, page)
		results, err := w.send(ctx, call{sql: rowsSQL(t, first, last != ""), args: append(args, integer(int64(page))), binary: true})
		if err != nil {
			return err
		}
		for _, raw := range results[0].rows {
			r, err := stored(t, raw)
			if err != nil {
				return err
			}
			if from = r.ID; !strings.HasPrefix(r.ID, prefix) {
				continue
			}
			if err := fn(r); err != nil {
				return err
			}
		}
		if len(results[0].rows) < page {
			return nil
		}
	}
}

// Spoil makes the stored hashes of rows wrong, so that the rows are written when they are
// shipped next, though they did not change at their site.
func (w *Warehouse) Spoil(ctx context.Context, t analyticsapi.Table, ids []string) error {
	for part := range slices.Chunk(ids, piece) {
		if _, err := w.send(ctx, call{sql: spoilSQL(t), args: []arg{text(w.site), texts(part)}}); err != nil {
			return err
		}
	}
	return nil
}

// spoilSQL turns over all bits of a hash.
func spoilSQL(t analyticsapi.Table) string {
	return "UPDATE " + qualified(t.Name) + " SET h = -1 - h WHERE site_id = $1 AND id = ANY($2::text[])"
}

// rowsSQL reads a page of rows from an id on, or behind it.
func rowsSQL(t analyticsapi.Table, first, upto bool) string {
	columns := []string{"id"}
	for _, c := range t.Columns {
		name := quote(c.Name)
		if c.Kind == analyticsapi.JSON {
			name += "::text"
		}
		columns = append(columns, name)
	}
	sql := "SELECT " + strings.Join(columns, ", ") + ", extra::text, h FROM " + qualified(t.Name) + " WHERE site_id = $1 AND id >"
	if first {
		sql += "="
	}
	sql += " $2"
	limit := "$3"
	if upto {
		sql, limit = sql+" AND id <= $3", "$4"
	}
	return sql + " ORDER BY id LIMIT " + limit
}

// stored makes a row of what rowsSQL answers, in PostgreSQL's binary form.
func stored(t analyticsapi.Table, raw [][]byte) (r row.Row, err error) {
	n := len(t.Columns)
	if len(raw) != n+3 || len(raw[n+2]) != 8 {
		return r, fmt.Errorf("%s: the answer has another form", t.Name)
	}
	r = row.Row{ID: string(raw[0]), Values: make([]any, n), Hash: int64(binary.BigEndian.Uint64(raw[n+2]))}
	for i, c := range t.Columns {
		if r.Values[i], err = storedValue(c.Kind, raw[i+1]); err != nil {
			return r, fmt.Errorf("%s.%s: %w", t.Name, c.Name, err)
		}
	}
	if raw[n+1] != nil {
		extra := string(raw[n+1])
		r.Extra = &extra
	}
	return r, nil
}

func storedValue(k analyticsapi.Kind, b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	size := map[analyticsapi.Kind]int{analyticsapi.Integer: 8, analyticsapi.Money: 8, analyticsapi.Number: 8, analyticsapi.Time: 8, analyticsapi.Day: 4, analyticsapi.Bool: 1}[k]
	if size == 0 {
		return string(b), nil
	}
	if len(b) != size {
		return nil, fmt.Errorf("a %s has %d bytes", k, len(b))
	}
	switch k {
	case analyticsapi.Number:
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	case analyticsapi.Time:
		return time.UnixMicro(epoch.UnixMicro() + int64(binary.BigEndian.Uint64(b))).UTC(), nil
	case analyticsapi.Day:
		return epoch.AddDate(0, 0, int(int32(binary.BigEndian.Uint32(b)))), nil
	case analyticsapi.Bool:
		return b[0] != 0, nil
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}
