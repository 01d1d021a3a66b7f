//go:build !linux

package audit

import "os"

// allocate sets room aside for a file.
func allocate(f *os.File, size int64) error { return zeros(f, size) }
