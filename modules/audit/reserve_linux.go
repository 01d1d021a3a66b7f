package audit

import (
	"os"
	"syscall"
)

// allocate sets room aside for a file. Not every file system can.
func allocate(f *os.File, size int64) error {
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, size); err == nil || err == syscall.ENOSPC {
		return err
	}
	return zeros(f, size)
}
