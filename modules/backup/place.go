package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// place is where bases and steps lie: the folder of POLYCLINIC_BACKUP_EVERY_TO, or below copiesKey
// where the dashboard's settings have backups. There the rotation of the nightly ones, which goes by
// the start of their names, does not see them.
type place struct {
	app    core.App
	folder string // "" for an S3
	own    bool   // it is in the data folder
}

// copiesKey begins the names of bases and steps among the nightly and weekly backups.
const copiesKey = "copies/"

func placeOf(app core.App) place {
	switch to := everyTo.Value(); {
	case to != "":
		return place{app: app, folder: to}
	case app.Settings().Backups.S3.Enabled:
		return place{app: app}
	}
	return place{app: app, folder: filepath.Join(app.DataDir(), core.LocalBackupsDirName, filepath.FromSlash(copiesKey)), own: true}
}

// String says where it is: a base elsewhere is no base.
func (p place) String() string {
	if p.folder != "" {
		return p.folder
	}
	s3 := p.app.Settings().Backups.S3
	return s3.Endpoint + "/" + s3.Bucket
}

// ready returns an error where nothing can be put. A folder elsewhere is not made: where its disk is
// not mounted, it would be on the very disk that is to be survived.
func (p place) ready() error {
	if p.folder == "" || p.own {
		return nil
	}
	if info, err := os.Stat(p.folder); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no folder %s, which %s names: mount its disk, or make it", p.folder, everyTo.Name)
	}
	return nil
}

// away reports whether the place is on another disk than the data, as far as can be told.
func (p place) away() bool {
	if p.folder == "" {
		return true
	}
	if p.own {
		return false
	}
	same, known := kernel.SameDisk(p.app.DataDir(), p.folder)
	return !same || !known
}

// put moves a finished file there.
func (p place) put(ctx context.Context, path, name string) error {
	if p.folder == "" {
		return upload(ctx, p.app, path, copiesKey+name)
	}
	return settle(path, filepath.Join(p.folder, name))
}

// remove deletes one that was put there, or was to be.
func (p place) remove(ctx context.Context, name string) error {
	if p.folder != "" {
		var errs []error
		for _, path := range []string{filepath.Join(p.folder, name), filepath.Join(p.folder, name+partialSuffix)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}
	fsys, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer fsys.Close()
	if there, err := fsys.Exists(copiesKey + name); err != nil || !there {
		return err
	}
	return fsys.Delete(copiesKey + name)
}

func (p place) open(ctx context.Context) (*filesystem.System, error) {
	fsys, err := p.app.NewBackupsFilesystem()
	if err == nil {
		fsys.SetContext(ctx)
	}
	return fsys, err
}

// read opens one of them.
func (p place) read(ctx context.Context, name string) (io.ReadCloser, error) {
	if p.folder != "" {
		return os.Open(filepath.Join(p.folder, name))
	}
	fsys, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	f, err := fsys.GetReader(copiesKey + name)
	if err != nil {
		return nil, errors.Join(err, fsys.Close())
	}
	return both{f, fsys}, nil
}

// both closes a file and what it is read through.
type both struct {
	io.ReadCloser
	fsys *filesystem.System
}

func (b both) Close() error { return errors.Join(b.ReadCloser.Close(), b.fsys.Close()) }

// names returns the bases and steps that are there, whoever made them.
func (p place) names(ctx context.Context) (list []string, err error) {
	if p.folder != "" {
		found, err := os.ReadDir(p.folder)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		for _, f := range found {
			if reCopy.MatchString(f.Name()) {
				list = append(list, f.Name())
			}
		}
		return list, err
	}
	fsys, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer fsys.Close()
	found, err := fsys.List(copiesKey)
	for _, f := range found {
		if name := strings.TrimPrefix(f.Key, copiesKey); reCopy.MatchString(name) {
			list = append(list, name)
		}
	}
	return list, err
}

// reCopy is how bases and steps are called. Which belong together is in the name, so that a
// restore finds the base beside the step.
var reCopy = regexp.MustCompile(`^copy_([0-9]{17}-[a-z0-9]{6})_(base|step_[0-9]{17})\.tar\.gz(\.age)?$`)

func baseName(chain string, encrypted bool) string {
	return fullName("copy_"+chain+"_base", encrypted)
}

func stepName(chain string, at time.Time, encrypted bool) string {
	return fullName("copy_"+chain+"_step_"+stamp(at), encrypted)
}

// stamp is an instant in a name: names sort by when they were made, to the millisecond.
func stamp(at time.Time) string {
	return strings.Replace(at.UTC().Format("20060102150405.000"), ".", "", 1)
}

// baseOf returns the file that the step at path needs beside it. is is false for what is no step.
func baseOf(path string) (base string, is bool) {
	found := reCopy.FindStringSubmatch(filepath.Base(path))
	if found == nil || found[2] == "base" {
		return "", false
	}
	return filepath.Join(filepath.Dir(path), baseName(found[1], found[3] != "")), true
}
