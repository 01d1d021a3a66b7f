package boot

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// lockName is the file by which a server holds its data folder. It stays when the server ends.
const lockName = "polyclinic.lock"

// hold takes the data folder for this process, until release is called or the process ends in
// whatever way. Two servers on one folder would each miss what the other writes: caches,
// realtime messages, the outbox.
func hold(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	taken, err := lock(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if taken {
		pid, _ := io.ReadAll(io.LimitReader(f, 20)) // only for the words
		f.Close()
		return nil, fmt.Errorf("the data folder %s is in use: another Polyclinic (process %s) is serving it. End it, or choose another folder with --dir", dir, strings.TrimSpace(string(pid)))
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(fmt.Sprintln(os.Getpid())), 0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
