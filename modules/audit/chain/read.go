package chain

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// firstOf returns the number of a segment's first entry, by its name.
func firstOf(path string) int64 {
	n, _ := strconv.ParseInt(reSegment.FindStringSubmatch(filepath.Base(path))[1], 10, 64)
	return n
}

// After calls fn for at most n entries of dir after number seq, in order.
func After(dir string, seq int64, n int, fn func(Row) error) error {
	paths, err := Paths(dir)
	if err != nil {
		return err
	}
	for i, p := range paths {
		if n <= 0 || (i+1 < len(paths) && firstOf(paths[i+1]) <= seq+1) {
			continue
		}
		got, err := query(p, fn, "SELECT seq, prev, hash, body FROM entries WHERE seq > ? ORDER BY seq LIMIT ?", seq, n)
		if err != nil {
			return err
		}
		n -= got
	}
	return nil
}

// Read calls fn for the entries with these numbers, highest first. Those whose segment is
// no longer in dir are left out.
func Read(dir string, seqs []int64, fn func(Row) error) error {
	paths, err := Paths(dir)
	if err != nil {
		return err
	}
	seqs = slices.Clone(seqs)
	slices.SortFunc(seqs, func(a, b int64) int { return int(b - a) })
	for i := len(paths) - 1; i >= 0; i-- {
		first := firstOf(paths[i])
		n := 0
		for n < len(seqs) && seqs[n] >= first {
			n++
		}
		for part := range slices.Chunk(seqs[:n], 500) {
			marks := strings.TrimSuffix(strings.Repeat("?,", len(part)), ",")
			args := make([]any, len(part))
			for i, s := range part {
				args[i] = s
			}
			if _, err := query(paths[i], fn, "SELECT seq, prev, hash, body FROM entries WHERE seq IN ("+marks+") ORDER BY seq DESC", args...); err != nil {
				return err
			}
		}
		seqs = seqs[n:]
	}
	return nil
}

func query(path string, fn func(Row) error, statement string, args ...any) (n int, err error) {
	db, err := openFile(path, false)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	list, err := db.Query(statement, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	defer list.Close()
	return scan(list, fn)
}

func scan(list *sql.Rows, fn func(Row) error) (n int, err error) {
	for list.Next() {
		var r Row
		var prev, hash []byte
		if err := list.Scan(&r.Seq, &prev, &hash, &r.Body); err != nil {
			return n, err
		}
		// A hash of another length was put there by hand: it matches nothing.
		copy(r.Prev[:], prev)
		copy(r.Hash[:], hash)
		n++
		if err := fn(r); err != nil {
			return n, err
		}
	}
	return n, errors.Join(list.Err())
}
