package audit

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// kept is what data.db knows of the trail, as of one moment ahead of reading it: the writes that
// it handed over must be in the trail, and what it keeps of them must be what the trail has the
// hash of, unless the trail says that it was erased.
type kept struct {
	db  *dbx.DB // nil where there is no data.db, or one of before there was a trail
	tx  *dbx.Tx
	row *dbx.Query
	err error

	gone   bool   // there is no data.db
	served string // the epoch that the trail was last written with, "" after an entry that another was to follow
	wrote  int64  // the last write of it
	epoch  string
	last   int64 // write
	left   int64 // the last write that left data.db for the trail
	holes  int64 // writes after that one that are in neither
	got    int64 // the last write of the epoch that the trail has

	missing   map[string]missing // what is no longer kept, by whose it was
	forgotten map[string]int64   // the last write that says so, by the same
}

// missing is the last entry whose values are not there.
type missing struct{ seq, write int64 }

func openKept(database string) (*kept, error) {
	k := &kept{missing: map[string]missing{}, forgotten: map[string]int64{}}
	if info, err := os.Stat(database); err != nil || info.Size() == 0 {
		k.gone = true
		return k, nil
	}
	opened, err := kernel.OpenToRead(database)
	if err != nil {
		return nil, err
	}
	db := dbx.NewFromDB(opened, "sqlite")
	var n int
	if err = db.NewQuery("SELECT count(*) FROM sqlite_master WHERE name = 'audit_state'").Row(&n); err != nil || n == 0 {
		return k, errors.Join(err, db.Close())
	}
	k.db = db
	if k.tx, err = db.Begin(); err == nil {
		err = k.read()
	}
	if err != nil {
		k.close()
		return nil, fmt.Errorf("read what data.db knows of the audit trail: %w", err)
	}
	return k, nil
}

func (k *kept) read() error {
	if err := k.tx.NewQuery("SELECT epoch FROM audit_state").Row(&k.epoch); err != nil {
		return err
	}
	var first, waits int64
	err := k.tx.NewQuery("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_writes'), 0), coalesce(min(id), 0), count(*) FROM audit_writes WHERE body IS NOT NULL").Row(&k.last, &first, &waits)
	if err != nil {
		return err
	}
	k.got = chain.Base(k.epoch)
	if k.left = k.last; waits > 0 {
		k.left = first - 1
	}
	k.holes = k.last - k.left - waits
	var rows []waiting
	if err := k.tx.Select("id", "body").From("audit_writes").Where(dbx.NewExp("body LIKE '%\"" + actionForget + "\"%'")).All(&rows); err != nil {
		return err
	}
	for _, r := range rows {
		var e chain.Entry
		if json.Unmarshal([]byte(r.Body), &e) == nil {
			e.Write = r.ID
			k.hear(e)
		}
	}
	k.row = k.tx.NewQuery("SELECT salt, diff FROM audit_writes WHERE id = {:id}").Prepare()
	return nil
}

// hear takes note of what the trail says was erased.
func (k *kept) hear(e chain.Entry) {
	if e.Action != actionForget || e.Write == 0 {
		return
	}
	ids := slices.Clone(e.Patients)
	for _, i := range e.Items {
		ids = append(ids, strings.TrimPrefix(i, kernel.AccountsCollection+"/"))
	}
	for _, id := range ids {
		k.forgotten[id] = max(k.forgotten[id], e.Write)
	}
}

// compare looks at the next entry of the trail. Of earlier epochs, whose data may have been
// replaced by a restored copy, nothing can be said.
func (k *kept) compare(r chain.Row, e chain.Entry) *chain.Problem {
	switch {
	case e.Action == actionRestored, e.Action == actionLost:
		k.served = ""
	case e.Epoch != "" && e.Epoch != k.served:
		k.served, k.wrote = e.Epoch, 0
	}
	k.wrote = max(k.wrote, e.Write, e.Through)
	if k.db == nil || k.err != nil || e.Epoch != k.epoch {
		return nil
	}
	k.got = max(k.got, e.Write, e.Through)
	k.hear(e)
	if e.Diff == "" || e.Write > k.last {
		return nil // nothing is kept of it, or it was written since
	}
	var salt, diff sql.NullString
	err := k.row.Bind(dbx.Params{"id": e.Write}).Row(&salt, &diff)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && !diff.Valid:
		return k.miss(r, e)
	case err != nil:
		k.err = err
	case sealed(salt.String, diff.String) != e.Diff:
		return &chain.Problem{Kind: chain.Edited, Seq: r.Seq, Text: fmt.Sprintf("the values before and after that data.db keeps of entry %d were changed", r.Seq)}
	}
	return nil
}

// miss takes note of values that are gone. Only a patient's are ever erased.
func (k *kept) miss(r chain.Row, e chain.Entry) *chain.Problem {
	who := whose(e)
	if who == "" {
		return takenOut(r.Seq)
	}
	k.missing[who] = missing{r.Seq, e.Write}
	return nil
}

func takenOut(seq int64) *chain.Problem {
	return &chain.Problem{Kind: chain.Removed, Seq: seq, Text: fmt.Sprintf("the values before and after that data.db kept of entry %d were taken out, and no entry says that they were erased", seq)}
}

// end compares what only the whole trail shows.
func (k *kept) end(report chain.Report) *chain.Problem {
	if k.db == nil {
		return nil
	}
	if k.got < k.left {
		return &chain.Problem{Kind: chain.Truncated, Seq: report.Last + 1, Text: fmt.Sprintf(
			"the trail ends with entry %d and has the writes to the data up to %d, but data.db handed it those up to %d: the end was cut off", report.Last, k.got, k.left)}
	}
	if k.holes > 0 {
		return &chain.Problem{Kind: chain.Lost, Seq: report.Last + 1, Text: fmt.Sprintf("%d writes that waited in data.db for the trail were removed", k.holes)}
	}
	var first *chain.Problem
	for who, m := range k.missing {
		if k.forgotten[who] < m.write && (first == nil || m.seq < first.Seq) {
			first = takenOut(m.seq)
		}
	}
	return first
}

// other tells that data.db is gone, or not the one that the trail was written with, "" when it is.
func (k *kept) other() string {
	switch {
	case k.gone:
		return "data.db is missing, so nothing says whether this is all of the trail: put it back, or restore a backup. A trail that was brought here alone is verified by its files, with --file"
	case k.served != "" && k.served != k.epoch:
		return otherData(k.epoch, k.served, k.wrote) + ". The next start notes it"
	}
	return ""
}

// older tells what the trail has and data.db, as it is now, has not.
func (k *kept) older() (string, error) {
	if k.db == nil {
		return "", nil
	}
	k.finish()
	var last int64
	err := k.db.NewQuery("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_writes'), 0)").Row(&last)
	if err != nil || last >= k.got {
		return "", err
	}
	return fmt.Sprintf("data.db is older than the trail: it lacks writes %d to %d, as a restored copy does. The next start notes it", last+1, k.got), nil
}

func (k *kept) finish() {
	if k.row != nil {
		_ = k.row.Close() // it was only read
		k.row = nil
	}
	if k.tx != nil {
		_ = k.tx.Rollback() // it was only read
		k.tx = nil
	}
}

func (k *kept) close() {
	k.finish()
	if k.db != nil {
		_ = k.db.Close() // it was only read
	}
}
