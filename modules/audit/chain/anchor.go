package chain

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
)

// AppendAnchor adds a line to an anchor file: number, hash and time. The file is only ever
// appended to, so its file system may forbid everything else (chattr +a). What a crash left of a
// line is ended first.
func AppendAnchor(path string, h Head) error {
	end := ""
	if isCut(path) {
		end = "\n"
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s%d %s %s\n", end, h.Seq, h.Hash, Now())
	return errors.Join(err, f.Sync(), f.Close())
}

// isCut reports whether the file ends within a line. One that may not be read is taken not to.
func isCut(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	last := []byte{'\n'}
	if _, err := f.Seek(-1, io.SeekEnd); err == nil {
		_, _ = f.Read(last) // what cannot be read stays the end of a line
	}
	return last[0] != '\n'
}

// reCut is what a crash leaves of a line, with the zeros of a file system that had its length
// only. Who could make a line such could as well take it out.
var reCut = regexp.MustCompile(`^(\d+( [0-9a-f]{0,64}( [0-9TZ:.-]*)?)?)?\x00*$`)

// ReadAnchors reads an anchor file, which holds at least one. A line that was cut off is none.
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
		got, _ := fmt.Sscan(text, &seq, &hash, &at)
		set, errAt := time.Parse(time.RFC3339, at)
		if (got < 3 || errAt != nil) && reCut.MatchString(text) {
			continue
		}
		if got < 3 {
			return nil, fmt.Errorf("%s, line %d: no anchor", path, n)
		}
		h, err := ParseHash(hash)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		if errAt != nil {
			return nil, fmt.Errorf("%s, line %d: %q is no time", path, n, at)
		}
		list = append(list, Anchor{seq, h, set, path})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no anchor is in it", path)
	}
	return list, nil
}
