package chain

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// An exported trail is text, one JSON object a line: a header, the entries, an end. Bodies
// are strings, so that they stay byte for byte what was hashed.
const exportFormat = "polyclinic-audit"

type exportHeader struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	First   int64  `json:"first"`
	Prev    string `json:"prev"`
}

type exportLine struct {
	Seq  int64  `json:"seq,omitempty"`
	Prev string `json:"prev,omitempty"`
	Hash string `json:"hash,omitempty"`
	Body string `json:"body,omitempty"`
	End  bool   `json:"end,omitempty"`
	Last int64  `json:"last,omitempty"`
}

// Export writes the entries of dir from number from to number to (0: all) and returns how
// many there were.
func Export(dir string, out io.Writer, from, to int64) (n int64, err error) {
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	list, err := described(dir)
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		return 0, fmt.Errorf("%w in %s", ErrNone, dir)
	}
	last, began := int64(0), false
	for i, s := range list {
		if (i+1 < len(list) && list[i+1].first <= from) || (to > 0 && s.first > to) {
			continue
		}
		err := s.rows(from, func(r Row) error {
			if to > 0 && r.Seq > to {
				return nil
			}
			if !began {
				began = true
				if err := enc.Encode(exportHeader{exportFormat, Version, r.Seq, r.Prev.String()}); err != nil {
					return err
				}
			}
			n, last = n+1, r.Seq
			return enc.Encode(exportLine{Seq: r.Seq, Prev: r.Prev.String(), Hash: r.Hash.String(), Body: string(r.Body)})
		})
		if err != nil {
			return n, err
		}
	}
	if !began {
		if err := enc.Encode(exportHeader{exportFormat, Version, list[0].first, list[0].prev.String()}); err != nil {
			return 0, err
		}
		last = list[0].first - 1
	}
	return n, errors.Join(enc.Encode(exportLine{End: true, Last: last}), w.Flush())
}

// maxLine is more than any entry's line is long: a list names 1,000 records at most.
const maxLine = 4 << 20

// File is an exported trail, or a segment of one; packed with gzip when its name ends in .gz.
func File(path string) Source {
	if reSegment.MatchString(filepath.Base(path)) {
		return segmentFile(path)
	}
	return func(begin func(int64, Hash) error, row func(Row) error) (err error) {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		var in io.Reader = f
		if strings.HasSuffix(path, ".gz") {
			if in, err = gzip.NewReader(f); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		if err = ReadExport(in, begin, row); err != nil {
			var p *Problem
			if !errors.As(err, &p) {
				err = fmt.Errorf("%s: %w", path, err)
			}
		}
		return err
	}
}

func segmentFile(path string) Source {
	return func(begin func(int64, Hash) error, row func(Row) error) error {
		db, err := openFile(path, false)
		if err != nil {
			return err
		}
		s, err := describe(db, path)
		if err = errors.Join(err, db.Close()); err != nil {
			return err
		}
		if err := begin(s.first, s.prev); err != nil {
			return err
		}
		return s.rows(0, row)
	}
}

// Files is several parts of one trail, in order.
func Files(paths ...string) Source {
	return func(begin func(int64, Hash) error, row func(Row) error) error {
		for _, p := range paths {
			if err := File(p)(begin, row); err != nil {
				return err
			}
		}
		return nil
	}
}

// ReadExport reads what Export wrote.
func ReadExport(in io.Reader, begin func(int64, Hash) error, row func(Row) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	if !lines.Scan() {
		return errors.Join(errors.New("it is empty"), lines.Err())
	}
	var h exportHeader
	if err := json.Unmarshal(lines.Bytes(), &h); err != nil || h.Format != exportFormat {
		return errors.New("it is no exported audit trail")
	}
	if h.Version > Version {
		return fmt.Errorf("it was written by a newer version (encoding %d)", h.Version)
	}
	prev, err := ParseHash(h.Prev)
	if err != nil {
		return err
	}
	if err := begin(h.First, prev); err != nil {
		return err
	}
	last := h.First - 1
	for lines.Scan() {
		var l exportLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return problem(Damaged, last+1, "the line after entry %d cannot be read", last)
		}
		if l.End {
			if l.Last != last {
				return problem(Truncated, last+1, "the file ends with entry %d, but says that it went on to %d", last, l.Last)
			}
			return nil
		}
		r, err := l.row()
		if err != nil {
			return problem(Damaged, l.Seq, "entry %d cannot be read: %v", l.Seq, err)
		}
		if err := row(r); err != nil {
			return err
		}
		last = l.Seq
	}
	if err := lines.Err(); err != nil {
		return problem(Damaged, last+1, "the file cannot be read after entry %d: %v", last, err)
	}
	return problem(Truncated, last+1, "the file breaks off after entry %d", last)
}

func (l exportLine) row() (r Row, err error) {
	r = Row{Seq: l.Seq, Body: []byte(l.Body)}
	if r.Prev, err = ParseHash(l.Prev); err != nil {
		return r, err
	}
	r.Hash, err = ParseHash(l.Hash)
	return r, err
}
