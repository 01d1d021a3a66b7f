package bundle

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

const bufferSize = 64 << 10

// broken says that no more can be read of a document. It is told apart from
// the errors of callbacks and contexts, which end the whole reading.
type broken struct{ reason string }

func (b *broken) Error() string { return b.reason }

func brokenf(format string, args ...any) error {
	return &broken{fmt.Sprintf(format, args...)}
}

// source counts what is read and makes a cancelled context end the reading,
// however long a resource is.
type source struct {
	ctx      context.Context
	in       io.Reader
	progress func(int64)
	read     int64
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.in.Read(p)
	s.read += int64(n)
	if s.progress != nil {
		s.progress(s.read)
	}
	return n, err
}

// open returns the text of src: unpacked if it is gzip, whatever its name says,
// and without a UTF-8 byte order mark.
func open(src io.Reader) (*bufio.Reader, error) {
	text := bufio.NewReaderSize(src, bufferSize)
	// Short files peek short; then they are neither, which is all we ask here.
	if head, _ := text.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		unzip, err := gzip.NewReader(text)
		if err != nil {
			return nil, readError(err)
		}
		text = bufio.NewReaderSize(unzip, bufferSize)
	}
	if head, _ := text.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		if _, err := text.Discard(3); err != nil {
			return nil, readError(err)
		}
	}
	return text, nil
}

// readError turns an input's error into what the scanner returns: contexts'
// errors stay, all others break the document.
func readError(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return brokenf("is cut short")
	}
	return brokenf("read: %v", err)
}

// openReason leaves out the path, which a Problem has already.
func openReason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Sprintf("open: %v", err)
}

// lineReader reads one line at a time: io.EOF ends a line, next goes to the
// following one. Lines may be longer than memory.
type lineReader struct {
	in    *bufio.Reader
	ended bool  // the line is read up to and including its newline
	err   error // the end of the input, sticky
}

// Read reads from the current line, without its newline.
func (l *lineReader) Read(p []byte) (int, error) {
	if l.ended {
		return 0, io.EOF
	}
	if l.err != nil {
		return 0, l.err
	}
	if _, err := l.in.Peek(1); err != nil {
		l.err = err
		return 0, err
	}
	have, _ := l.in.Peek(min(l.in.Buffered(), len(p))) // is buffered: cannot fail
	if end := bytes.IndexByte(have, '\n'); end >= 0 {
		have = have[:end]
		l.ended = true
	}
	n := copy(p, have)
	skip := n
	if l.ended {
		skip++
	}
	l.in.Discard(skip) // is buffered: cannot fail
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// next skips the rest of the line and reports whether another one begins.
func (l *lineReader) next() bool {
	for !l.ended && l.err == nil {
		if _, err := l.in.ReadSlice('\n'); err == nil {
			l.ended = true
		} else if err != bufio.ErrBufferFull {
			l.err = err
		}
	}
	if l.err == nil {
		l.ended = false
		_, l.err = l.in.Peek(1)
	}
	return l.err == nil
}
