package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/dbx"
)

// CopyDatabase writes a consistent copy of the SQLite database at from into the new file to,
// and puts it on the disk. It has a connection of its own: a server may go on writing, its
// writers do not wait. to is there either complete or not at all.
func CopyDatabase(from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return err // opening it would create an empty one
	}
	db, err := dbx.Open("sqlite", from+"?_pragma=busy_timeout(10000)&_pragma=temp_store(MEMORY)")
	if err != nil {
		return err
	}
	defer db.Close()
	partial := to + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer syncAlong(partial)()
	if _, err := db.NewQuery("VACUUM INTO {:to}").Bind(dbx.Params{"to": partial}).Execute(); err != nil {
		return errors.Join(fmt.Errorf("copy the database: %w", err), removed(partial))
	}
	if err := SyncFile(partial); err != nil {
		return errors.Join(err, removed(partial))
	}
	if err := os.Rename(partial, to); err != nil {
		return err
	}
	return SyncFile(filepath.Dir(to))
}

// syncAlong puts a file that grows on the disk piece by piece until it is stopped: SQLite leaves
// all of it to the end, and every commit of the clinic would wait behind a gigabyte.
func syncAlong(path string) (stop func()) {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				_ = SyncFile(path) // not there yet, or renamed: the copy itself is synced at the end
			}
		}
	}()
	return func() { close(done) }
}

// removed deletes what a failed copy left.
func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// SyncFile puts a file, or the names in a folder, on the disk.
func SyncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
