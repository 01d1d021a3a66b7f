//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

// Package lock keeps two processes from doing the same work on one data folder.
package lock

import "os"

// Take does nothing: this system has no flock. Nobody is kept out.
func Take(*os.File) (taken bool, err error) { return false, nil }
