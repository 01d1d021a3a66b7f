package exchange

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

const bom = "\uFEFF"

// sheet is a CSV file being read: a line of column names, then rows.
type sheet struct {
	csv     *csv.Reader
	columns []string
}

// openSheet reads the column names. It refuses a file whose columns the table does not have.
func openSheet(in io.Reader, t exchangeapi.Table) (*sheet, error) {
	buffered := bufio.NewReaderSize(in, 64<<10)
	start, err := buffered.Peek(buffered.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	switch {
	case bytes.HasPrefix(start, []byte{0xFF, 0xFE}), bytes.HasPrefix(start, []byte{0xFE, 0xFF}):
		return nil, errors.New("the file is UTF-16: save it as UTF-8")
	case bytes.HasPrefix(start, []byte(bom)):
		start = start[len(bom):]
		_, _ = buffered.Discard(len(bom)) // it was peeked at
	}
	s := &sheet{csv: csv.NewReader(buffered)}
	s.csv.Comma = separator(start)
	header, err := s.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: its first line names the columns")
	}
	if err != nil {
		return nil, fmt.Errorf("the line of column names: %w", err)
	}
	return s, s.setColumns(header, t)
}

// separator returns which of comma, semicolon and tab the first line has most of.
func separator(start []byte) rune {
	line, _, _ := bytes.Cut(start, []byte("\n"))
	best := ','
	for _, r := range ";\t" {
		if bytes.Count(line, []byte(string(r))) > bytes.Count(line, []byte(string(best))) {
			best = r
		}
	}
	return best
}

func (s *sheet) setColumns(header []string, t exchangeapi.Table) error {
	known := slices.Concat([]string{"id"}, t.Columns, t.ImportOnly)
	for i, name := range header {
		name = strings.TrimSpace(name)
		if !utf8.ValidString(name) {
			return errors.New("the file is not UTF-8: save it as UTF-8")
		}
		if !slices.Contains(known, name) {
			return fmt.Errorf("column %d is %q, which %s do not have: the columns are %s", i+1, name, t.Name, strings.Join(known, ", "))
		}
		if slices.Contains(s.columns, name) {
			return fmt.Errorf("column %q is there twice", name)
		}
		s.columns = append(s.columns, name)
	}
	return nil
}

// next returns the cells of the next row by column, the apostrophes of an export taken
// off, and none of a line of spaces. A row that cannot be read is returned as bad; at the end the error is io.EOF.
func (s *sheet) next() (line int, row map[string]string, bad kernel.Invalid, err error) {
	cells, err := s.csv.Read()
	var broken *csv.ParseError
	if errors.As(err, &broken) {
		if errors.Is(broken.Err, csv.ErrFieldCount) && strings.TrimSpace(strings.Join(cells, "")) == "" {
			return broken.StartLine, nil, nil, nil // a line of spaces
		}
		text := "The quotes do not match."
		if errors.Is(broken.Err, csv.ErrFieldCount) {
			text = fmt.Sprintf("There are %d columns, and this row has %d.", len(s.columns), len(cells))
		}
		return broken.StartLine, nil, kernel.Invalid{kernel.Bad("", "bad_row", text)}, nil
	}
	if err != nil {
		return 0, nil, nil, err
	}
	line, _ = s.csv.FieldPos(0)
	row = make(map[string]string, len(cells))
	for i, text := range cells {
		if !utf8.ValidString(text) {
			bad = append(bad, kernel.Bad(s.columns[i], "bad_encoding", "Must be UTF-8."))
		}
		row[s.columns[i]] = exchangeapi.Unguard(text)
	}
	return line, row, bad, nil
}

// blank holds for the rows of separators alone that spreadsheets leave at the end.
func blank(row map[string]string) bool {
	for _, text := range row {
		if strings.TrimSpace(text) != "" {
			return false
		}
	}
	return true
}
