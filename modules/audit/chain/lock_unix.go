//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package chain

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// hold takes the trail for this process. A file system that knows no locks lets everybody
// in; the trigger entries_follow still refuses a second writer.
func hold(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrInUse, path), f.Close())
	}
	return f, nil
}
