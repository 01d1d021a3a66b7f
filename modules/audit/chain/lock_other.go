//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package chain

import "os"

// hold takes no lock: this system has no flock. The trigger entries_follow refuses a second writer.
func hold(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) }
