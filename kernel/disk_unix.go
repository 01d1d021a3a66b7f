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
