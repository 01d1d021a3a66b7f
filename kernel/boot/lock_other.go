//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package boot

// keepPrivate does nothing: this system has no umask. Folders inherit who may read them.
func keepPrivate() {}
