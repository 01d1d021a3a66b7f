package warehouse

import (
	"context"
	"strconv"
	"time"
)

// Anchor is the hash of an entry of the site's audit trail, and when it was kept, by the
// clock of the warehouse.
type Anchor struct {
	Seq  int64
	Hash string
	At   time.Time
}

const (
	anchorSQL = `INSERT INTO polyclinic.sync_anchor (site_id, seq, hash, at) VALUES ($1, $2, $3, now()) ON CONFLICT (site_id, seq, hash) DO NOTHING`

	anchorsSQL = `SELECT seq, hash, (extract(epoch FROM at) * 1000)::bigint FROM polyclinic.sync_anchor WHERE site_id = $1 ORDER BY seq, hash`
)

// Anchor keeps the hash of an entry. Another hash of the same entry stays beside it.
func (w *Warehouse) Anchor(ctx context.Context, seq int64, hash string) error {
	_, err := w.send(ctx, call{sql: anchorSQL, args: []arg{text(w.site), integer(seq), text(hash)}})
	return err
}

// Anchors returns what is kept of the site's trail, by entry.
func (w *Warehouse) Anchors(ctx context.Context) (list []Anchor, err error) {
	results, err := w.send(ctx, call{sql: anchorsSQL, args: []arg{text(w.site)}})
	if err != nil {
		return nil, err
	}
	r := results[0]
	for i := range r.rows {
		seq, err := strconv.ParseInt(r.text(i, 0), 10, 64)
		if err != nil {
			return nil, err
		}
		at, err := strconv.ParseInt(r.text(i, 2), 10, 64)
		if err != nil {
			return nil, err
		}
		list = append(list, Anchor{seq, r.text(i, 1), time.UnixMilli(at)})
	}
	return list, nil
}
