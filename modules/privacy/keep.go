package privacy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// listPatience bounds one attempt to write the list on an S3.
const listPatience = 25 * time.Second

// lister writes the list of erasures, one time after the other.
type lister struct{ writing *sync.Mutex }

// keep writes the list where it is looked for: into the folder of backups in the data folder,
// always, since a start reads it there; and to the S3 that has them, where one has.
func (l lister) keep(app core.App) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	return errors.Join(keepHere(app), keepThere(app))
}

func (l lister) erased(app core.App, _ privacyapi.ErasedV1) error { return l.keep(app) }

// localList is the list in a data folder.
func localList(dir string) string {
	return filepath.Join(dir, core.LocalBackupsDirName, privacyapi.ErasuresList)
}

func keepHere(app core.App) error {
	path := localList(app.DataDir())
	raw, err := renewed(app, func() (io.ReadCloser, error) { return os.Open(path) }, func(bad []byte) error {
		return putFile(filepath.Join(filepath.Dir(path), asideName()), bad)
	})
	if err != nil {
		return fmt.Errorf("keep the list of erasures: %w", err)
	}
	return putFile(path, raw)
}

func keepThere(app core.App) error {
	if !app.Settings().Backups.S3.Enabled {
		return nil
	}
	s3, err := app.NewBackupsFilesystem()
	if err != nil {
		return err
	}
	defer s3.Close()
	ctx, cancel := context.WithTimeout(context.Background(), listPatience)
	defer cancel()
	s3.SetContext(ctx)
	read := func() (io.ReadCloser, error) {
		r, err := s3.GetReader(privacyapi.ErasuresList)
		if errors.Is(err, filesystem.ErrNotFound) {
			return nil, fs.ErrNotExist
		}
		return r, err
	}
	raw, err := renewed(app, read, func(bad []byte) error { return s3.Upload(bad, asideName()) })
	if err == nil {
		err = s3.Upload(raw, privacyapi.ErasuresList)
	}
	if err != nil {
		return fmt.Errorf("keep the list of erasures on the S3: %w", err)
	}
	return nil
}

// renewed returns the complete list in place of the one that is there. One that cannot be taken
// is put aside: it may know of more.
func renewed(app core.App, open func() (io.ReadCloser, error), aside func([]byte) error) ([]byte, error) {
	in, err := open()
	if errors.Is(err, fs.ErrNotExist) {
		return complete(app, nil)
	}
	if err != nil {
		return nil, err
	}
	there, err := io.ReadAll(io.LimitReader(in, largestList))
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, err
	}
	key, err := listKey(app.DB())
	if err != nil {
		return nil, err
	}
	list, wrong := readList(bytes.NewReader(there), key)
	if wrong == nil {
		return complete(app, list.List)
	}
	app.Logger().Error("a list of erasures could not be taken and was put aside", "error", wrong)
	if err := aside(there); err != nil {
		return nil, err
	}
	return complete(app, nil)
}

func asideName() string {
	return "erasures-aside-" + time.Now().UTC().Format("20060102150405") + ".json"
}

// putFile writes the file as a whole or not at all, and puts it on the disk.
func putFile(path string, raw []byte) error {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	partial := path + ".partial"
	if err := os.WriteFile(partial, raw, 0o600); err != nil {
		return err
	}
	if err := kernel.SyncFile(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	return kernel.SyncFile(folder)
}
