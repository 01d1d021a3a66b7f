package chain

import (
	"bytes"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// trail makes a trail of n entries in two segments and returns its folder and anchors.
func trail(t testing.TB, n int) (dir string, anchors []Anchor) {
	t.Helper()
	dir = t.TempDir()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		b, err := Encode(Entry{Actor: "users/a", Action: "read", Outcome: "ok", Items: []string{fmt.Sprint("patients/p", i)}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Append(b); err != nil {
			t.Fatal(err)
		}
		h := c.Head()
		anchors = append(anchors, Anchor{Seq: h.Seq, Hash: h.Hash, Where: "the test"})
		if i == n/2 {
			if _, err := c.Rotate(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, anchors
}

// tamper changes a segment as somebody could who may write the file.
func tamper(t *testing.T, dir string, segment int, statements ...string) {
	t.Helper()
	paths, err := Paths(dir)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", paths[segment])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	statements = append([]string{"DROP TRIGGER entries_kept_u", "DROP TRIGGER entries_kept_d", "DROP TRIGGER entries_follow", "DROP TRIGGER segment_kept_u"}, statements...)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(s, err)
		}
	}
}

// rehash makes the hashes of a segment fit again from entry seq on, to its end or for one.
func rehash(t *testing.T, dir string, segment int, from, to int64) {
	t.Helper()
	paths, _ := Paths(dir)
	var prev Hash
	var rows []Row
	if err := Folder(dir)(func(int64, Hash) error { return nil }, func(r Row) error {
		if r.Seq == from-1 {
			prev = r.Hash
		}
		if r.Seq >= from && r.Seq <= to {
			rows = append(rows, r)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", paths[segment])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, r := range rows {
		h := Link(prev, r.Seq, r.Body)
		if _, err := db.Exec("UPDATE entries SET prev = ?, hash = ? WHERE seq = ?", prev[:], h[:], r.Seq); err != nil {
			t.Fatal(err)
		}
		prev = h
	}
}

func TestVerifyNamesTheFirstBrokenEntry(t *testing.T) {
	edit := "UPDATE entries SET body = replace(body, 'users/a', 'users/b') WHERE seq = 4"
	for _, c := range []struct {
		name      string
		do        func(t *testing.T, dir string)
		anchored  bool
		kind      string
		seq       int64
		inExports bool // an exported file shows it, too
	}{
		{"nothing", func(*testing.T, string) {}, true, "", 0, true},
		{"an entry was edited", func(t *testing.T, d string) { tamper(t, d, 0, edit) }, false, Edited, 4, true},
		{"an entry was removed", func(t *testing.T, d string) { tamper(t, d, 0, "DELETE FROM entries WHERE seq = 4") }, false, Removed, 4, true},
		{"an entry was edited with its hash", func(t *testing.T, d string) { tamper(t, d, 0, edit); rehash(t, d, 0, 4, 4) }, false, Rehashed, 4, true},
		{"a closed segment was written anew", func(t *testing.T, d string) { tamper(t, d, 0, edit); rehash(t, d, 0, 4, 6) }, false, Rehashed, 6, true},
		{"the end was written anew, with anchors", func(t *testing.T, d string) {
			tamper(t, d, 1, strings.ReplaceAll(edit, "4", "9"))
			rehash(t, d, 1, 9, 10)
		}, true, Forked, 9, true},
		{"the end was cut off, with anchors", func(t *testing.T, d string) { tamper(t, d, 1, "DELETE FROM entries WHERE seq >= 9") }, true, Truncated, 9, true},
		{"two entries changed places", func(t *testing.T, d string) {
			tamper(t, d, 0, "UPDATE entries SET seq = -1 WHERE seq = 4", "UPDATE entries SET seq = 4 WHERE seq = 5", "UPDATE entries SET seq = 5 WHERE seq = -1")
		}, false, Edited, 4, true},
		{"the first segment was removed", func(t *testing.T, d string) {
			paths, _ := Paths(d)
			if err := os.Remove(paths[0]); err != nil {
				t.Fatal(err)
			}
		}, false, Removed, 1, false},
		{"the hash of an entry was changed", func(t *testing.T, d string) { tamper(t, d, 0, "UPDATE entries SET hash = zeroblob(32) WHERE seq = 4") }, false, Edited, 4, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, anchors := trail(t, 10)
			c.do(t, dir)
			if !c.anchored {
				anchors = nil
			}
			check := func(src Source, whole bool) {
				t.Helper()
				r, err := Verify(src, anchors, whole, nil)
				if err != nil {
					t.Fatal(err)
				}
				if (r.Problem == nil) != (c.kind == "") || (r.Problem != nil && (r.Problem.Kind != c.kind || r.Problem.Seq != c.seq)) {
					t.Errorf("found %+v, want %s at %d", r.Problem, c.kind, c.seq)
				}
				if c.kind == "" && (r.Entries != 10 || r.Anchors != 10) {
					t.Errorf("%s", r)
				}
			}
			check(Folder(dir), true)
			if !c.inExports {
				return
			}
			file := filepath.Join(t.TempDir(), "trail.jsonl")
			var out bytes.Buffer
			if _, err := Export(dir, &out, 0, 0); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			check(File(file), true)
		})
	}
}

func TestAnExportedFileThatWasCutOff(t *testing.T) {
	dir, _ := trail(t, 10)
	var out bytes.Buffer
	if n, err := Export(dir, &out, 3, 8); err != nil || n != 6 {
		t.Fatal(n, err)
	}
	lines := strings.SplitAfter(strings.TrimSpace(out.String()), "\n")
	for _, c := range []struct {
		text string
		kind string
	}{
		{strings.Join(lines, ""), ""},
		{strings.Join(lines[:len(lines)-1], ""), Truncated},
		{strings.Join(lines[:len(lines)-2], "") + lines[len(lines)-1], Truncated},
		{strings.Join(lines[:3], "") + "{nonsense", Damaged},
	} {
		r, err := Verify(func(b func(int64, Hash) error, row func(Row) error) error {
			return ReadExport(strings.NewReader(c.text), b, row)
		}, nil, false, nil)
		if err != nil || (r.Problem == nil) != (c.kind == "") || (r.Problem != nil && r.Problem.Kind != c.kind) {
			t.Errorf("%+v, %v, want %q", r.Problem, err, c.kind)
		}
	}
}

func TestTheTriggersRefuse(t *testing.T) {
	dir, _ := trail(t, 3)
	paths, _ := Paths(dir)
	db, err := sql.Open("sqlite", paths[len(paths)-1])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("INSERT INTO entries (seq, body, prev, hash, epoch, write) SELECT max(seq) + 1, '{}', hash, hash, 'e', 1 FROM entries"); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"UPDATE entries SET body = ''", "DELETE FROM entries", "UPDATE segment SET first = 7", "DELETE FROM segment",
		"INSERT OR REPLACE INTO entries (seq, body, prev, hash) SELECT seq, '{}', prev, hash FROM entries LIMIT 1",
		"REPLACE INTO segment SELECT one, version, trail, first + 1, prev FROM segment",
		"REPLACE INTO entries (seq, body, prev, hash, epoch, write) SELECT max(seq) + 1, '{}', hash, hash, 'e', 1 FROM entries",
		"INSERT INTO entries (seq, body, prev, hash) SELECT max(seq) + 1, '{}', zeroblob(32), hash FROM entries",
		"INSERT INTO entries (seq, body, prev, hash) SELECT max(seq) + 2, '{}', hash, hash FROM entries",
	} {
		if _, err := db.Exec(s); err == nil {
			t.Errorf("not refused: %s", s)
		}
	}
}

func TestASecondProcessCannotFork(t *testing.T) {
	dir, _ := trail(t, 3)
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := Open(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("a second writer got in: %v", err)
	}
	// On a file system without locks the database refuses who has not seen the last entry.
	if err := os.Remove(filepath.Join(dir, "trail.lock")); err != nil {
		t.Fatal(err)
	}
	other, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	b, _ := Encode(Entry{Actor: "system", Action: "start", Outcome: "ok"})
	if err := c.Append(b); err != nil {
		t.Fatal(err)
	}
	for _, batch := range [][]Body{{b}, {b, b}} {
		if err := other.Append(batch...); err == nil {
			t.Error("a writer that has not seen the last entry was let in")
		}
		other.head, other.stale = Head{Seq: 3, Hash: other.head.Hash}, false // it does not look again
	}
	if r, err := Verify(Folder(dir), nil, true, nil); err != nil || r.Problem != nil || r.Entries != 4 {
		t.Error(r, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				a, _ := Encode(Entry{Actor: "users/a", Action: "read", Outcome: "ok"})
				if err := c.Append(a, a); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 5 {
			if _, err := c.Rotate(); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Append(Body{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if r, err := Verify(Folder(dir), nil, true, nil); err != nil || r.Problem != nil || r.Entries != 800 {
		t.Error(r, err)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := Copy(dir, copied); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(Folder(copied), nil, true, nil); err != nil || r.Problem != nil || r.Entries != 800 {
		t.Error(r, err)
	}
}

func TestAFailedCommitMovesNothing(t *testing.T) {
	dir, _ := trail(t, 2)
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before := c.Head()
	good, _ := Encode(Entry{Actor: "system", Action: "write", Outcome: "ok", Epoch: "e", Write: 1})
	if err := c.Append(good); err != nil {
		t.Fatal(err)
	}
	if err := c.Append(good); err == nil || c.Err() == nil { // the same write twice
		t.Error("a write was entered twice")
	}
	if h := c.Head(); h.Seq != before.Seq+1 {
		t.Errorf("the head moved to %d", h.Seq)
	}
	next := good
	next.Write = 2
	if err := c.Append(next, good); err == nil { // the second of a batch
		t.Error("a write was entered twice")
	}
	if h := c.Head(); h.Seq != before.Seq+1 {
		t.Errorf("half a batch moved the head to %d", h.Seq)
	}
	if err := c.Append(next); err != nil || c.Err() != nil {
		t.Errorf("it did not recover: %v", err)
	}
	if last, err := c.LastWrite("e"); err != nil || last != 2 {
		t.Error(last, err)
	}
}

func TestALostWriteIsNoticed(t *testing.T) {
	dir := t.TempDir()
	c, _ := Open(dir)
	for _, e := range []Entry{{Epoch: "a", Write: 1}, {Epoch: "b", Write: 1}, {Epoch: "a", Write: 4, Writes: 3}, {Epoch: "a", Write: 6}} {
		b, _ := Encode(e)
		if err := c.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(Folder(dir), nil, true, nil)
	if err != nil || r.Problem == nil || r.Problem.Kind != Lost || r.Problem.Seq != 4 {
		t.Error(r, err)
	}
}

// TestEncodingIsFrozen: a trail of today must verify for ever.
func TestEncodingIsFrozen(t *testing.T) {
	h := Link(Hash{}, 1, []byte(`{"v":1}`))
	if got := hex.EncodeToString(h[:]); got != frozen {
		t.Errorf("the encoding changed: %s", got)
	}
}

// frozen was computed by another program from the documentation.
const frozen = "26a36e62d5c6fde26353990eb2c9d90244a1c4b901f49b03cc8f0771caa8121b"

// TestALaidOutLogIsReadAfterACrash takes the files as a crash leaves them: entries are in the
// log, with zeros behind them.
func TestALaidOutLogIsReadAfterACrash(t *testing.T) {
	dir, crashed := t.TempDir(), filepath.Join(t.TempDir(), "crashed")
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	log := filepath.Join(dir, segmentName(1)) + "-wal"
	laid, err := os.Stat(log)
	if err != nil || laid.Size() < walBytes {
		t.Fatalf("the log is not laid out: %v", err)
	}
	for range 5 {
		if err := c.Append(Body{Raw: []byte(`{"v":1}`)}); err != nil {
			t.Fatal(err)
		}
	}
	if now, err := os.Stat(log); err != nil || now.Size() != laid.Size() {
		t.Errorf("the log grew with the entries: %v", err)
	}
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	again, err := Open(crashed)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Head() != c.Head() || again.Head().Seq != 5 {
		t.Errorf("after the crash the head is %v, want %v", again.Head(), c.Head())
	}
}

func TestAnchorFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchors")
	for i := range 3 {
		if err := AppendAnchor(path, Head{int64(i + 1), Hash{byte(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	f, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	_, _ = f.WriteString("4 abc") // a crash
	f.Close()
	list, err := ReadAnchors(path)
	if err != nil || len(list) != 3 || list[2].Seq != 3 || list[2].Hash != (Hash{2}) {
		t.Error(list, err)
	}
}

// TestAnAnchorAfterACrash cuts a line off at each of its bytes, and has the next one follow.
func TestAnAnchorAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchors")
	anchor := func(seq int64) {
		t.Helper()
		if err := AppendAnchor(path, Head{seq, Hash{byte(seq)}}); err != nil {
			t.Fatal(err)
		}
	}
	anchor(1)
	anchor(23)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(whole, '\n') + 1
	for cut := first; cut < len(whole); cut++ {
		for _, zeros := range []int{0, 3} {
			if err := os.WriteFile(path, append(slices.Clone(whole[:cut]), make([]byte, zeros)...), 0o600); err != nil {
				t.Fatal(err)
			}
			anchor(45)
			list, err := ReadAnchors(path)
			if err != nil || list[0].Seq != 1 || list[len(list)-1].Seq != 45 || list[len(list)-1].Hash != (Hash{45}) {
				t.Fatalf("after %q and %d zeros: %v, %v", whole[first:cut], zeros, list, err)
			}
		}
	}
}

func FuzzReadExport(f *testing.F) {
	dir, _ := trail(f, 3)
	var out bytes.Buffer
	if _, err := Export(dir, &out, 0, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add([]byte("{}"))
	f.Add([]byte(`{"format":"polyclinic-audit","version":1,"first":1,"prev":"00"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Verify(func(b func(int64, Hash) error, row func(Row) error) error {
			return ReadExport(bytes.NewReader(raw), b, row)
		}, nil, true, nil)
		if err == nil && r.Problem == nil && r.Entries > 0 && !bytes.Contains(raw, []byte(r.Head.String())) {
			t.Error("whole, but its head is not in the file")
		}
	})
}
