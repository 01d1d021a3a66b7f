package chain

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// AppendAnchor adds a line to an anchor file: number, hash and time. The file is only ever
// appended to, so its file system may forbid everything else (chattr +a).
func AppendAnchor(path string, h Head) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%d %s %s\n", h.Seq, h.Hash, Now())
	return errors.Join(err, f.Sync(), f.Close())
}

// ReadAnchors reads an anchor file, which holds at least one. A last line without its end is
// what a crash left of it.
func ReadAnchors(path string) (list []Anchor, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	n := 0
	for line := range strings.Lines(string(raw)) {
		n++
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "#") || !strings.HasSuffix(line, "\n") {
			continue
		}
		var seq int64
		var hash, at string
		if got, _ := fmt.Sscan(text, &seq, &hash, &at); got < 3 {
			return nil, fmt.Errorf("%s, line %d: no anchor", path, n)
		}
		h, err := ParseHash(hash)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		set, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %q is no time", path, n, at)
		}
		list = append(list, Anchor{seq, h, set, path})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no anchor is in it", path)
	}
	return list, nil
}
