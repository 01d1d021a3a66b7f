//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package boot

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the file for this process. taken reports that another has it. A file system
// that knows no locks, as some network ones, lets everybody in.
func lock(f *os.File) (taken bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return true, nil
	case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS):
		return false, nil
	}
	return false, err
}

// keepPrivate makes what this process creates readable by its own account alone: it is
// patients' data.
func keepPrivate() { syscall.Umask(0o077) }
