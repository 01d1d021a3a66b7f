package exchange

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

// FuzzSheet holds of any file: reading it ends, names known columns only, and counts lines up.
func FuzzSheet(f *testing.F) {
	table := exchangeapi.Table{Name: "things", Columns: []string{"name", "age", "note"}}
	for _, s := range []string{"name,age\nA,1\n", "name;age\nA;1\n", "\uFEFFname\tage\nA\t1", "name,name\n", "id,other\n", "name\n\"open\n", "name,age\n1\n1,2,3\n", "\xff\xfen\x00", "name\n\xff\n", "name\r\n'=1+1\r\n", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := openSheet(bytes.NewReader(raw), table)
		if err != nil {
			return
		}
		before := 1
		for {
			line, row, bad, err := s.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if line <= before && len(bad) == 0 {
				t.Errorf("line %d after line %d", line, before)
			}
			before = max(before, line)
			for name := range row {
				if !slices.Contains([]string{"id", "name", "age", "note"}, name) {
					t.Errorf("column %q", name)
				}
			}
		}
	})
}
