package backup

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/backup/backupapi"
)

// flaw is what a module says is wrong with its part of a backup. It was so when the backup was
// made: the backup holds it as it was.
type flaw struct{ err error }

func (f *flaw) Error() string { return f.err.Error() }

// inspect looks whether an unpacked backup is whole: the database is sound and has the rows of
// the manifest, the files that rows name are there, and each part says that it is in order. Where
// a part alone is not, the error is a flaw.
func inspect(k *kernel.Kernel, dir string, m Manifest) error {
	db, err := open(filepath.Join(dir, database))
	if err != nil {
		return err
	}
	err = inspectDatabase(db, dir, m)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	var flaws []error
	for _, p := range kernel.All[backupapi.Part](k) {
		if p.Verify != nil {
			if err := p.Verify(dir); err != nil {
				flaws = append(flaws, fmt.Errorf("%s: %w", p.Name, err))
			}
		}
	}
	if len(flaws) > 0 {
		return &flaw{errors.Join(flaws...)}
	}
	return nil
}

func inspectDatabase(db *dbx.DB, dir string, m Manifest) error {
	var said string
	if err := db.NewQuery("PRAGMA integrity_check(1)").Row(&said); err != nil {
		return damaged(err)
	}
	if said != "ok" {
		return damaged(fmt.Errorf("the database is not sound: %s", said))
	}
	have, err := rows(db)
	if err != nil {
		return damaged(err)
	}
	if !maps.Equal(have, m.Rows) {
		return damaged(errors.New("the tables do not have as many rows as the manifest says"))
	}
	if m.Outside {
		return nil
	}
	paths, err := named(db)
	if err != nil {
		return damaged(err)
	}
	for _, p := range paths {
		if _, err := os.Lstat(filepath.Join(dir, p)); err != nil && !slices.Contains(m.Missing, filepath.ToSlash(p)) {
			return damaged(fmt.Errorf("the file %s is not in it", filepath.ToSlash(p)))
		}
	}
	return nil
}
