package exchange

import (
	"errors"
	"fmt"
	"io"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

// Options of an import.
type Options struct {
	DryRun  bool                        // do everything, then take it back
	SkipBad bool                        // import the good rows although others are bad
	Bad     func(BadRow)                // is told of each bad row, may be nil
	Each    func(rows int, bytes int64) // is told after each row how far the file is read, may be nil
}

// Summary is what an import did, or would do.
type Summary struct {
	Rows, New, Changed, Unchanged, Bad int
	Written                            bool
}

func (s Summary) String() string {
	text := fmt.Sprintf("%d rows: %d new, %d changed, %d unchanged, %d bad", s.Rows, s.New, s.Changed, s.Unchanged, s.Bad)
	if !s.Written {
		text += "; nothing was written"
	}
	return text
}

// errUndo rolls back what a dry run, or a run with bad rows, has written.
var errUndo = errors.New("undo")

// Import reads a CSV file into a table, in one transaction: all rows or none, unless
// SkipBad leaves the bad ones out. Every row is saved through the hooks of its collection.
// The error says why the file as a whole could not be read or stored.
func Import(app core.App, t exchangeapi.Table, in io.Reader, opt Options) (Summary, error) {
	var sum Summary
	counted := &countingReader{Reader: in}
	err := app.RunInTransaction(func(tx core.App) error {
		s, err := openSheet(counted, t)
		if err != nil {
			return err
		}
		run, err := newRun(tx, t)
		if err != nil {
			return err
		}
		for {
			line, row, bad, err := s.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("read the file: %w", err)
			}
			if len(bad) == 0 && blank(row) {
				continue
			}
			if len(bad) == 0 {
				if bad, err = run.row(tx, line, row, &sum); err != nil {
					return fmt.Errorf("line %d: %w", line, err)
				}
			}
			sum.Rows++
			if len(bad) > 0 {
				sum.Bad++
				if opt.Bad != nil {
					opt.Bad(BadRow{line, bad})
				}
			}
			if opt.Each != nil {
				opt.Each(sum.Rows, counted.n)
			}
		}
		if opt.DryRun || (sum.Bad > 0 && !opt.SkipBad) {
			return errUndo
		}
		sum.Written = true
		return nil
	})
	if errors.Is(err, errUndo) {
		err = nil
	}
	if err != nil {
		sum.Written = false
	}
	return sum, err
}

// run is one import under way.
type run struct {
	table      exchangeapi.Table
	collection *core.Collection
	soft       string         // field that marks a deleted record, "" when there is none
	seen       map[string]int // the line on which a record was already named
}

func newRun(tx core.App, t exchangeapi.Table) (*run, error) {
	c, err := tx.FindCollectionByNameOrId(t.Collection)
	if err != nil {
		return nil, fmt.Errorf("collection %s: %w", t.Collection, err)
	}
	a, _ := kernel.Of(tx).AccessOf(t.Collection)
	return &run{t, c, a.SoftDelete, map[string]int{}}, nil
}

// row saves one row and counts it. A row that is bad, or that changes nothing, leaves
// nothing behind: a hook may have written beside it.
func (n *run) row(tx core.App, line int, row map[string]string, sum *Summary) (kernel.Invalid, error) {
	r, bad, err := n.find(tx, line, row)
	if err != nil || len(bad) > 0 {
		return bad, err
	}
	isNew, before := r.IsNew(), r.Fresh()
	bad = n.fill(r, row)
	kernel.Refuse(r, bad...) // the save finds what else is wrong with the row
	if len(bad) == 0 && !isNew && same(before, r) {
		sum.Unchanged++
		return nil, nil
	}
	if err := sql(tx, "SAVEPOINT csv_row"); err != nil {
		return nil, err
	}
	if err := tx.Save(r); err != nil {
		bad := kernel.Of(tx).FieldErrors(err)
		if len(bad) == 0 {
			return nil, err
		}
		return bad, undo(tx)
	}
	switch {
	case isNew:
		sum.New++
	case same(before, r): // the hooks made of it what it was
		sum.Unchanged++
		return nil, undo(tx)
	default:
		sum.Changed++
	}
	return nil, sql(tx, "RELEASE csv_row")
}

func undo(tx core.App) error {
	return errors.Join(sql(tx, "ROLLBACK TO csv_row"), sql(tx, "RELEASE csv_row"))
}

func sql(tx core.App, statement string) error {
	_, err := tx.NonconcurrentDB().NewQuery(statement).Execute()
	return err
}

// countingReader counts the bytes that were read.
type countingReader struct {
	io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
