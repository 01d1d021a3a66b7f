package audit

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Actions of the trail's own entries.
const (
	actionLost     = "trail-lost" // data.db has handed over writes that the trail has not
	actionRestored = "restored"   // data.db is a copy that was restored
	actionForget   = "forget"     // what was kept of a patient was erased
)

var settingGaps = kernel.Setting{Name: "POLYCLINIC_AUDIT_KNOWN_GAPS", Doc: "Numbers of trail-lost entries that somebody has accounted for, separated by commas: audit verify and the health no longer fail for them."}

// knownGaps returns the entries of gaps that are accounted for.
func knownGaps() (list []int64, err error) {
	for _, text := range strings.FieldsFunc(settingGaps.Value(), func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is no number of an entry", settingGaps.Name, text)
		}
		list = append(list, n)
	}
	return list, nil
}

// openGaps returns the entries that tell of a lost part of the trail and are not accounted for,
// as far as the trail is indexed.
func openGaps(trail string) (list []int64, err error) {
	path := indexPath(trail)
	if _, err := os.Stat(path); err != nil {
		return nil, nil // no server has run here
	}
	known, err := knownGaps()
	if err != nil {
		return nil, err
	}
	db, err := kernel.OpenToRead(path)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query("SELECT seq FROM entries WHERE action = ? ORDER BY seq", actionLost)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return nil, err
		}
		if !slices.Contains(known, seq) {
			list = append(list, seq)
		}
	}
	return list, rows.Err()
}
