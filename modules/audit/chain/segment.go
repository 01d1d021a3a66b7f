package chain

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// A trail is a folder of segments, each an SQLite file named after its first entry.
// The last one grows, the others are closed.
var reSegment = regexp.MustCompile(`^trail-(\d{12})\.db$`)

func segmentName(first int64) string { return fmt.Sprintf("trail-%012d.db", first) }

// schema of a segment. The triggers are no protection from who may write the file, but
// from mistakes; insertion also refuses a second writer who has not seen the last entry, and
// what would take the place of a row: a REPLACE of another program fires no DELETE trigger.
const schema = `
CREATE TABLE segment (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, trail TEXT NOT NULL, first INTEGER NOT NULL, prev BLOB NOT NULL) STRICT;
CREATE TABLE entries (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL, epoch TEXT, write INTEGER) STRICT;
CREATE UNIQUE INDEX entries_write ON entries (epoch, write) WHERE write IS NOT NULL;
CREATE TRIGGER segment_kept_u BEFORE UPDATE ON segment BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER segment_kept_d BEFORE DELETE ON segment BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER entries_kept_u BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER entries_kept_d BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER segment_once BEFORE INSERT ON segment WHEN EXISTS (SELECT 1 FROM segment) BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER entries_once BEFORE INSERT ON entries WHEN NEW.write IS NOT NULL AND EXISTS (SELECT 1 FROM entries WHERE epoch = NEW.epoch AND write = NEW.write)
BEGIN SELECT RAISE(ROLLBACK, 'the audit trail has an entry of this write'); END;
CREATE TRIGGER entries_follow BEFORE INSERT ON entries
WHEN NEW.seq IS NOT coalesce((SELECT max(seq) FROM entries) + 1, (SELECT first FROM segment))
  OR NEW.prev IS NOT coalesce((SELECT hash FROM entries ORDER BY seq DESC LIMIT 1), (SELECT prev FROM segment))
BEGIN SELECT RAISE(ROLLBACK, 'somebody else has written this audit trail'); END;`

// segment is what a file says of itself.
type segment struct {
	path    string
	first   int64
	version int
	trail   string // random id of the trail, the same in all of its segments
	prev    Hash
}

// Paths returns the paths of a folder's segments, oldest first; the last may be written to. A
// folder that is not there has none.
func Paths(dir string) ([]string, error) {
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var list []string
	for _, f := range found {
		if reSegment.MatchString(f.Name()) {
			list = append(list, filepath.Join(dir, f.Name()))
		}
	}
	slices.Sort(list)
	return list, nil
}

// Has reports whether there is a trail in dir, whatever is wrong with it.
func Has(dir string) bool {
	list, err := Paths(dir)
	return len(list) > 0 || err != nil
}

// openFile opens a segment. A reader never makes a file, and works beside the writer.
func openFile(path string, write bool) (*sql.DB, error) {
	if !write {
		return kernel.OpenToRead(path)
	}
	db, err := sql.Open("sqlite", kernel.DatabaseURI(path)+"?_pragma=busy_timeout(2000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=recursive_triggers(ON)&_pragma=wal_autocheckpoint(1000)&_pragma=journal_size_limit(32000000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// describe reads what the file says of itself.
func describe(db *sql.DB, path string) (s segment, err error) {
	var prev []byte
	err = db.QueryRow("SELECT version, trail, first, prev FROM segment").Scan(&s.version, &s.trail, &s.first, &prev)
	if err == nil && len(prev) != len(s.prev) {
		err = errors.New("the hash before the first entry has the wrong length")
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	s.path, s.prev = path, Hash(prev)
	if s.version > Version {
		return s, fmt.Errorf("%s was written by a newer version (encoding %d)", filepath.Base(path), s.version)
	}
	if name := reSegment.FindStringSubmatch(filepath.Base(path)); name != nil {
		if n, _ := strconv.ParseInt(name[1], 10, 64); n != s.first {
			return s, fmt.Errorf("%s begins with entry %d: it was renamed", filepath.Base(path), s.first)
		}
	}
	return s, nil
}

// create makes an empty segment file.
func create(path, trail string, first int64, prev Hash) error {
	db, err := openFile(path, true)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	if _, err = tx.Exec(schema); err == nil {
		_, err = tx.Exec("INSERT INTO segment VALUES (1, ?, ?, ?, ?)", Version, trail, first, prev[:])
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// rows calls fn for the entries of one segment from seq on.
func (s segment) rows(from int64, fn func(Row) error) error {
	_, err := query(s.path, fn, "SELECT seq, prev, hash, body FROM entries WHERE seq >= ? ORDER BY seq", from)
	return err
}

// described opens each segment of the folder for what it says of itself.
func described(dir string) (list []segment, err error) {
	paths, err := Paths(dir)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		db, err := openFile(p, false)
		if err != nil {
			return nil, err
		}
		s, err := describe(db, p)
		if err = errors.Join(err, db.Close()); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}
