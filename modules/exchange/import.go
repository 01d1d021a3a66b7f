package exchange

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

// Options of an import.
type Options struct {
	DryRun  bool                                     // check every row, write none
	SkipBad bool                                     // import the good rows although others are bad
	Bad     func(BadRow)                             // is told of each bad row, may be nil
	Each    func(step string, rows int, bytes int64) // is told after each row how far the file is "checked" or "imported", may be nil
}

// Summary is what an import did, or would do. Written says that rows went in.
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

const (
	// slice is how many rows share a transaction. Who else writes waits for one slice, a
	// fraction of a second, not for the file.
	slice = 100
	// breath is how long an import lets others write after each slice. SQLite looks every
	// 100 ms whether a database that it waits for is free.
	breath = 150 * time.Millisecond
)

// Import reads a CSV file into a table, slice by slice, so that the clinic goes on working
// beside it. Every row is saved through the hooks of its collection.
//
// It reads the file twice: first it tries every row and takes it back, and with a bad one
// nothing is written; then it writes. SkipBad does without the first reading. Ahead of both it
// looks for the highest number of a column that the server counts. What is written
// stays when the import ends early. Every row is known by its keys or by what it says, so the
// file can be imported again: what is in already is not made twice.
//
// The error says why the file as a whole could not be read or stored, and how much of it is in.
func Import(app core.App, t exchangeapi.Table, in io.ReadSeeker, opt Options) (Summary, error) {
	highest, err := highestOf(t, in)
	if err != nil {
		return Summary{}, err
	}
	if opt.DryRun || !opt.SkipBad {
		sum, err := read(app, t, in, opt, highest, true)
		if err != nil || opt.DryRun || sum.Bad > 0 {
			return sum, err
		}
	}
	sum, err := read(app, t, in, opt, highest, false)
	if err != nil && sum.Written {
		err = fmt.Errorf("%w (%d rows are in; the file can be imported again, nothing is made twice)", err, sum.Rows)
	}
	return sum, err
}

var (
	// errUndo takes back what a slice has written.
	errUndo = errors.New("undo")
	// errTurnedBad is what an import ends with when a row was good at first: somebody else has
	// written meanwhile, or two rows of the file want the same.
	errTurnedBad = errors.New("a row that was good when the file was checked no longer is")
)

// highestOf returns the highest number that the file has in the table's counted column.
func highestOf(t exchangeapi.Table, in io.Reader) (highest int, err error) {
	if t.Counted == nil {
		return 0, nil
	}
	s, err := openSheet(in, t)
	if err != nil {
		return 0, err
	}
	for {
		_, row, _, err := s.next()
		if errors.Is(err, io.EOF) {
			return highest, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read the file: %w", err)
		}
		highest = max(highest, t.Counted.Number(row[t.Counted.Column]))
	}
}

// read goes through the file once, from its beginning. The summary is of the slices that are done.
func read(app core.App, t exchangeapi.Table, in io.ReadSeeker, opt Options, highest int, check bool) (Summary, error) {
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return Summary{}, fmt.Errorf("read the file again: %w", err)
	}
	counted := &countingReader{Reader: in}
	s, err := openSheet(counted, t)
	if err != nil {
		return Summary{}, err
	}
	n := &run{table: t, sheet: s, opt: opt, check: check, read: counted, highest: highest, seen: map[string]int{}}
	var done Summary
	for {
		sum := done
		err := app.RunInTransaction(func(tx core.App) error { return n.slice(tx, &sum) })
		if err != nil && !errors.Is(err, errUndo) {
			return done, err
		}
		if done = sum; n.ended {
			return done, nil
		}
		time.Sleep(breath)
	}
}

// slice reads the next rows and saves them; in a check it takes them back.
func (n *run) slice(tx core.App, sum *Summary) error {
	if err := n.look(tx); err != nil {
		return err
	}
	if n.highest > 0 {
		if err := n.table.Counted.Pass(tx, n.highest); err != nil {
			return err
		}
	}
	for range slice {
		line, row, bad, err := n.sheet.next()
		if errors.Is(err, io.EOF) {
			n.ended = true
			break
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		if len(bad) == 0 && blank(row) {
			continue
		}
		if len(bad) == 0 {
			if bad, err = n.row(tx, line, row, sum); err != nil {
				return fmt.Errorf("line %d: %w", line, err)
			}
		}
		sum.Rows++
		if len(bad) > 0 {
			sum.Bad++
			if n.opt.Bad != nil {
				n.opt.Bad(BadRow{line, bad})
			}
			if !n.check && !n.opt.SkipBad {
				return errTurnedBad
			}
		}
		if n.opt.Each != nil {
			n.opt.Each(n.step(), sum.Rows, n.read.n)
		}
	}
	if n.check {
		return errUndo
	}
	sum.Written = true
	return nil
}

// run is one reading of the file.
type run struct {
	table   exchangeapi.Table
	sheet   *sheet
	opt     Options
	check   bool // every slice is taken back
	read    *countingReader
	highest int            // number of the counted column, 0 for none
	seen    map[string]int // the line on which a record was already named, by what named it and by its id
	ended   bool

	collection *core.Collection // as it is in this slice
	soft       string           // field that marks a deleted record, "" when there is none
}

func (n *run) look(tx core.App) (err error) {
	if n.collection, err = tx.FindCollectionByNameOrId(n.table.Collection); err != nil {
		return fmt.Errorf("collection %s: %w", n.table.Collection, err)
	}
	a, _ := kernel.Of(tx).AccessOf(n.table.Collection)
	n.soft = a.SoftDelete
	return nil
}

func (n *run) step() string {
	if n.check {
		return "checked"
	}
	return "imported"
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
