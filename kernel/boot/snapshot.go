package boot

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// snapshotsKept is how many copies of the database from before upgrades are kept. The way back is
// the earlier version and its copy.
const snapshotsKept = 4

var reNotName = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// snapshot copies the database as it is before this version changes it, under the name
// pre-<version>-<steps that ran on it>.db: a start that fails and is tried again writes over
// its own copy only, which held the same.
func snapshot(dir string, steps int) error {
	folder := filepath.Join(dir, kernel.Snapshots)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	from := filepath.Join(dir, "data.db")
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if free, _, known := kernel.DiskRoom(dir); known && free < uint64(info.Size())+uint64(info.Size())/4 {
		return fmt.Errorf("the upgrade was not begun: a copy of the database is kept first, and the disk of %s has no room for its %d MB", dir, info.Size()>>20)
	}
	to := filepath.Join(folder, fmt.Sprintf("pre-%s-%d.db", reNotName.ReplaceAllString(Version, "_"), steps))
	if err := kernel.CopyDatabase(from, to); err != nil {
		return fmt.Errorf("the upgrade was not begun: keep a copy of the database: %w", err)
	}
	fmt.Printf("The data are those of an earlier version. A copy from before the upgrade is kept: %s\n", to)
	return thin(dir)
}

// thin removes the oldest copies beyond snapshotsKept.
func thin(dir string) error {
	paths, err := kernel.SnapshotsIn(dir)
	if err != nil {
		return err
	}
	age := func(p string) int64 {
		info, err := os.Stat(p)
		if err != nil {
			return 0 // gone meanwhile
		}
		return info.ModTime().UnixNano()
	}
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(age(b), age(a)) })
	for i, p := range paths {
		if i >= snapshotsKept {
			if err := os.Remove(p); err != nil {
				return err
			}
		}
	}
	return nil
}
