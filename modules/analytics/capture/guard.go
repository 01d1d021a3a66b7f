package capture

import (
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// guard has a REPLACE by another program note what it deletes, and marks the tables whose
// guard was not for being read in full again. mended are those that are marked already.
func guard(tx core.App, places []place, mended []string) ([]string, error) {
	unguarded, err := kernel.GuardReplace(tx)
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		if !slices.Contains(unguarded, p.name) || slices.Contains(mended, p.table.Name) {
			continue
		}
		if err := Mark(tx, Untriggered, p.table.Name); err != nil {
			return nil, err
		}
		mended = append(mended, p.table.Name)
	}
	return mended, nil
}
