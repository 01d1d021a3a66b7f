package audit

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// indexed compares the index with the entries that it was made of: what is not in it, a search
// or a patient's access log does not find. It is the index of one moment ahead of reading the
// trail, so it may have fewer entries, and never more.
type indexed struct {
	db  *sql.DB // nil where there is none: it is made at the next start
	tx  *sql.Tx
	at  int64 // the last entry that is in it
	err error

	entries, patients, marks *listed
}

func openIndexed(trail string) (*indexed, error) {
	x := &indexed{}
	path := indexPath(trail)
	if _, err := os.Stat(path); err != nil {
		return x, nil
	}
	db, err := kernel.OpenToRead(path)
	if err != nil {
		return nil, err
	}
	x.db = db
	if x.tx, err = db.Begin(); err == nil {
		err = x.read()
	}
	if err != nil {
		x.close()
		return nil, fmt.Errorf("read the audit index (%s may be deleted while no server runs: it is made again): %w", path, err)
	}
	return x, nil
}

func indexPath(trail string) string { return filepath.Join(trail, "index.db") }

func (x *indexed) read() error {
	err := x.tx.QueryRow("SELECT coalesce(max(seq), 0) FROM entries").Scan(&x.at)
	for into, statement := range map[**listed]string{
		&x.entries:  "SELECT seq, at || char(31) || actor || char(31) || action || char(31) || outcome || char(31) || lower(hex(hash)) FROM entries ORDER BY seq",
		&x.patients: "SELECT seq, patient FROM patients ORDER BY seq, patient",
		&x.marks:    "SELECT seq, mark FROM marks ORDER BY seq, mark",
	} {
		if err == nil {
			*into, err = list(x.tx, statement)
		}
	}
	return err
}

// compare looks at the next entry of the trail.
func (x *indexed) compare(r chain.Row, e chain.Entry) *chain.Problem {
	if x.db == nil || x.err != nil || r.Seq > x.at {
		return nil
	}
	for _, each := range []struct {
		has  *listed
		want []string
	}{
		{x.entries, []string{strings.Join([]string{e.At, e.Actor, e.Action, e.Outcome, r.Hash.String()}, "\x1f")}},
		{x.patients, unique(slices.Clone(e.Patients))},
		{x.marks, unique(slices.Clone(e.Marks))},
	} {
		has, err := each.has.of(r.Seq)
		if x.err = err; err != nil {
			return nil
		}
		if !slices.Equal(has, each.want) {
			return &chain.Problem{Kind: chain.Misindexed, Seq: r.Seq, Text: fmt.Sprintf(
				"the index says something else of entry %d than the entry itself, so searches and access logs are wrong: end the server, delete index.db in the trail's folder, and start it, which makes it again", r.Seq)}
		}
	}
	return nil
}

// end looks whether the index knows entries that are no longer in the trail.
func (x *indexed) end(report chain.Report) *chain.Problem {
	if x.db == nil || x.at <= report.Last {
		return nil
	}
	return &chain.Problem{Kind: chain.Truncated, Seq: report.Last + 1, Text: fmt.Sprintf("the trail ends with entry %d, but the index has entry %d: the end was cut off", report.Last, x.at)}
}

func (x *indexed) close() {
	for _, l := range []*listed{x.entries, x.patients, x.marks} {
		if l != nil {
			_ = l.rows.Close() // it was only read
		}
	}
	if x.tx != nil {
		_ = x.tx.Rollback() // it was only read
	}
	if x.db != nil {
		_ = x.db.Close() // it was only read
	}
}

// listed are rows of a number and a text, by number.
type listed struct {
	rows *sql.Rows
	seq  int64 // of the next row, 0 before the first
	text string
	over bool
}

func list(tx *sql.Tx, statement string) (*listed, error) {
	rows, err := tx.Query(statement)
	if err != nil {
		return nil, err
	}
	l := &listed{rows: rows}
	return l, l.next()
}

func (l *listed) next() error {
	if !l.rows.Next() {
		l.over = true
		return l.rows.Err()
	}
	return l.rows.Scan(&l.seq, &l.text)
}

// of returns the texts of a number, and passes over those of lower ones, which were archived.
func (l *listed) of(seq int64) (texts []string, err error) {
	for !l.over && l.seq <= seq {
		if l.seq == seq {
			texts = append(texts, l.text)
		}
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	return texts, nil
}
