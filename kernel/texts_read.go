package kernel

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"unicode/utf8"
)

type reader interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// readTextState returns the state of what was committed last, or of a transaction.
func readTextState(db reader) (s textState, err error) {
	err = db.QueryRowContext(context.Background(), "SELECT schema_version, coalesce((SELECT seq FROM sqlite_sequence WHERE name = '_search_changes'), 0) FROM pragma_schema_version").
		Scan(&s.version, &s.seq)
	return s, err
}

// readOnly runs fn on one state of the data.
func readOnly(pool *sql.DB, fn func(tx *sql.Tx) error) error {
	tx, err := pool.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	return errors.Join(fn(tx), tx.Rollback())
}

// follow reads the rows that changed since. It is not done where that is not enough: not all of
// them are noted, or there are many.
func (t *texts) follow(pool *sql.DB, collection string) (done bool, now textState, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err = readOnly(pool, func(tx *sql.Tx) error {
		var err error
		if now, err = readTextState(tx); err != nil || now.version != t.at.version || t.base == nil || now.seq < t.at.seq || now.seq-t.at.seq > maxChanged {
			return err
		}
		var noted int64
		if err := tx.QueryRow("SELECT count(*) FROM _search_changes WHERE seq > ?", t.at.seq).Scan(&noted); err != nil || noted != now.seq-t.at.seq {
			return err
		}
		changed := map[string]changedText{}
		err = eachText(tx, "SELECT n.row, CAST(coalesce(c."+SearchColumn+", '') AS TEXT) FROM (SELECT DISTINCT row FROM _search_changes WHERE seq > ? AND collection = ?) n LEFT JOIN "+sqlName(collection)+" c ON c.id = n.row",
			func(id, text []byte) bool {
				changed[string(id)] = changedText{string(lowerASCII(slices.Clone(text))), !utf8.Valid(text)}
				return true
			}, t.at.seq, collection)
		if err != nil || len(t.changed)+len(changed) > maxChanged {
			return err
		}
		maps.Copy(t.changed, changed)
		t.at, done = now, true
		return nil
	})
	return done, now, err
}

// load reads everything, or finds that nothing can be held.
func (t *texts) load(k *Kernel, pool *sql.DB, collection string) (now textState, err error) {
	b, odd := &textBase{}, map[string]changedText{}
	err = readOnly(pool, func(tx *sql.Tx) error {
		if now, err = readTextState(tx); err != nil {
			return err
		}
		if noted, err := areTextsNoted(tx, k.access[collection].textTriggers()); err != nil || !noted {
			b = nil
			return err
		}
		return eachText(tx, "SELECT id, CAST(coalesce("+SearchColumn+", '') AS TEXT) FROM "+sqlName(collection), func(id, text []byte) bool {
			if !utf8.Valid(text) {
				odd[string(id)] = changedText{odd: true}
				return true
			}
			b.add(id, text)
			if len(b.ids)+len(b.texts) > maxTexts {
				b = nil
			}
			return b != nil
		})
	})
	if err != nil {
		return now, err
	}
	if b != nil {
		b.finish()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.base, t.changed = now, b, odd
	return now, nil
}

// eachText runs fn on id and text of each row until it returns false. Both are overwritten by the next.
func eachText(tx *sql.Tx, query string, fn func(id, text []byte) bool, args ...any) error {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for more := true; more && rows.Next(); {
		var id, text sql.RawBytes
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		more = fn(id, text)
	}
	return rows.Err()
}

// areTextsNoted reports whether the triggers are there, as they are to be.
func areTextsNoted(tx *sql.Tx, want map[string]string) (bool, error) {
	for name, sql := range want {
		var same bool
		if err := tx.QueryRow("SELECT count(*) > 0 FROM sqlite_master WHERE type = 'trigger' AND name = ? AND sql = ?", name, sql).Scan(&same); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// lowerASCII makes small letters as LIKE does, in place.
func lowerASCII(text []byte) []byte {
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			text[i] = c + 'a' - 'A'
		}
	}
	return text
}
