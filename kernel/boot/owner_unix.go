//go:build unix

package boot

import (
	"io/fs"
	"os"
	"syscall"
)

// foreign returns the account that owns a file, where that is not this one and this one could
// write it all the same, as root can.
func foreign(info fs.FileInfo) (uid uint32, is bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return 0, false
	}
	return stat.Uid, stat.Uid != 0
}
