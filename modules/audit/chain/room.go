package chain

import (
	"errors"
	"os"
)

// walBytes is about what the log of a segment grows to before it is written from its start
// again: checkpointPages frames of a page and its header.
const (
	checkpointPages = 1000
	walBytes        = checkpointPages * (4096 + 24)
)

// layOut makes the log of an open segment as long as it is going to be. To add an entry then
// writes over what is there, and the disk has no longer file to note with each one.
// SQLite takes zeros behind its last frame for no frame, as it does what is left of earlier ones.
func layOut(path string) error {
	f, err := os.OpenFile(path+"-wal", os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() < walBytes {
		_, err = f.WriteAt(make([]byte, walBytes-info.Size()), info.Size())
		err = errors.Join(err, f.Sync())
	}
	return errors.Join(err, f.Close())
}
