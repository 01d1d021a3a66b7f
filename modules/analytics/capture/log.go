package capture

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// window is how many notes one write removes: larger ones kept the clinic's writes waiting.
const window = 5_000

// Trim removes shipped notes up to seq, and the tokens of batches before it, in short
// writes.
func Trim(app core.App, seq int64) error {
	if err := execute(app, `UPDATE _analytics_state SET trimmed = max(trimmed, {:seq}) WHERE id = 1`, dbx.Params{"seq": seq}); err != nil {
		return err
	}
	if err := execute(app, `DELETE FROM _analytics_batch WHERE seq < {:seq}`, dbx.Params{"seq": seq}); err != nil {
		return err
	}
	for {
		r, err := app.NonconcurrentDB().NewQuery(`DELETE FROM _analytics_log WHERE seq IN (SELECT seq FROM _analytics_log WHERE seq <= {:seq} ORDER BY seq LIMIT {:n})`).
			Bind(dbx.Params{"seq": seq, "n": window}).Execute()
		if err != nil {
			return fmt.Errorf("trim the log of analytics: %w", err)
		}
		if n, err := r.RowsAffected(); err != nil || n < window {
			return err
		}
	}
}

// Overflow drops the log up to head, whatever in it is shipped. What the warehouse lacks is
// then known only by reading every table in full.
func Overflow(app core.App, head int64) error {
	if err := execute(app, `UPDATE _analytics_state SET overflows = overflows + 1 WHERE id = 1`, nil); err != nil {
		return err
	}
	return Trim(app, head)
}

// share is how many distinct keys one pass of Compact keeps in memory, some 10 MB.
const share = 250_000

// Compact removes the notes after seq that a later note of the same row makes superfluous,
// and returns how many are left. It looks while others write, and writes in small pieces.
func (s *Source) Compact(ctx context.Context, app core.App, after int64) (left int64, err error) {
	v, err := s.View(ctx)
	if err != nil {
		return 0, err
	}
	head, err := v.Head()
	if err == nil {
		left, err = v.Waiting(after)
	}
	v.End()
	if err != nil {
		return 0, err
	}
	parts := uint64(left/share + 1)
	for part := range parts {
		n, err := s.compactPart(ctx, app, after, head, part, parts)
		if err != nil {
			return left, fmt.Errorf("compact the log of analytics: %w", err)
		}
		left -= n
	}
	return left, nil
}

// compactPart does so for the rows whose key falls into the part.
func (s *Source) compactPart(ctx context.Context, app core.App, after, head int64, part, parts uint64) (removed int64, err error) {
	seen := map[[16]byte]struct{}{}
	for upto := head; upto > after; {
		from := max(after, upto-window)
		old, err := s.superseded(ctx, from, upto, part, parts, seen)
		if err != nil {
			return removed, err
		}
		if len(old) > 0 {
			list, err := json.Marshal(old)
			if err != nil {
				return removed, err
			}
			if err := execute(app, `DELETE FROM _analytics_log WHERE seq IN (SELECT value FROM json_each({:list}))`, dbx.Params{"list": string(list)}); err != nil {
				return removed, err
			}
		}
		removed += int64(len(old))
		upto = from
	}
	return removed, nil
}

// superseded returns the notes in (from, upto] whose row is in seen, newest first, and adds
// the others to it.
func (s *Source) superseded(ctx context.Context, from, upto int64, part, parts uint64, seen map[[16]byte]struct{}) (old []int64, err error) {
	rows, err := s.db.DB().QueryContext(ctx, `SELECT seq, tbl, pk FROM `+logTable+` WHERE seq > ? AND seq <= ? ORDER BY seq DESC`, from, upto)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		var table string
		var pk any
		if err := rows.Scan(&seq, &table, &pk); err != nil {
			return nil, err
		}
		h := fnv.New128a()
		fmt.Fprintf(h, "%s %T %v", table, pk, pk)
		var key [16]byte
		h.Sum(key[:0])
		if binary.LittleEndian.Uint64(key[:])%parts != part {
			continue
		}
		if _, ok := seen[key]; ok {
			old = append(old, seq)
		}
		seen[key] = struct{}{}
	}
	return old, rows.Err()
}
