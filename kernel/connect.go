package kernel

import (
	"database/sql"
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
