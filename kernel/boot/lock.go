package boot

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/lock"
)

// hold takes the data folder for this process, until the file is closed or the process ends
// in whatever way. Two servers on one folder would each miss what the other writes: caches,
// realtime messages, the outbox.
func hold(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, kernel.LockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	taken, err := lock.Take(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if taken {
		raw, _ := io.ReadAll(io.LimitReader(f, 20)) // only for the words
		pid, _, _ := strings.Cut(string(raw), "\n")
		f.Close()
		return nil, fmt.Errorf("the data folder %s is in use: another Polyclinic (process %s) is serving it. End it, or choose another folder with --dir", dir, strings.TrimSpace(pid))
	}
	if err = f.Truncate(0); err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// servedBy returns the process of the server that holds the data folder, "" when none does.
func servedBy(dir string) string {
	f, err := os.OpenFile(filepath.Join(dir, kernel.LockName), os.O_RDWR, 0)
	if err != nil {
		return "" // none has run here, or it is not this account's to say
	}
	defer f.Close() // gives the lock back, too
	if taken, err := lock.Take(f); !taken || err != nil {
		return ""
	}
	raw, _ := io.ReadAll(io.LimitReader(f, 20)) // only for the words
	pid, _, _ := strings.Cut(string(raw), "\n")
	return cmp.Or(strings.TrimSpace(pid), "unknown")
}

// holdForAlone makes the commands that are annotated kernel.Alone hold the data folder.
func holdForAlone(c *cobra.Command, dir string) {
	if run := c.RunE; run != nil && c.Annotations[kernel.Alone] != "" {
		c.RunE = func(c *cobra.Command, args []string) error {
			folder, err := hold(dir)
			if err != nil {
				return err
			}
			defer folder.Close()
			return run(c, args)
		}
	}
	for _, sub := range c.Commands() {
		holdForAlone(sub, dir)
	}
}
