//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package boot

import "os"

// lock does nothing: this system has no flock. Nobody is kept out.
func lock(*os.File) (taken bool, err error) { return false, nil }

// keepPrivate does nothing: this system has no umask. Folders inherit who may read them.
func keepPrivate() {}
