package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// archive moves the closed segments of a trail whose last entry is older than day into
// another folder. Ahead of it the trail must be whole, and it notes what leaves it. A crash
// leaves a segment in both folders, or the note and a segment that did not leave.
func archive(trail, to string, day time.Time) (moved []chain.Segment, err error) {
	var through chain.Entry
	report, err := chain.Verify(chain.Folder(trail), nil, true, func(_ chain.Row, e chain.Entry) *chain.Problem {
		if n := max(e.Write, e.Through); n > 0 {
			through = chain.Entry{Epoch: e.Epoch, Through: n}
		}
		return nil
	})
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
	if err := noteArchive(trail, old[len(old)-1], through); err != nil {
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

// noteArchive says in the trail up to which entry it lies elsewhere, what its hash is, and which
// was the last write: with it data.db can be compared, also when all writes are elsewhere.
func noteArchive(trail string, last chain.Segment, note chain.Entry) error {
	c, err := chain.Open(trail)
	if err != nil {
		return err
	}
	note.Actor, note.Action, note.Outcome, note.Count = process(false), chain.ArchiveAction, "ok", int(last.Last)
	note.Why = "entry " + fmt.Sprint(last.Last) + " has the hash " + last.Head.String()
	b, err := chain.Encode(note)
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

// trailFiles is backupapi.Part.Databases.
func trailFiles(app core.App) (map[string]string, error) {
	paths, err := chain.Paths(dir(app.DataDir()))
	out := make(map[string]string, len(paths))
	for _, p := range paths {
		out[dirName+"/"+filepath.Base(p)] = p
	}
	return out, err
}

// copyTrail is backupapi.Part.Copy.
func copyTrail(app core.App, to string) error {
	return chain.Copy(dir(app.DataDir()), filepath.Join(to, dirName))
}
