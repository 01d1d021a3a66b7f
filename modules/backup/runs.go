package backup

import (
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// run is one backup that was made, or failed.
type run struct {
	At        types.DateTime `db:"at"`
	Name      string         `db:"name"`
	Bytes     int64          `db:"bytes"`
	Encrypted bool           `db:"encrypted"`
	Error     string         `db:"error"`

	Row        int64          `db:"row"`
	Sum        string         `db:"sum"`        // SHA-256 of the file, "" where it went elsewhere
	CheckedAt  types.DateTime `db:"checkedAt"`  // when it was opened and found whole, or not
	CheckError string         `db:"checkError"` // what is wrong with it
	CheckNote  string         `db:"checkNote"`  // why it was not opened, or not all of it looked at
}

// addChecks lets runs say what came of opening them.
func addChecks(tx core.App) error {
	for _, column := range []string{"sum", "checkedAt", "checkError", "checkNote"} {
		if _, err := tx.DB().NewQuery("ALTER TABLE backup_runs ADD COLUMN " + column + " TEXT NOT NULL DEFAULT ''").Execute(); err != nil {
			return err
		}
	}
	return nil
}

// record remembers a backup for the checks. What it cannot write it logs: the backup itself
// does not fail by it.
func record(app core.App, r run, failure error) {
	if !app.HasTable("backup_runs") {
		return // a folder that no server has prepared yet
	}
	if failure != nil {
		r.Error = failure.Error()
	}
	err := app.RunInTransaction(func(tx core.App) error {
		_, err := tx.DB().Insert("backup_runs", dbx.Params{"at": types.NowDateTime().String(), "name": r.Name, "bytes": r.Bytes, "encrypted": r.Encrypted, "error": r.Error, "sum": r.Sum, "checkError": r.CheckError}).Execute()
		if err != nil {
			return err
		}
		_, err = tx.DB().NewQuery("DELETE FROM backup_runs WHERE rowid <= (SELECT max(rowid) FROM backup_runs) - 100").Execute()
		return err
	})
	if err != nil {
		app.Logger().Error("backup not recorded", "backup", r.Name, "error", err)
	}
}

// runs returns them all, the newest first.
func runs(app core.App) (all []run, err error) {
	err = app.DB().Select("rowid AS row", "at", "name", "bytes", "encrypted", "error", "sum", "checkedAt", "checkError", "checkNote").From("backup_runs").OrderBy("rowid DESC").All(&all)
	return all, err
}

// latest returns the newest run, and the newest that succeeded; each nil when there is none.
func latest(app core.App) (last, good *run, err error) {
	all, err := runs(app)
	if err != nil {
		return nil, nil, err
	}
	for i := range all {
		if last == nil {
			last = &all[i]
		}
		if all[i].Error == "" {
			return last, &all[i], nil
		}
	}
	return last, nil, nil
}

// age returns how long ago the run was.
func (r run) age(now time.Time) time.Duration { return now.Sub(r.At.Time()) }

// copied writes the file from into the new file to and puts it on the disk.
func copied(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(&gentle{file: dst}, src)
	return errors.Join(err, dst.Sync(), dst.Close())
}

// alive reports whether a process other than this one is running under the number. A server in
// a container has the same number after each start.
func alive(pid int) bool {
	if pid == os.Getpid() {
		return false
	}
	p, err := os.FindProcess(pid)
	if err != nil || runtime.GOOS == "windows" {
		return err == nil
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, syscall.EPERM)
}
