package audit

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// index finds entries by actor, patient, action and time. It is derived from the chain, in
// a file of its own that can be deleted: the next start makes it again. It is kept behind
// the back of those who wait, and brought up to date before each search.
type index struct {
	mu   sync.Mutex
	db   *sql.DB
	dir  string
	head func() chain.Head
	at   int64 // the last entry that is in it
}

const indexSchema = `
CREATE TABLE IF NOT EXISTS entries (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, outcome TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS entries_at ON entries (at, seq);
CREATE INDEX IF NOT EXISTS entries_actor ON entries (actor, seq);
CREATE INDEX IF NOT EXISTS entries_action ON entries (action, seq);
CREATE TABLE IF NOT EXISTS patients (patient TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (patient, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (mark TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (mark, seq)) STRICT, WITHOUT ROWID;`

func openIndex(c *chain.Chain) (*index, error) {
	dir := c.Dir()
	db, err := sql.Open("sqlite", kernel.DatabaseURI(indexPath(dir))+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(indexSchema); err != nil {
		return nil, errors.Join(fmt.Errorf("open the audit index (it may be deleted: it is made again): %w", err), db.Close())
	}
	x := &index{db: db, dir: dir, head: c.Head}
	return x, errors.Join(x.begin(), x.catchUp())
}

// begin finds how far the index is, and starts over when it is of another trail.
func (x *index) begin() error {
	var hash []byte
	err := x.db.QueryRow("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").Scan(&x.at, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	same := false
	err = chain.Read(x.dir, []int64{x.at}, func(r chain.Row) error { same = string(r.Hash[:]) == string(hash); return nil })
	if err != nil || same {
		return err
	}
	x.at = 0
	_, err = x.db.Exec("DELETE FROM entries; DELETE FROM patients; DELETE FROM marks")
	return err
}

func (x *index) close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.db.Close()
}

// indexBatch is how many entries are indexed in one transaction.
const indexBatch = 2000

// catchUp indexes what the chain has and the index has not.
func (x *index) catchUp() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	// Whatever somebody took off its end is put back.
	if err := x.db.QueryRow("SELECT coalesce(max(seq), 0) FROM entries").Scan(&x.at); err != nil {
		return err
	}
	for x.head().Seq > x.at {
		n, err := x.some()
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}

func (x *index) some() (n int, err error) {
	var rows []chain.Row
	err = chain.After(x.dir, x.at, indexBatch, func(r chain.Row) error { rows = append(rows, r); return nil })
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	tx, err := x.db.Begin()
	if err != nil {
		return 0, err
	}
	if err := add(tx, rows); err != nil {
		return 0, errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return 0, err
	}
	x.at = rows[len(rows)-1].Seq
	return len(rows), nil
}

func add(tx *sql.Tx, rows []chain.Row) error {
	var into [3]*sql.Stmt
	for i, statement := range []string{
		"INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?)", "INSERT OR IGNORE INTO patients VALUES (?, ?)", "INSERT OR IGNORE INTO marks VALUES (?, ?)",
	} {
		prepared, err := tx.Prepare(statement)
		if err != nil {
			return err
		}
		defer prepared.Close()
		into[i] = prepared
	}
	for _, r := range rows {
		e, err := r.Entry()
		if err != nil {
			continue // verification says so; a search goes on
		}
		if _, err := into[0].Exec(r.Seq, e.At, e.Actor, e.Action, e.Outcome, r.Hash[:]); err != nil {
			return err
		}
		for i, list := range [][]string{e.Patients, e.Marks} {
			for _, v := range list {
				if _, err := into[i+1].Exec(v, r.Seq); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// search is what somebody looks for; empty fields match everything.
type search struct {
	actor, patient, action, outcome, mark string
	from, to                              string // instants, as entries have them; to is excluded
}

func (q search) where() (string, []any) {
	var parts []string
	var args []any
	is := func(condition, v string) {
		if v != "" {
			parts, args = append(parts, condition), append(args, v)
		}
	}
	is("seq IN (SELECT seq FROM patients WHERE patient = ?)", q.patient)
	is("seq IN (SELECT seq FROM marks WHERE mark = ?)", q.mark)
	is("actor = ?", q.actor)
	is("action = ?", q.action)
	is("outcome = ?", q.outcome)
	is("at >= ?", q.from)
	is("at < ?", q.to)
	if len(parts) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(parts, " AND "), args
}

// has reports whether an entry has the action or the mark.
func (x *index) has(column, value string) (there bool, err error) {
	if err := x.catchUp(); err != nil {
		return false, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	table := map[string]string{"action": "entries", "mark": "marks"}[column]
	err = x.db.QueryRow("SELECT EXISTS (SELECT 1 FROM "+table+" WHERE "+column+" = ?)", value).Scan(&there)
	return there, err
}

// find returns how many entries match, and those of the page, newest first. limit 0 is all.
func (x *index) find(q search, offset, limit int64) (total int, rows []chain.Row, err error) {
	if err := x.catchUp(); err != nil {
		return 0, nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	where, args := q.where()
	if err := x.db.QueryRow("SELECT count(*) FROM entries"+where, args...).Scan(&total); err != nil {
		return 0, nil, err
	}
	if limit == 0 {
		limit = -1
	}
	list, err := x.db.Query("SELECT seq FROM entries"+where+" ORDER BY seq DESC LIMIT ? OFFSET ?", append(args, limit, offset)...)
	if err != nil {
		return 0, nil, err
	}
	defer list.Close()
	var seqs []int64
	for list.Next() {
		var n int64
		if err := list.Scan(&n); err != nil {
			return 0, nil, err
		}
		seqs = append(seqs, n)
	}
	if err := list.Err(); err != nil {
		return 0, nil, err
	}
	err = chain.Read(x.dir, seqs, func(r chain.Row) error { rows = append(rows, r); return nil })
	return total, rows, err
}
