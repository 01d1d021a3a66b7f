package privacy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/lock"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// restored is privacyapi.Restored.
type restored struct{}

const databaseName = "data.db"

// Outlive is privacyapi.Restored's.
func (restored) Outlive(dir, from string, backup time.Time) (string, error) {
	db, err := dbx.Open("sqlite", filepath.Join(dir, databaseName))
	if err != nil {
		return "", err
	}
	said, err := outlive(db, dir, from, backup)
	return said, errors.Join(err, db.Close())
}

func outlive(db *dbx.DB, dir, from string, backup time.Time) (said string, err error) {
	key, err := listKey(db)
	if err != nil {
		return "", err
	}
	list, note, err := listFrom(from, dir, key, backup)
	if err != nil {
		return "", fmt.Errorf("the erasures in %s: %w. Take a copy of the list (%s) from elsewhere, or the former data folder, with --erasures; --erasures none restores without, and then whoever was erased is not", from, err, privacyapi.ErasuresList)
	}
	have, err := erasedIn(db)
	if err != nil {
		return "", err
	}
	again, err := present(db, lacking(list, have))
	if err != nil {
		return "", err
	}
	if len(again) == 0 {
		return fmt.Sprintf("Nobody has to be erased again: %s names no patient of this backup who was erased after it.%s", from, note), nil
	}
	raw, err := json.Marshal(again)
	if err != nil {
		return "", err
	}
	now := types.NowDateTime().String()
	_, err = db.NewQuery("INSERT OR REPLACE INTO _params (id, value, created, updated) VALUES ({:id}, {:value}, {:now}, {:now})").
		Bind(dbx.Params{"id": kernel.UnsettledParam, "value": string(raw), "now": now}).Execute()
	return fmt.Sprintf("%d erasures are done again by the first start, before it serves anybody: those after the backup, by %s.%s", len(again), from, note), err
}

// present returns the erasures of patients whom the data have.
func present(db dbx.Builder, list []erasure) (out []erasure, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	find := db.NewQuery("SELECT count(*) FROM patients WHERE id = {:id}").Prepare()
	defer func() { err = errors.Join(err, find.Close()) }()
	for _, e := range list {
		var n int
		if err := find.Bind(dbx.Params{"id": e.Patient}).Row(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			out = append(out, e)
		}
	}
	return out, nil
}

// listFrom reads the erasures in a list or a former data folder; note is what to tell of them.
func listFrom(from, dir, key string, backup time.Time) (list []erasure, note string, err error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, "", err
	}
	path := from
	if info.IsDir() {
		_, err := os.Stat(filepath.Join(from, databaseName))
		if err == nil {
			list, err = formerly(from, dir)
			return list, "", err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
		if path = filepath.Join(from, privacyapi.ErasuresList); notThere(path) {
			path = localList(from)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	l, err := readList(f, key)
	if err != nil {
		return nil, "", err
	}
	note = " It is as of " + l.At.Time().UTC().Format(time.RFC3339) + "."
	if l.At.Time().Before(backup) {
		note += " THAT IS BEFORE THE BACKUP WAS MADE: a newer one may know of more, look for it and restore again."
	}
	if key == "" {
		note += " Whether it was altered cannot be told: the backup is of a version without its key."
	}
	return l.List, note, nil
}

func notThere(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

var errServed = errors.New("a Polyclinic is serving that folder: end it, or name its list, backups/" + privacyapi.ErasuresList)

// formerly reads the erasures of a data folder and leaves it as it is: opening a database with a
// log would write to it, so that one is copied into dir first.
func formerly(folder, dir string) (list []erasure, err error) {
	if f, err := os.Open(filepath.Join(folder, kernel.LockName)); err == nil {
		defer f.Close() // gives the lock back, too
		if taken, err := lock.Take(f); taken || err != nil {
			return nil, errors.Join(errServed, err)
		}
	}
	path := filepath.Join(folder, databaseName)
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		copied, failed := os.MkdirTemp(dir, ".former-*")
		if failed != nil {
			return nil, failed
		}
		defer func() { err = errors.Join(err, os.RemoveAll(copied)) }()
		for _, end := range []string{"", "-wal"} {
			if err := copyFile(path+end, filepath.Join(copied, databaseName+end)); err != nil {
				return nil, err
			}
		}
		path = filepath.Join(copied, databaseName)
	} else {
		path = kernel.DatabaseURI(path) + "?immutable=1"
	}
	db, err := dbx.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	list, err = erasedIn(db)
	return list, errors.Join(err, db.Close())
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}
