package chain

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// NewEpoch names an epoch of data.db whose writes are numbered from last+1 on.
func NewEpoch(id string, last int64) string {
	if last == 0 {
		return id
	}
	return id + "+" + strconv.FormatInt(last, 10)
}

// Base returns the number after which the writes of an epoch begin.
func Base(epoch string) int64 {
	_, after, _ := strings.Cut(epoch, "+")
	n, _ := strconv.ParseInt(after, 10, 64) // none: 0
	return n
}

// LastWrite returns the number of the last write of the epoch that the trail has, or had before
// segments left it; 0 when none.
func (c *Chain) LastWrite(epoch string) (last int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	paths, err := Paths(c.dir)
	if err != nil {
		return 0, err
	}
	for i := len(paths) - 1; i >= 0 && last == 0; i-- {
		db, err := openFile(paths[i], false)
		if err != nil {
			return 0, err
		}
		err = db.QueryRow("SELECT coalesce(max(write), 0) FROM entries WHERE epoch = ? AND write IS NOT NULL", epoch).Scan(&last)
		if err = errors.Join(err, db.Close()); err != nil {
			return 0, err
		}
	}
	if last > 0 || len(paths) == 0 || firstOf(paths[0]) == 1 {
		return last, nil
	}
	return through(paths, epoch)
}

// LastEpoch returns the epoch of data.db that the trail was last written with: that of the last
// entry which names one. It is empty where none does, or where an entry with one of the actions
// came after it: from that on, another epoch was to follow.
func (c *Chain) LastEpoch(after ...string) (epoch string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	paths, err := Paths(c.dir)
	if err != nil {
		return "", err
	}
	where, args := `body LIKE '%"epoch":"%'`, []any(nil)
	for _, action := range after {
		where, args = where+" OR body LIKE ?", append(args, `%"action":"`+action+`"%`)
	}
	for i := len(paths) - 1; i >= 0; i-- {
		n, err := query(paths[i], func(r Row) error {
			e, err := r.Entry()
			if !slices.Contains(after, e.Action) {
				epoch = e.Epoch
			}
			return err
		}, "SELECT seq, prev, hash, body FROM entries WHERE "+where+" ORDER BY seq DESC LIMIT 1", args...)
		if err != nil || n > 0 {
			return epoch, err
		}
	}
	return "", nil
}

// through returns the last write of the epoch that is elsewhere, as the notes of archives say.
func through(paths []string, epoch string) (last int64, err error) {
	for _, p := range paths {
		_, err := query(p, func(r Row) error {
			if e, err := r.Entry(); err == nil && e.Action == ArchiveAction && e.Epoch == epoch {
				last = max(last, e.Through)
			}
			return nil
		}, "SELECT seq, prev, hash, body FROM entries WHERE body LIKE ?", "%"+ArchiveAction+"%")
		if err != nil {
			return 0, err
		}
	}
	return last, nil
}
