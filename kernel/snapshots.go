package kernel

import "path/filepath"

// Snapshots is the folder in a data folder with the copies of the database from before upgrades.
const Snapshots = "snapshots"

// SnapshotsIn returns the copies of the database in the data folder, in no order.
func SnapshotsIn(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, Snapshots, "pre-*.db"))
}
