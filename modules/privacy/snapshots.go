package privacy

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// wayBack is for how long after an upgrade the copy of the database from before it stays although
// somebody was erased since: whoever has to go back does so by then. A start after that erases again.
const wayBack = 14 * 24 * time.Hour

func snapshotsOfErased(app core.App, _ privacyapi.ErasedV1) error { return dropSnapshots(app) }

// dropSnapshots removes the copies from before upgrades that hold somebody who was erased since,
// once the way back by them is over.
func dropSnapshots(app core.App) error {
	have, err := erasedIn(app.DB())
	if err != nil || len(have) == 0 {
		return err
	}
	last := have[len(have)-1].At.Time()
	return removeSnapshots(app.DataDir(), func(made time.Time) bool {
		return made.Before(last) && time.Since(made) > wayBack
	})
}

func removeSnapshots(dir string, gone func(made time.Time) bool) error {
	paths, err := kernel.SnapshotsIn(dir)
	if err != nil {
		return err
	}
	var failed error
	for _, path := range paths {
		info, err := os.Stat(path)
		if err == nil && gone(info.ModTime()) {
			err = os.Remove(path)
		}
		if !errors.Is(err, fs.ErrNotExist) { // or else the next upgrade was quicker
			failed = errors.Join(failed, err)
		}
	}
	return failed
}
