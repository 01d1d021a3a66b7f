//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

// Package lock keeps two processes from doing the same work on one data folder.
package lock

import (
	"errors"
	"os"
	"syscall"
)

// Take takes the file for this process, until it is closed or the process ends in whatever
// way. taken reports that another has it. A file system that knows no locks, as some
// network ones, lets everybody in.
func Take(f *os.File) (taken bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return true, nil
	case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS):
		return false, nil
	}
	return false, err
}
