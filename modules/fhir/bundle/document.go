package bundle

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// run is the reading of one file.
type run struct {
	Reader
	ctx   context.Context
	file  string
	each  func(Entry) error
	index int // of the next entry
}

func (r *run) problem(index int, reason string) error {
	return r.report(&Problem{File: r.file, Index: index, Reason: reason})
}

// stop reports an err that broke a document, and returns all others.
func (r *run) stop(err error, index int, where string) error {
	var cut *broken
	if !errors.As(err, &cut) {
		return err
	}
	return r.problem(index, where+cut.reason)
}

// lines reads a document, or none, a line.
func (r *run) lines(text *bufio.Reader) error {
	in := &lineReader{in: text, ended: true}
	s := newScanner(nil, r.limit())
	empty := true
	for line := 1; in.next(); line++ {
		s.in.Reset(in)
		s.off = 0
		found, err := r.documents(s)
		empty = empty && !found && err == nil
		if err == nil {
			continue
		}
		if err := r.stop(err, r.index, fmt.Sprintf("line %d: ", line)); err != nil {
			return err
		}
		r.index++
		if in.err != nil {
			return nil // the input's own error has just been reported
		}
	}
	if in.err != io.EOF {
		return r.stop(readError(in.err), r.index, "")
	}
	if empty {
		return r.problem(-1, "is empty")
	}
	return nil
}

// documents reads what follows one another, and reports whether there was any.
func (r *run) documents(s *scanner) (found bool, err error) {
	for {
		s.drop()
		c, err := s.peek()
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return found, readError(err)
		}
		if c == '[' {
			return found, brokenf("is a JSON array; a bundle, a resource or NDJSON belongs here")
		}
		if c != '{' {
			return found, s.unexpected(c, "a bundle or resource")
		}
		found = true
		if err := (&document{run: r, s: s}).read(); err != nil {
			return found, err
		}
	}
}

// document is one JSON object: a bundle or a resource.
//
// Keys come in any order, so it is kept as a resource until its resourceType
// says that it is a bundle, or an entry shows it.
type document struct {
	*run
	s      *scanner
	kind   string // resourceType, empty before it is known
	bundle bool
}

func (d *document) read() error {
	d.s.keep()
	if err := d.s.expect('{'); err != nil {
		return err
	}
	if err := d.s.list('}', d.member); err != nil {
		return err
	}
	if d.bundle && d.kind == "" {
		return d.problem(-1, "has entries but no resourceType")
	}
	if d.bundle && d.kind != "Bundle" {
		return d.problem(-1, "has entries before it says that it is a "+d.kind)
	}
	if d.bundle {
		return nil
	}
	over := d.s.over
	raw := d.s.buf
	d.s.drop()
	if over {
		return d.skipped()
	}
	return d.emit(resource(bytes.Clone(raw))) // the scanner uses its own again
}

// member reads one key and value of the document.
func (d *document) member() error {
	key, err := d.s.key()
	if err != nil {
		return err
	}
	c, err := d.s.peek()
	if err != nil {
		return readError(err)
	}
	switch {
	case key == "resourceType":
		return d.typed()
	case key == "entry" && c == '[' && (d.bundle || d.kind == ""):
		d.bundle = true
		d.s.drop()
		d.s.pass([]byte{c}, 1)
		return d.s.list(']', d.entry)
	case key == "entry" && d.bundle && c != 'n': // null: none
		if err := d.problem(-1, "entry is not an array"); err != nil {
			return err
		}
	}
	if !d.bundle {
		return d.s.value()
	}
	raw, err := d.s.text()
	if err == nil && raw != nil && !json.Valid(raw) {
		err = brokenf("byte %d: the value before is not valid JSON", d.s.off)
	}
	return err
}

// typed reads the resourceType.
func (d *document) typed() error {
	raw, err := d.s.text()
	if err != nil {
		return err
	}
	var kind string
	if json.Unmarshal(raw, &kind) != nil {
		return nil // not a string: told when the whole is looked at
	}
	d.kind = kind
	if kind == "Bundle" {
		d.bundle = true
		d.s.drop()
	}
	return nil
}

// entry reads one of a bundle's entries.
func (d *document) entry() error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	raw, err := d.s.text()
	if err != nil {
		return err
	}
	if raw == nil {
		return d.skipped()
	}
	return d.emit(entry(raw))
}

func (d *document) skipped() error {
	d.index++
	return d.problem(d.index-1, fmt.Sprintf("is larger than %d bytes, skipped", d.s.limit))
}

// emit hands over an entry, or reports why there is none.
func (d *document) emit(e Entry, err error) error {
	e.File, e.Index = d.file, d.index
	d.index++
	if err != nil {
		return d.problem(e.Index, err.Error())
	}
	return d.each(e)
}
