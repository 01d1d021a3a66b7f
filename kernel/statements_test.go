package kernel_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// connected is one connection as the product opens them.
func connected(t *testing.T) *sql.Conn {
	t.Helper()
	db, err := kernel.Connect(filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c, err := db.DB().Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func exec(t *testing.T, c *sql.Conn, text string, args ...any) {
	t.Helper()
	if _, err := c.ExecContext(context.Background(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// table reads all columns as text, a row a line.
func table(t *testing.T, c *sql.Conn, text string, args ...any) string {
	t.Helper()
	rows, err := c.QueryContext(context.Background(), text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	out := strings.Join(names, " ")
	for rows.Next() {
		cells, into := make([]string, len(names)), make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out += "; " + strings.Join(cells, " ")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestKeptStatementsSeeTheSchemaOfNow runs each statement often enough to be kept.
func TestKeptStatementsSeeTheSchemaOfNow(t *testing.T) {
	c := connected(t)
	exec(t, c, "CREATE TABLE t (a TEXT); CREATE TABLE log (a TEXT)")
	for _, a := range []string{"1", "2", "3"} {
		exec(t, c, "INSERT INTO t (a) VALUES (?)", a)
		table(t, c, "SELECT * FROM t ORDER BY 1")
	}
	exec(t, c, "ALTER TABLE t ADD COLUMN b TEXT NOT NULL DEFAULT 'new'")
	if got, want := table(t, c, "SELECT * FROM t ORDER BY 1"), "a b; 1 new; 2 new; 3 new"; got != want {
		t.Errorf("a column more: %q, want %q", got, want)
	}
	exec(t, c, "CREATE TRIGGER noted AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.a); END")
	exec(t, c, "INSERT INTO t (a) VALUES (?)", "4")
	if got := table(t, c, "SELECT a FROM log"); got != "a; 4" {
		t.Errorf("a trigger that came later: %q", got)
	}
	exec(t, c, "DROP TRIGGER noted")
	exec(t, c, "DROP TABLE t")
	if _, err := c.QueryContext(context.Background(), "SELECT * FROM t ORDER BY 1"); err == nil || !strings.Contains(err.Error(), "no such table") {
		t.Errorf("a table that is gone: %v", err)
	}
	exec(t, c, "CREATE TABLE t (z TEXT)")
	exec(t, c, "INSERT INTO t VALUES ('back')")
	for range 3 {
		if got := table(t, c, "SELECT * FROM t ORDER BY 1"); got != "z; back" {
			t.Errorf("a table that came back: %q", got)
		}
	}
}

func TestAStatementInUseCanBeAskedForAgain(t *testing.T) {
	c := connected(t)
	exec(t, c, "CREATE TABLE t (n INTEGER)")
	exec(t, c, "INSERT INTO t VALUES (1), (2), (3)")
	const text = "SELECT n FROM t WHERE n >= ? ORDER BY n"
	for range 3 {
		outer, err := c.QueryContext(context.Background(), text, 1)
		if err != nil {
			t.Fatal(err)
		}
		seen := ""
		for outer.Next() {
			var n int
			if err := outer.Scan(&n); err != nil {
				t.Fatal(err)
			}
			seen += fmt.Sprint(n, " [", table(t, c, text, n), "] ")
		}
		if err := errors.Join(outer.Err(), outer.Close()); err != nil {
			t.Fatal(err)
		}
		if want := "1 [n; 1; 2; 3] 2 [n; 2; 3] 3 [n; 3] "; seen != want {
			t.Fatalf("got %s, want %s", seen, want)
		}
	}
}

func TestAFailedStatementFailsNoOther(t *testing.T) {
	c := connected(t)
	exec(t, c, "CREATE TABLE t (n INTEGER UNIQUE)")
	for i := range 6 {
		exec(t, c, "INSERT INTO t VALUES (?)", i)
		for range 2 {
			if _, err := c.ExecContext(context.Background(), "INSERT INTO t VALUES (?)", i); err == nil || !strings.Contains(err.Error(), "UNIQUE") {
				t.Fatalf("%d twice: %v", i, err)
			}
		}
	}
	ended, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	const endless = "WITH RECURSIVE c(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c LIMIT 1"
	for range 3 {
		if rows, err := c.QueryContext(ended, endless, 1); err == nil {
			_ = rows.Close()
			t.Fatal("a statement goes on when nobody waits for it")
		}
	}
	if got := table(t, c, "SELECT count(*) AS n FROM t"); got != "n; 6" {
		t.Errorf("got %q", got)
	}
}

// TestMoreStatementsThanAreKept: the oldest make room, and every one still works.
func TestMoreStatementsThanAreKept(t *testing.T) {
	c := connected(t)
	exec(t, c, "CREATE TABLE t (n INTEGER)")
	for range 3 {
		for i := range 500 {
			if got, want := table(t, c, fmt.Sprintf("SELECT ? + %d AS n", i), 1), fmt.Sprintf("n; %d", i+1); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
}

// TestValuesOfOneRunAreNotThoseOfTheNext: fewer, none, or of another kind.
func TestValuesOfOneRunAreNotThoseOfTheNext(t *testing.T) {
	c := connected(t)
	for _, v := range []any{"text", nil, 7, "again", []byte("raw")} {
		want := "<nil>"
		if v != nil {
			want = fmt.Sprintf("%s", v)
			if n, ok := v.(int); ok {
				want = fmt.Sprint(n)
			}
		}
		if got := table(t, c, "SELECT coalesce(?, '<nil>') AS v", v); got != "v; "+want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
