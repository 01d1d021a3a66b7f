package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// lookFolder is where in the data folder a backup is unpacked to be looked through.
const lookFolder = ".look"

// spared is how much of a disk stays free while a backup is looked through.
const spared = 512 << 20

// lookThrough opens the newest backup that lies where the settings have backups, unless it has
// done so before, and notes what came of it for the checks. It is behind everything else that wants
// a processor, and its errors are of the attempt: it is made again.
func (m maker) lookThrough(app core.App) error {
	if !m.checking.TryLock() {
		return nil // the one before is at it
	}
	defer m.checking.Unlock()
	dir := filepath.Join(app.DataDir(), lookFolder)
	if err := os.RemoveAll(dir); err != nil { // of a server that was killed: it is in the clear, and takes room
		return err
	}
	fsys, err := app.NewBackupsFilesystem()
	if err != nil {
		return err
	}
	defer fsys.Close()
	all, err := runs(app)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Error != "" || r.Sum == "" {
			continue
		}
		there, err := fsys.Exists(r.Name)
		if err != nil {
			return fmt.Errorf("look for the backup %s: %w", r.Name, err)
		}
		if !there {
			continue // rotated out, or taken elsewhere
		}
		if !r.CheckedAt.IsZero() {
			return nil
		}
		if text := noRoomToLook(app.DataDir()); text != "" {
			return note(app, r, dbx.Params{"checkNote": text})
		}
		f, err := fsys.GetReader(r.Name)
		if err != nil {
			return fmt.Errorf("open the backup %s: %w", r.Name, err)
		}
		defer f.Close()
		var sealed bool
		err = quietly(func() (err error) {
			sealed, err = lookAtBackup(kernel.Of(app), f, r, dir)
			return err
		})
		found := dbx.Params{"checkedAt": types.NowDateTime().String(), "checkNote": "", "checkError": r.CheckError}
		if sealed {
			found["checkNote"] = "sealed"
		}
		if err != nil {
			found["checkError"] = err.Error()
			app.Logger().Error("a backup is not whole", "backup", r.Name, "error", err)
		}
		return note(app, r, found)
	}
	return nil
}

func note(app core.App, r run, found dbx.Params) error {
	_, err := app.NonconcurrentDB().Update("backup_runs", found, dbx.HashExp{"rowid": r.Row, "name": r.Name}).Execute()
	return err
}

// lookAtBackup looks whether the file is what was written, opens it in dir, which it makes and
// removes, and looks whether the data are whole. sealed says that it has no key and did the first alone.
func lookAtBackup(k *kernel.Kernel, file io.Reader, r run, dir string) (sealed bool, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	sum := sha256.New()
	file = io.TeeReader(file, sum)
	m, err := unpack(file, dir, true)
	sealed = errors.Is(err, errNoKey) || errors.Is(err, errWrongKey)
	if err != nil && !sealed {
		return false, err
	}
	if _, err := io.Copy(io.Discard, file); err != nil {
		return sealed, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != r.Sum {
		return sealed, damaged(errors.New("it is not the file that was written"))
	}
	if sealed {
		return true, nil
	}
	return false, inspect(k, dir, m)
}

// lookAll opens what was not opened yet.
func (m maker) lookAll(app core.App) error {
	return errors.Join(m.lookThrough(app), m.lookAtStep(app))
}

// lookAtStep opens the newest step and its base, once for each base, and notes what came of it. Where
// the key is not here, the base was looked through when it was made.
func (m maker) lookAtStep(app core.App) error {
	if !m.checking.TryLock() {
		return nil // the one before is at it
	}
	defer m.checking.Unlock()
	p, to, err := target(app)
	if err != nil {
		return nil // no step is made then, and another check says so
	}
	s, err := readState(app)
	if err != nil {
		return err
	}
	c, err := current(app)
	if err != nil || c.ID == "" || c.ID == s.Looked || !m.fits(c, p, to) {
		return err
	}
	var newest string
	for _, h := range s.Have {
		if h.Chain == c.ID && h.Whole && !h.Base {
			newest = h.Name
		}
	}
	if newest == "" {
		return nil
	}
	if opens, err := opensItself(to); err != nil || !opens {
		return err
	}
	if text := noRoomToLook(app.DataDir()); text != "" {
		return m.change(app, func(s *state) { s.NoLook = text })
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	base, err := p.read(ctx, c.Base)
	if err != nil {
		return fmt.Errorf("open the copy %s: %w", c.Base, err)
	}
	defer base.Close()
	step, err := p.read(ctx, newest)
	if err != nil {
		return fmt.Errorf("open the copy %s: %w", newest, err)
	}
	defer step.Close()
	dir := filepath.Join(app.DataDir(), lookFolder)
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	wrong := quietly(func() error {
		say, err := assemble(step, base, dir, true)
		if err != nil {
			return err
		}
		return inspect(kernel.Of(app), dir, say)
	})
	if wrong != nil {
		app.Logger().Error("a copy is not whole", "copy", newest, "error", wrong)
	}
	return m.change(app, func(s *state) {
		s.Looked, s.NoLook, s.Wrong = c.ID, "", ""
		if wrong != nil {
			s.Wrong = wrong.Error()
		}
	})
}

// noRoomToLook says what is missing, "" where there is room for what is unpacked: all but uploads.
func noRoomToLook(dir string) string {
	free, _, known := kernel.DiskRoom(dir)
	if !known {
		return ""
	}
	need := uint64(spared)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // deleted meanwhile
		}
		if d.IsDir() && filepath.Dir(path) == dir && (d.Name() == core.LocalStorageDirName || d.Name() == core.LocalBackupsDirName || d.Name() == kernel.Snapshots || d.Name() == lookFolder) {
			return filepath.SkipDir
		}
		if info, err := d.Info(); err == nil && d.Type().IsRegular() {
			need += uint64(info.Size())
		}
		return nil
	})
	if err != nil || free >= need {
		return ""
	}
	return fmt.Sprintf("it takes %d MB of room on the disk of the data, and there are %d MB", need>>20, free>>20)
}
