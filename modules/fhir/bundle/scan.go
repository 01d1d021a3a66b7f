package bundle

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
)

const (
	space        = " \t\r\n"
	afterLiteral = ",:]}[{\"" + space
)

// scanner walks through JSON text of any length and keeps only what it is
// asked to.
//
// It is used instead of json.Decoder for two things that one cannot do: skip a
// value larger than the limit, and go on after a value that is well bracketed
// but wrong inside. It looks only at brackets and quotes; whether a kept value
// is valid JSON is for json.Unmarshal to say.
type scanner struct {
	in    *bufio.Reader
	off   int64 // bytes passed
	limit int   // of buf

	buf     []byte
	keeping bool // bytes passed go to buf
	over    bool // buf would have exceeded the limit, and was dropped
}

func newScanner(in io.Reader, limit int) *scanner {
	return &scanner{in: bufio.NewReaderSize(in, bufferSize), limit: limit}
}

// keep starts keeping what is passed from here on.
func (s *scanner) keep() {
	// One huge resource must not hold its memory for the rest of the file.
	if cap(s.buf) > 1<<20 {
		s.buf = nil
	}
	s.buf, s.keeping, s.over = s.buf[:0], true, false
}

// drop stops keeping.
func (s *scanner) drop() { s.keeping, s.over = false, false }

// chunk returns the bytes at hand, at least one, without passing them.
func (s *scanner) chunk() ([]byte, error) {
	if _, err := s.in.Peek(1); err != nil {
		return nil, err
	}
	return s.in.Peek(s.in.Buffered())
}

// pass goes beyond n bytes of a chunk.
func (s *scanner) pass(chunk []byte, n int) {
	if s.keeping && !s.over {
		if len(s.buf)+n > s.limit {
			s.over, s.buf = true, nil
		} else {
			s.buf = append(s.buf, chunk[:n]...)
		}
	}
	s.off += int64(n)
	s.in.Discard(n) // is buffered: cannot fail
}

// peek passes white space and returns the byte after it, or the input's error.
func (s *scanner) peek() (byte, error) {
	for {
		chunk, err := s.chunk()
		if err != nil {
			return 0, err
		}
		rest := bytes.TrimLeft(chunk, space)
		s.pass(chunk, len(chunk)-len(rest))
		if len(rest) > 0 {
			return rest[0], nil
		}
	}
}

// expect passes white space and the byte want.
func (s *scanner) expect(want byte) error {
	c, err := s.peek()
	if err != nil {
		return readError(err)
	}
	if c != want {
		return s.unexpected(c, string(want))
	}
	s.pass([]byte{c}, 1)
	return nil
}

func (s *scanner) unexpected(c byte, want string) error {
	return brokenf("byte %d: %q where %s belongs", s.off, c, want)
}

// list passes the rest of an array or object whose opening bracket was passed,
// up to and including the closing one. It calls each at every item, which each
// must pass.
func (s *scanner) list(closing byte, each func() error) error {
	for n := 0; ; n++ {
		c, err := s.peek()
		if err != nil {
			return readError(err)
		}
		if c == closing {
			s.pass([]byte{c}, 1)
			return nil
		}
		if n > 0 {
			if err := s.expect(','); err != nil {
				return err
			}
		}
		if err := each(); err != nil {
			return err
		}
	}
}

// value passes one JSON value.
func (s *scanner) value() error {
	c, err := s.peek()
	if err != nil {
		return readError(err)
	}
	if c != '{' && c != '[' && c != '"' {
		return s.literal(c)
	}
	var at nesting
	for {
		chunk, err := s.chunk()
		if err != nil {
			return readError(err)
		}
		if end := at.end(chunk); end > 0 {
			s.pass(chunk, end)
			return nil
		}
		s.pass(chunk, len(chunk))
	}
}

// literal passes a number, true, false or null; c is its first byte.
func (s *scanner) literal(c byte) error {
	for n := 0; ; {
		chunk, err := s.chunk()
		if err == io.EOF && n > 0 {
			return nil
		}
		if err != nil {
			return readError(err)
		}
		end := bytes.IndexAny(chunk, afterLiteral)
		if end == 0 && n == 0 {
			return s.unexpected(c, "a value")
		}
		if end >= 0 {
			s.pass(chunk, end)
			return nil
		}
		n += len(chunk)
		s.pass(chunk, len(chunk))
	}
}

// text passes one JSON value and returns it. It is valid until the next call
// of the scanner, and nil if it was too large to keep.
func (s *scanner) text() ([]byte, error) {
	if _, err := s.peek(); err != nil {
		return nil, readError(err)
	}
	alone := !s.keeping
	if alone {
		s.keep()
		defer func() { s.keeping = false }()
	}
	start := len(s.buf)
	if err := s.value(); err != nil {
		return nil, err
	}
	if s.over {
		return nil, nil
	}
	return s.buf[start:], nil
}

// key passes an object's key and colon and returns the key, which is empty if
// it was too large to keep.
func (s *scanner) key() (string, error) {
	c, err := s.peek()
	if err != nil {
		return "", readError(err)
	}
	if c != '"' {
		return "", s.unexpected(c, "a key")
	}
	raw, err := s.text()
	if err != nil {
		return "", err
	}
	var key string
	if raw != nil && json.Unmarshal(raw, &key) != nil {
		return "", brokenf("byte %d: the key before is not a valid string", s.off)
	}
	return key, s.expect(':')
}

// nesting is where we are within a value that is an object, array or string.
type nesting struct {
	depth           int
	quoted, escaped bool
}

// end returns the length of b up to and including the end of the value,
// or 0 if that is beyond b.
func (n *nesting) end(b []byte) int {
	for i, c := range b {
		switch {
		case n.escaped:
			n.escaped = false
		case n.quoted && c == '\\':
			n.escaped = true
		case c == '"':
			n.quoted = !n.quoted
			if !n.quoted && n.depth == 0 {
				return i + 1
			}
		case n.quoted:
		case c == '{', c == '[':
			n.depth++
		case c == '}', c == ']':
			n.depth--
			if n.depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}
