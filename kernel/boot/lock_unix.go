//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package boot

import "syscall"

// keepPrivate makes what this process creates readable by its own account alone: it is
// patients' data.
func keepPrivate() { syscall.Umask(0o077) }
