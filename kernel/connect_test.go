package kernel_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// TestTwoProgramsWriteAtOnce: an import reads and then writes in one transaction, and the
// server writes in between.
func TestTwoProgramsWriteAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	open := func() *dbx.DB {
		db, err := kernel.Connect(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	importing, serving := open(), open()
	run := func(db dbx.Builder, sql string) {
		t.Helper()
		if _, err := db.NewQuery(sql).Execute(); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	run(importing, "CREATE TABLE t (n INTEGER)")
	tx, err := importing.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.NewQuery("SELECT count(*) FROM t").Row(&n); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := serving.NewQuery("INSERT INTO t VALUES (1)").Execute()
		done <- err
	}()
	// A reader waits for nobody.
	reader, err := serving.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.NewQuery("SELECT count(*) FROM t").Row(&n); err != nil || n != 0 {
		t.Errorf("reader: %d rows, %v", n, err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // enough for the other to write, if it is let
	run(tx, "INSERT INTO t VALUES (2)")
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the other program waits its turn: %v", err)
	}
}

// TestManyWritersDoNotWaitOneAfterTheOther: each of six would wait 10 s for a program that
// does not end, in one queue.
func TestManyWritersDoNotWaitOneAfterTheOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	open := func() *dbx.DB {
		db, err := kernel.Connect(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	other, serving := open(), open()
	serving.DB().SetMaxOpenConns(1)
	write := func() error {
		return serving.Transactional(func(tx *dbx.Tx) error {
			_, err := tx.NewQuery("CREATE TABLE IF NOT EXISTS t (n INTEGER)").Execute()
			return err
		})
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	held, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	const writers = 6
	told := make(chan error, writers)
	for range writers {
		go func() { told <- write() }()
	}
	patience := time.After(40 * time.Second)
	for range writers {
		select {
		case err := <-told:
			if busy := kernel.StorageError(err); busy == nil || !busy.Is(kernel.ErrWriting) {
				t.Errorf("a writer was told %v", err)
			}
		case <-patience:
			t.Fatal("they wait one after the other")
		}
	}
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	var wait int
	if err := serving.NewQuery("PRAGMA busy_timeout").Row(&wait); err != nil || wait != 10000 {
		t.Errorf("afterwards a writer waits %d ms, %v", wait, err)
	}
}
