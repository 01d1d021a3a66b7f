//go:build darwin || linux

package kernel

import "syscall"

// DiskRoom returns how many bytes this account may still write on the disk of dir, and the
// disk's size. known is false where the system does not say.
func DiskRoom(dir string) (free, size uint64, known bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil || st.Blocks == 0 {
		return 0, 0, false
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize), true
}

// SameDisk reports whether two folders lie on one disk. known is false where the system does not say.
func SameDisk(a, b string) (same, known bool) {
	var x, y syscall.Stat_t
	if syscall.Stat(a, &x) != nil || syscall.Stat(b, &y) != nil {
		return false, false
	}
	return x.Dev == y.Dev, true
}
