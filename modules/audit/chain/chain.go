package chain

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Chain is the one writer of a trail. Its methods may be called by many goroutines.
type Chain struct {
	dir  string
	lock *os.File

	queue   sync.Mutex // of what follows
	waiting []*batch
	busy    bool // somebody is committing
	closed  bool
	idle    sync.Cond // nobody is

	mu    sync.Mutex // of what follows
	db    *sql.DB
	add   *sql.Stmt
	first int64 // of the open segment
	trail string
	head  Head
	stale bool // the last commit failed: look at the file before the next
	err   error
}

// Head is the last entry of a trail; Seq 0 is before the first.
type Head struct {
	Seq  int64
	Hash Hash
}

type batch struct {
	bodies []Body
	done   chan error    // how the commit went
	lead   chan struct{} // closed when it is this one's turn to commit
}

// Body is one encoded entry on its way into the trail.
type Body struct {
	Raw   []byte
	Epoch string
	Write int64 // 0 for an entry that is no write to data.db
}

// Encode makes the body of an entry, with the time and version filled in where they lack.
func Encode(e Entry) (Body, error) {
	if e.At == "" {
		e.At = Now()
	}
	e.Version = Version
	raw, err := json.Marshal(e)
	return Body{raw, e.Epoch, e.Write}, err
}

// Now is the present time as entries have it.
func Now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// ErrClosed is what Append returns once the trail is closed.
var ErrClosed = errors.New("the audit trail is closed")

// maxBatch bounds how many callers share one commit.
const maxBatch = 1000

// Open opens the trail in dir for writing, making it where there is none. It fails when
// another process has it open.
func Open(dir string) (*Chain, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := hold(filepath.Join(dir, "trail.lock"))
	if err != nil {
		return nil, err
	}
	c := &Chain{dir: dir, lock: lock}
	c.idle.L = &c.queue
	if err := c.openLast(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return c, nil
}

func (c *Chain) openLast() error {
	paths, err := Paths(c.dir)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		var id [16]byte
		if _, err := rand.Read(id[:]); err != nil {
			return err
		}
		path := filepath.Join(c.dir, segmentName(1))
		if err := create(path, hex.EncodeToString(id[:]), 1, Hash{}); err != nil {
			return fmt.Errorf("make the audit trail: %w", err)
		}
		paths = []string{path}
	}
	return c.openSegment(paths[len(paths)-1])
}

func (c *Chain) openSegment(path string) error {
	db, err := openFile(path, true)
	if err != nil {
		return err
	}
	s, err := describe(db, path)
	if err == nil {
		c.first, c.trail = s.first, s.trail
		c.head, err = headOf(db, s)
	}
	if err == nil {
		// ROLLBACK and not ABORT: what a row of a batch would take back is all of it anyway, and
		// SQLite need not note the pages as they were before each one.
		c.add, err = db.Prepare("INSERT OR ROLLBACK INTO entries (seq, body, prev, hash, epoch, write) VALUES (?, ?, ?, ?, ?, ?)")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open the audit trail: %w", err), db.Close())
	}
	c.db = db
	_ = layOut(path) // where there is no room it only takes longer
	return nil
}

func headOf(db *sql.DB, s segment) (Head, error) {
	var h Head
	var hash []byte
	err := db.QueryRow("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").Scan(&h.Seq, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return Head{s.first - 1, s.prev}, nil
	}
	copy(h.Hash[:], hash)
	return h, err
}

// Append adds entries, in this order and without others between them, and returns when
// they are on the disk. Whoever comes first commits, for itself and for all who came
// meanwhile; those who come during a commit share the next.
func (c *Chain) Append(bodies ...Body) error {
	b := &batch{bodies, make(chan error, 1), make(chan struct{})}
	c.queue.Lock()
	if c.closed {
		c.queue.Unlock()
		return ErrClosed
	}
	c.waiting = append(c.waiting, b)
	if c.busy {
		c.queue.Unlock()
		select {
		case err := <-b.done:
			return err
		case <-b.lead: // it is our turn to commit
		}
		c.queue.Lock()
	}
	c.busy = true
	list := c.take()
	c.queue.Unlock()
	err := c.commit(list)
	for _, other := range list {
		other.done <- err
	}
	c.queue.Lock()
	defer c.queue.Unlock()
	if len(c.waiting) > 0 {
		close(c.waiting[0].lead)
	} else {
		c.busy = false
		c.idle.Broadcast()
	}
	return <-b.done
}

// take takes off the queue what fits into one commit. The first is always the one who asks.
func (c *Chain) take() (list []*batch) {
	n := min(len(c.waiting), maxBatch)
	list, c.waiting = c.waiting[:n:n], c.waiting[n:]
	return list
}

func (c *Chain) commit(list []*batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stale {
		h, err := headOf(c.db, segment{first: c.first, prev: c.head.Hash})
		if err != nil {
			return c.failed(err)
		}
		c.head, c.stale = h, false
	}
	head, err := c.write(list)
	if err != nil {
		return c.failed(err)
	}
	c.head, c.err = head, nil
	return nil
}

func (c *Chain) failed(err error) error {
	c.stale, c.err = true, fmt.Errorf("write the audit trail: %w", err)
	return c.err
}

// write adds all entries in one transaction, or the only one without.
func (c *Chain) write(list []*batch) (Head, error) {
	head := c.head
	if len(list) == 1 && len(list[0].bodies) == 1 {
		return head, c.insert(c.add, &head, list[0].bodies[0])
	}
	tx, err := c.db.Begin()
	if err != nil {
		return head, err
	}
	add := tx.Stmt(c.add)
	for _, b := range list {
		for _, body := range b.bodies {
			if err := c.insert(add, &head, body); err != nil {
				_ = tx.Rollback() // SQLite has, where the row was refused
				return head, err
			}
		}
	}
	return head, tx.Commit()
}

func (c *Chain) insert(add *sql.Stmt, head *Head, b Body) error {
	seq := head.Seq + 1
	hash := Link(head.Hash, seq, b.Raw)
	epoch := sql.NullString{String: b.Epoch, Valid: b.Write > 0}
	write := sql.NullInt64{Int64: b.Write, Valid: b.Write > 0}
	if _, err := add.ExecContext(context.Background(), seq, string(b.Raw), head.Hash[:], hash[:], epoch, write); err != nil {
		return err
	}
	*head = Head{seq, hash}
	return nil
}

// Head returns the last entry.
func (c *Chain) Head() Head {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.head
}

// Err returns why the last commit failed, nil when it did not.
func (c *Chain) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Dir is the trail's folder.
func (c *Chain) Dir() string { return c.dir }

// Close writes what is waiting and releases the trail.
func (c *Chain) Close() error {
	c.queue.Lock()
	if c.closed {
		c.queue.Unlock()
		return nil
	}
	c.closed = true
	for c.busy {
		c.idle.Wait()
	}
	c.queue.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.add.Close(), c.db.Close(), c.lock.Close())
}
