package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// reserve is room on the disk for the trail alone. Nothing of a patient is shown without an
// entry, and no entry can be written on a full disk: without it, reading would end there too.
// A full disk frees it, and from then on nothing is saved, until there is room for it again:
// it is for those who read.
type reserve struct {
	mu   sync.Mutex
	path string
	held bool // the file is there
	used bool // it was there, and the disk was full
}

const (
	reserveName = "reserve"

	// reserveBytes is shared by the entries of reads, their journal and their index.
	reserveBytes = 64 << 20
)

// hold takes the room, unless the disk has hardly any more than that.
func (r *reserve) hold(dir string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.path = filepath.Join(dir, reserveName)
	return r.take()
}

func (r *reserve) take() error {
	if info, err := os.Stat(r.path); err == nil && info.Size() == reserveBytes {
		r.held, r.used = true, false
		return nil
	}
	if free, _, known := kernel.DiskRoom(filepath.Dir(r.path)); known && free < 2*reserveBytes {
		return nil
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(allocate(f, reserveBytes), f.Close())
	}
	if err != nil {
		return errors.Join(err, r.remove())
	}
	r.held, r.used = true, false
	return nil
}

func (r *reserve) remove() error {
	if err := os.Remove(r.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// free gives the room to the trail and says whether there was any.
func (r *reserve) free() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.held || r.remove() != nil {
		return false // a disk that never had the room is not waited for
	}
	r.held, r.used = false, true
	return true
}

// renew takes the room again once there is some.
func (r *reserve) renew() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held || r.path == "" {
		return nil
	}
	return r.take()
}

// inUse tells that the disk was full and has not had room since.
func (r *reserve) inUse() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// zeros writes so many, where the system cannot set room aside.
func zeros(f *os.File, size int64) error {
	block := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(block)) {
		if _, err := f.WriteAt(block, at); err != nil {
			return err
		}
	}
	return f.Sync()
}

// append adds entries to the chain and returns when they are on the disk: on a full one, in
// the room that is kept for them.
func (t *trail) append(c *chain.Chain, bodies ...chain.Body) error {
	err := c.Append(bodies...)
	if full := kernel.StorageError(err); full != nil && full.Is(kernel.ErrDiskFull) && t.reserve.free() {
		t.k.App.Logger().Error("the disk is full: nothing is saved until there is room, reading goes on from the audit trail's reserve")
		err = c.Append(bodies...)
	}
	return err
}
