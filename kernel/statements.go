package kernel

import (
	"container/list"
	"context"
	"database/sql/driver"
	"hash/maphash"
	"io"
	"strings"
	"time"
)

// connector opens connections to SQLite that keep their statements. PocketBase sends its
// statements as text each time, and to parse one took longer than to run it: a write's is
// compiled with every trigger on its table.
type connector struct {
	driver driver.Driver
	dsn    string
}

func (c connector) Driver() driver.Driver { return c.driver }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	opened, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &connection{sqliteConn: opened.(sqliteConn), kept: map[string]*list.Element{}, seen: map[uint64]bool{}}, nil
}

// sqliteConn is what the driver's connections can do.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

const (
	// keptStatements is how many statements a connection keeps: those that were used last.
	keptStatements = 200
	// longStatement is how long, in bytes, a statement is that is not kept.
	longStatement = 16 << 10
	// seenStatements is how many statements a connection remembers to have seen once.
	seenStatements = 2000
)

// connection keeps statements prepared from their second use on: many are made of the
// request's values and never come again. SQLite itself prepares a statement anew when the
// schema has changed.
type connection struct {
	sqliteConn
	kept   map[string]*list.Element // by text
	recent list.List                // of *statement, the one used last first
	seen   map[uint64]bool          // hashes of texts

	refused time.Time // when a transaction could not begin last: somebody else was writing
}

const (
	// lockPatience is for how many milliseconds a writer waits for another program's.
	lockPatience = "10000"
	// queuePatience is for how many it waits that stood behind one who waited in vain.
	queuePatience = "200"
	// queued is how long after a refusal the next ones have been waiting, too.
	queued = time.Second
)

// BeginTx begins a transaction. The server's writers stand in one queue: those behind one that
// was refused have waited as long, and are not made to wait again, each after the other.
func (c *connection) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if o.ReadOnly {
		return c.sqliteConn.BeginTx(ctx, o)
	}
	if time.Since(c.refused) < queued {
		if err := c.patience(ctx, queuePatience); err != nil {
			return nil, err
		}
		defer func() { _ = c.patience(context.Background(), lockPatience) }() // it could be set a moment ago
	}
	tx, err := c.sqliteConn.BeginTx(ctx, o)
	if busy := StorageError(err); busy != nil && busy.Is(ErrWriting) {
		c.refused = time.Now()
	}
	return tx, err
}

func (c *connection) patience(ctx context.Context, milliseconds string) error {
	_, err := c.sqliteConn.ExecContext(ctx, "PRAGMA busy_timeout="+milliseconds, nil)
	return err
}

type statement struct {
	text string
	prepared
	busy bool // its rows are being read
}

type prepared interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

var statementSeed = maphash.MakeSeed()

// statement returns the statement to use for a text, nil when it is none to keep, is not
// kept yet, or is in use.
func (c *connection) statement(ctx context.Context, text string) (*statement, error) {
	if e := c.kept[text]; e != nil {
		s := e.Value.(*statement)
		if s.busy {
			return nil, nil
		}
		c.recent.MoveToFront(e)
		return s, nil
	}
	if len(text) > longStatement || !repeats(text) {
		return nil, nil
	}
	if h := maphash.String(statementSeed, text); !c.seen[h] {
		if len(c.seen) >= seenStatements {
			clear(c.seen)
		}
		c.seen[h] = true
		return nil, nil
	}
	p, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s := &statement{text: text, prepared: p.(prepared)}
	c.kept[text] = c.recent.PushFront(s)
	for e := c.recent.Back(); c.recent.Len() > keptStatements && e != nil; {
		older := e.Prev()
		if !e.Value.(*statement).busy {
			c.drop(e.Value.(*statement))
		}
		e = older
	}
	return s, nil
}

// repeats tells what reads and writes rows from what changes the schema or the connection.
func repeats(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n(")
	for _, verb := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "REPLACE"} {
		if len(text) > len(verb) && strings.EqualFold(text[:len(verb)], verb) {
			return true
		}
	}
	return false
}

func (c *connection) drop(s *statement) {
	e := c.kept[s.text]
	if e == nil || e.Value.(*statement) != s {
		return
	}
	c.recent.Remove(e)
	delete(c.kept, s.text)
	_ = s.Close() // says again what its last run said
}

// ExecContext runs a statement; one that failed is not kept.
func (c *connection) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.ExecContext(ctx, text, args)
	}
	r, err := s.ExecContext(ctx, args)
	if err != nil {
		c.drop(s)
	}
	return r, err
}

// QueryContext runs a statement; it is free again once its rows are closed.
func (c *connection) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.QueryContext(ctx, text, args)
	}
	r, err := s.QueryContext(ctx, args)
	if err != nil {
		c.drop(s)
		return nil, err
	}
	s.busy = true
	return &keptRows{sqliteRows: r.(sqliteRows), of: c, s: s}, nil
}

// Close closes the statements too.
func (c *connection) Close() error {
	for e := c.recent.Front(); e != nil; e = e.Next() {
		_ = e.Value.(*statement).Close()
	}
	c.recent.Init()
	clear(c.kept)
	return c.sqliteConn.Close()
}

// sqliteRows is what the driver's rows can do.
type sqliteRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// keptRows are the rows of a statement that is kept.
type keptRows struct {
	sqliteRows
	of     *connection
	s      *statement
	failed bool
}

func (r *keptRows) Next(dest []driver.Value) error {
	err := r.sqliteRows.Next(dest)
	if err != nil && err != io.EOF {
		r.failed = true
	}
	return err
}

func (r *keptRows) Close() error {
	err := r.sqliteRows.Close()
	r.s.busy = false
	if r.failed || err != nil {
		r.of.drop(r.s)
	}
	return err
}
