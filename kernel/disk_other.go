//go:build !(darwin || linux)

package kernel

// DiskRoom is not known on this system.
func DiskRoom(string) (free, size uint64, known bool) { return 0, 0, false }

// SameDisk is not known on this system.
func SameDisk(string, string) (same, known bool) { return false, false }
