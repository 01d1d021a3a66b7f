package chain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrInUse says that another process writes the trail.
var ErrInUse = errors.New("the audit trail is in use by another process")

// Rotate closes the open segment and begins the next one, whose first entry is tied to the
// last of the closed. It does nothing, and returns false, when the open segment is empty.
func (c *Chain) Rotate() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stale || c.head.Seq < c.first {
		return false, nil
	}
	path := filepath.Join(c.dir, segmentName(c.head.Seq+1))
	if err := create(path, c.trail, c.head.Seq+1, c.head.Hash); err != nil {
		return false, fmt.Errorf("begin a segment: %w", errors.Join(err, os.Remove(path)))
	}
	old, add := c.db, c.add
	if err := c.openSegment(path); err != nil {
		c.db, c.add = old, add
		return false, err
	}
	// The closed file stands alone from here on, and can be read from a medium that cannot be
	// written. While somebody reads it, it cannot leave its log yet: that is no failure.
	err := add.Close()
	_, _ = old.Exec("PRAGMA journal_mode = DELETE")
	return true, errors.Join(err, old.Close())
}

// Copy writes a copy of the trail into dir, which must not exist, as of some moment during
// the call. The writer goes on meanwhile.
func Copy(from, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	paths, err := Paths(from)
	if err != nil {
		return err
	}
	for _, p := range paths {
		db, err := openFile(p, false)
		if err != nil {
			return err
		}
		_, err = db.Exec("VACUUM INTO ?", filepath.Join(dir, filepath.Base(p)))
		if err = errors.Join(err, db.Close()); err != nil {
			return fmt.Errorf("copy %s: %w", filepath.Base(p), err)
		}
	}
	return nil
}

// Closed returns the segments before the last, oldest first: file, first and last entry.
func Closed(dir string) (list []Segment, err error) {
	all, err := described(dir)
	for i := 0; i+1 < len(all); i++ {
		list = append(list, Segment{Path: all[i].path, First: all[i].first, Last: all[i+1].first - 1, Head: all[i+1].prev})
	}
	return list, err
}

// Segment is a closed part of a trail.
type Segment struct {
	Path        string
	First, Last int64
	Head        Hash // of its last entry
}
