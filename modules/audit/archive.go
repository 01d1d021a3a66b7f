package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// archive moves the closed segments of a trail whose last entry is older than day into
// another folder. Ahead of it the trail must be whole, and it notes what leaves it. A crash
// leaves a segment in both folders, or the note and a segment that did not leave.
func archive(trail, to string, day time.Time) (moved []chain.Segment, err error) {
	report, err := chain.Verify(chain.Folder(trail), nil, true, nil)
	if err != nil {
		return nil, err
	}
	if report.Problem != nil {
		return nil, fmt.Errorf("nothing was moved: %s", report)
	}
	closed, err := chain.Closed(trail)
	if err != nil {
		return nil, err
	}
	var old []chain.Segment
	for _, s := range closed {
		var last chain.Entry
		err := chain.Read(trail, []int64{s.Last}, func(r chain.Row) (err error) { last, err = r.Entry(); return err })
		if err != nil {
			return nil, err
		}
		if last.At >= day.UTC().Format(time.DateOnly) {
			break
		}
		old = append(old, s)
	}
	if len(old) == 0 {
		return nil, nil
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return nil, err
	}
	if err := noteArchive(trail, old[len(old)-1]); err != nil {
		return nil, err
	}
	for _, s := range old {
		if err := move(s.Path, filepath.Join(to, filepath.Base(s.Path))); err != nil {
			return moved, err
		}
		moved = append(moved, s)
	}
	return moved, nil
}

// noteArchive says in the trail up to which entry it lies elsewhere, and what its hash is.
func noteArchive(trail string, last chain.Segment) error {
	c, err := chain.Open(trail)
	if err != nil {
		return err
	}
	b, err := chain.Encode(chain.Entry{
		Actor: process(false), Action: chain.ArchiveAction, Outcome: "ok", Count: int(last.Last), Why: "entry " + fmt.Sprint(last.Last) + " has the hash " + last.Head.String(),
	})
	if err == nil {
		err = c.Append(b)
	}
	return errors.Join(err, c.Close())
}

// move copies a closed segment, makes the copy durable, compares it, and removes the original.
func move(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	report, err := chain.Verify(chain.File(to), nil, false, nil)
	if err == nil && report.Problem != nil {
		err = report.Problem
	}
	if err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	return os.Remove(from)
}

// copyTrail is backupapi.Part.Copy.
func copyTrail(app core.App, to string) error {
	return chain.Copy(dir(app.DataDir()), filepath.Join(to, dirName))
}

// wholeTrail is backupapi.Part.Verify.
func wholeTrail(dataDir string) error {
	src := chain.Folder(filepath.Join(dataDir, dirName))
	report, err := chain.Verify(src, nil, true, nil)
	if err == nil && report.Problem == nil {
		err = compareKept(filepath.Join(dataDir, "data.db"), src, &report)
	}
	if err == nil && report.Problem != nil {
		err = report.Problem
	}
	return err
}

// compareKept looks whether the values that data.db keeps of writes are those that the
// trail has the hashes of. Erased ones are in order.
func compareKept(database string, src chain.Source, report *chain.Report) error {
	if _, err := os.Stat(database); err != nil {
		return nil // the trail alone was brought here
	}
	db, err := dbx.Open("sqlite", "file:"+database+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer db.Close()
	var epoch string
	if err := db.NewQuery("SELECT epoch FROM audit_state").Row(&epoch); err != nil {
		return nil // a data folder of before there was a trail
	}
	kept := db.NewQuery("SELECT salt, diff FROM audit_writes WHERE id = {:id} AND diff IS NOT NULL").Prepare()
	defer kept.Close()
	begin := func(int64, chain.Hash) error { return nil }
	err = src(begin, func(r chain.Row) error {
		e, err := r.Entry()
		if err != nil || e.Diff == "" || e.Epoch != epoch {
			return err
		}
		var salt, diff string
		if kept.Bind(dbx.Params{"id": e.Write}).Row(&salt, &diff) != nil {
			return nil // erased
		}
		if sealed(salt, diff) != e.Diff {
			return &chain.Problem{Kind: chain.Edited, Seq: r.Seq, Text: fmt.Sprintf("the values before and after that data.db keeps of entry %d were changed", r.Seq)}
		}
		return nil
	})
	if p, ok := errors.AsType[*chain.Problem](err); ok {
		report.Problem, err = p, nil
	}
	return err
}
