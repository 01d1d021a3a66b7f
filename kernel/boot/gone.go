package boot

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// guardGone refuses a data folder without data.db in which there is something of a clinic: an
// empty clinic would be worked in for days before somebody asks where the patients are.
func guardGone(k *kernel.Kernel, dir string) error {
	var left []string
	if hasFile(filepath.Join(dir, core.LocalStorageDirName)) {
		left = append(left, core.LocalStorageDirName)
	}
	for _, remains := range kernel.All[kernel.Remains](k) {
		if what := remains(dir); what != "" {
			left = append(left, what)
		}
	}
	if len(left) == 0 {
		return nil
	}
	return fmt.Errorf("data.db is missing from the data folder %s, or empty, and other things of a clinic are there (%s): its data are lost or lie elsewhere, and no new clinic is begun in their place. "+
		"Put data.db back, or restore a backup: polyclinic restore FILE --dir NEW. To begin anew, move all of that away first", dir, strings.Join(left, ", "))
}

// hasFile reports whether a file is anywhere in dir. What cannot be read may be one.
func hasFile(dir string) bool {
	if _, err := os.Lstat(dir); err != nil {
		return false
	}
	found := false
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}
