package kernel

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pocketbase/dbx"
)

// Connect opens data.db so that a commit is on the disk before it is answered: with
// PocketBase's NORMAL a power cut lost up to 29 s of acknowledged writes.
//
// What is deleted or replaced is overwritten with zeros (secure_delete), so that an erased
// patient is not in the file any more. It costs a write nothing that can be measured.
//
// A transaction takes the right to write when it begins: one that takes it only at its first
// write, after it has read, is refused when another program (the server, an import beside
// it) has written meanwhile. One that only reads is begun as sql.TxOptions{ReadOnly: true}.
func Connect(path string) (*dbx.DB, error) {
	sync := "NORMAL"
	if filepath.Base(path) == "data.db" {
		sync = "FULL"
	}
	dsn := path + "?_txlock=immediate&_pragma=busy_timeout(" + lockPatience + ")&_pragma=journal_mode(WAL)&_pragma=journal_size_limit(200000000)&_pragma=synchronous(" + sync +
		")&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-32000)&_pragma=recursive_triggers(ON)&_pragma=secure_delete(ON)"
	known, err := sql.Open("sqlite", dsn) // for its driver, which PocketBase has set up
	if err != nil {
		return nil, err
	}
	defer known.Close()
	return dbx.NewFromDB(sql.OpenDB(connector{known.Driver(), dsn}), "sqlite"), nil
}

// DatabaseURI names a file as SQLite's URIs do, so that a # or % of its folder is no part of one.
func DatabaseURI(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() }

// OpenToRead opens a database that is there only to read it, beside whoever writes it. Where
// nothing can be written, such as on a mounted backup, SQLite cannot make the file by which
// readers and writers come to terms: there is no writer then either, and it is read without.
func OpenToRead(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", DatabaseURI(path)+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path + "-shm"); err == nil {
		return db, nil
	}
	var n int
	if failed := StorageError(db.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&n)); failed == nil || !failed.Is(ErrStorage) {
		return db, nil // what else is wrong is said again to whoever reads
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return nil, fmt.Errorf("a part of %s is still in its log, %s-wal, and nothing can be written there to join them: copy the folder to where this account may write, and look at the copy", path, filepath.Base(path))
	}
	return sql.Open("sqlite", DatabaseURI(path)+"?immutable=1")
}
