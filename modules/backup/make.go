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
	"strconv"
	"strings"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
)

// maker makes backups of this build's version.
type maker struct {
	version  string
	checking *sync.Mutex // held while a backup is looked through
	copying  *copying
}

// made is a backup that lies in a file of its own; whoever moves it away then calls done.
type made struct {
	folder   string // what is in it
	path     string
	bytes    int64
	sum      string // SHA-256 of the file
	manifest Manifest
	wrong    error // what was found in the copy before it was encrypted, where that was asked for
	done     func()
}

// extension of the names of backups; suffix follows when they are encrypted.
const (
	extension = ".tar.gz"
	suffix    = ".age"
)

// errNoRoom says how much a backup needs before it fills the disk of a clinic at work.
func errNoRoom(need, free uint64) error {
	return fmt.Errorf("a backup needs %d MB of room beside the data, and the disk has %d MB: nothing was written", need>>20, free>>20)
}

// order is what kind of backup is wanted.
type order struct {
	to    []age.Recipient // whom it is encrypted to; in the clear when there is nobody
	logs  bool            // with the request log
	look  bool            // look the copy through ahead of its encryption: for a server that cannot open what it wrote
	chain string          // of a base, "" for any other backup
	key   string          // of a base: opens its steps
	trail string          // what the audit trail calls it
}

// file makes a backup in a new file in the data folder.
func (m maker) file(app core.App, o order) (out made, err error) {
	sweep(app.DataDir())
	if err := room(app.DataDir()); err != nil {
		return out, err
	}
	// Whoever has the file has every patient, so it is in the audit trail ahead of it.
	if err := auditapi.Record(app, auditapi.Entry{Action: "backup", Target: o.trail}); err != nil {
		return out, err
	}
	if err := out.stage(app); err != nil {
		return out, err
	}
	defer func() {
		if err != nil {
			out.done()
		}
	}()
	manifest, err := m.collect(app, out.folder, o)
	if err != nil {
		return out, err
	}
	manifest.Key = o.key
	if o.look {
		out.wrong = quietly(func() error { return inspect(kernel.Of(app), out.folder, manifest) })
	}
	return out, out.pack(manifest, o.to)
}

// stage makes the folder in which a backup is put together.
func (b *made) stage(app core.App) error {
	stage := filepath.Join(app.DataDir(), stagePrefix+strconv.Itoa(os.Getpid())+"-"+security.PseudorandomString(6))
	b.folder, b.path = filepath.Join(stage, "data"), filepath.Join(stage, "backup"+extension)
	stages.Store(stage, true)
	b.done = func() {
		_ = os.RemoveAll(stage) // what stays is swept by the next backup
		stages.Delete(stage)
	}
	return os.MkdirAll(b.folder, 0o700)
}

// pack makes one file of the folder.
func (b *made) pack(m Manifest, to []age.Recipient) error {
	f, err := os.OpenFile(b.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	sum, size := sha256.New(), &counted{}
	b.manifest, err = pack(io.MultiWriter(&gentle{file: f}, sum, size), b.folder, m, to)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	b.sum, b.bytes = hex.EncodeToString(sum.Sum(nil)), size.n
	return nil
}

// counted counts what is written to it.
type counted struct{ n int64 }

func (c *counted) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// gentle puts what was written on the disk piece by piece: a gigabyte at once would make every
// commit of the clinic wait behind it.
type gentle struct {
	file    *os.File
	pending int
}

func (g *gentle) Write(p []byte) (int, error) {
	n, err := g.file.Write(p)
	if g.pending += n; err == nil && g.pending >= 4<<20 {
		g.pending, err = 0, g.file.Sync()
	}
	return n, err
}

// stagePrefix and the process's number begin the names of the folders in which backups are made.
const stagePrefix = ".backup-"

// stages are the folders that this process is at work in. A nightly backup and a step run at the
// same time, and neither is to take the other's for that of an earlier process of the same number.
var stages sync.Map

// sweep removes what backups left whose process was killed.
func sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, stagePrefix+"*")) // the pattern is well formed
	for _, path := range left {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), stagePrefix), "-")
		pid, err := strconv.Atoi(number)
		if _, ours := stages.Load(path); ours || err != nil || alive(pid) {
			continue
		}
		_ = os.RemoveAll(path) // tried again by the next backup
	}
}

// room returns an error when the disk would fill up. The database is there twice for a while,
// and the backup is never larger than the data by much.
func room(dir string) error {
	free, _, known := kernel.DiskRoom(dir)
	if !known {
		return nil
	}
	need := uint64(64 << 20)
	for name, times := range map[string]uint64{database: 2, core.LocalStorageDirName: 1} {
		err := filepath.WalkDir(filepath.Join(dir, name), func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil // deleted meanwhile
			}
			if info, err := d.Info(); err == nil {
				need += times * uint64(info.Size())
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if free < need {
		return errNoRoom(need, free)
	}
	return nil
}

// fullName gives a backup the ending that says what it is.
func fullName(name string, encrypted bool) string {
	name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, ".zip"), suffix), extension) + extension
	if encrypted {
		name += suffix
	}
	return name
}

// autoPrefix begins the names of scheduled backups: PocketBase keeps as many of those as its
// settings say.
const autoPrefix = "@auto_pb_backup_"

var errPlainOutside = errors.New("a backup on an S3 leaves this machine, so it has to be encrypted: set " + passphrase.Name + " or " + recipients.Name)

// store makes a backup and puts it where PocketBase's settings have backups: the folder backups
// in the data folder, or an S3. It returns its name.
func (m maker) store(ctx context.Context, app core.App, name string) (string, error) {
	to, err := sealer()
	if err != nil {
		return name, err
	}
	s3 := app.Settings().Backups.S3.Enabled
	if s3 && len(to) == 0 {
		return name, errPlainOutside
	}
	if name == "" {
		name = "polyclinic_" + time.Now().UTC().Format("20060102150405")
	}
	name = fullName(name, len(to) > 0)
	opens, err := opensItself(to)
	if err != nil {
		return name, err
	}
	b, err := m.file(app, order{to: to, look: !opens})
	if err != nil {
		record(app, run{Name: name, Encrypted: len(to) > 0}, err)
		return name, err
	}
	defer b.done()
	if s3 {
		err = upload(ctx, app, b.path, name)
	} else {
		err = settle(b.path, filepath.Join(app.DataDir(), core.LocalBackupsDirName, name))
	}
	r := run{Name: name, Bytes: b.bytes, Encrypted: len(to) > 0, Sum: b.sum}
	if b.wrong != nil {
		r.CheckError = b.wrong.Error()
	}
	record(app, r, err)
	return name, err
}

func upload(ctx context.Context, app core.App, path, name string) error {
	fsys, err := app.NewBackupsFilesystem()
	if err != nil {
		return err
	}
	defer fsys.Close()
	fsys.SetContext(ctx)
	f, err := filesystem.NewFileFromPath(path)
	if err != nil {
		return err
	}
	f.OriginalName, f.Name = name, name
	return fsys.UploadFile(f, name)
}

// partialSuffix ends the name of a file that is on its way to another disk.
const partialSuffix = ".partial"

// settle moves a finished backup to its name, across disks too. It is there whole or not at all.
func settle(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if err := os.Rename(from, to); err == nil {
		return kernel.SyncFile(filepath.Dir(to))
	}
	partial := to + partialSuffix
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := copied(from, partial); err != nil {
		_ = os.Remove(partial)
		return err
	}
	if err := os.Rename(partial, to); err != nil {
		return err
	}
	return kernel.SyncFile(filepath.Dir(to))
}
