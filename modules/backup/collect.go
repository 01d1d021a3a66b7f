package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/backup/backupapi"
)

// collect puts a consistent copy of the data folder into the new folder dir, which lies on the
// same disk, and returns what the manifest says of it. Keys are in it only when it will be encrypted.
// Writers go on meanwhile.
func (m maker) collect(app core.App, dir string, o order) (Manifest, error) {
	out := Manifest{Format: format, Version: m.version, Missing: []string{}, Outside: app.Settings().S3.Enabled, Chain: o.chain}
	if err := m.matching(app, dir, o, &out); err != nil {
		return out, err
	}
	if o.logs {
		const name = "auxiliary.db"
		if err := kernel.CopyDatabase(filepath.Join(app.DataDir(), name), filepath.Join(dir, name)); err != nil {
			return out, err
		}
	}
	for _, p := range kernel.All[backupapi.Part](kernel.Of(app)) {
		if err := copyPart(app, dir, p, o); err != nil {
			return out, fmt.Errorf("copy %s: %w", p.Name, err)
		}
	}
	return out, nil
}

func copyPart(app core.App, dir string, p backupapi.Part, o order) error {
	switch {
	case p.Copy == nil, p.Secret && len(o.to) == 0:
		return nil
	case p.Databases == nil || o.chain == "":
		return p.Copy(app, dir)
	}
	databases, err := p.Databases(app)
	if err != nil {
		return err
	}
	for name, path := range databases {
		if err := copyPages(path, filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

// matching copies the database with every file that its rows name. A file is written ahead of
// its row and deleted after it, so those of before the copy and those of after it are nearly
// all; one that came and went meanwhile is seen, and then it starts over.
func (m maker) matching(app core.App, dir string, o order, out *Manifest) error {
	copyDatabase := kernel.CopyDatabase
	if o.chain != "" {
		copyDatabase = copyPages
	}
	var before []string
	for try := 0; ; try++ {
		if err := gather(app, dir, nil); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(dir, database)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		out.At = time.Now().UTC()
		if err := copyDatabase(filepath.Join(app.DataDir(), database), filepath.Join(dir, database)); err != nil {
			return err
		}
		if err := gather(app, dir, nil); err != nil {
			return err
		}
		missing, err := describe(dir, out)
		if err != nil || len(missing) == 0 || out.Outside {
			return err
		}
		if slices.Equal(missing, before) || try == 4 {
			out.Missing = missing // the clinic itself has lost them
			return nil
		}
		before = missing
	}
}

// describe counts the rows of the copy and returns which of the files they name are not there.
func describe(dir string, out *Manifest) (missing []string, err error) {
	db, err := open(filepath.Join(dir, database))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if out.Rows, err = rows(db); err != nil {
		return nil, err
	}
	paths, err := named(db)
	for _, p := range paths {
		if _, statErr := os.Lstat(filepath.Join(dir, p)); statErr != nil {
			missing = append(missing, filepath.ToSlash(p))
		}
	}
	return missing, err
}

// gather links the uploaded files into dir: they are written once and never changed. Thumbnails
// are left out, they are made anew, and so are those that has reports to be elsewhere.
func gather(app core.App, dir string, has func(name string) bool) error {
	root := app.DataDir()
	return filepath.WalkDir(filepath.Join(root, core.LocalStorageDirName), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile, or nothing was uploaded yet
		}
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), "thumbs_") {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if has != nil && has(filepath.ToSlash(name)) {
			return nil
		}
		return link(path, filepath.Join(dir, name))
	})
}

// link makes to the same file as from, or a copy where the file system knows no links. A file
// that was deleted meanwhile is left out.
func link(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	src, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
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
