package chain

import (
	"bytes"
	"testing"
)

// FuzzMutatedExport holds of an exported trail of which any stretch is replaced by anything:
// with an anchor of its last entry, it is either found out or says what it said before.
func FuzzMutatedExport(f *testing.F) {
	dir, anchors := trail(f, 6)
	var out bytes.Buffer
	if _, err := Export(dir, &out, 0, 0); err != nil {
		f.Fatal(err)
	}
	whole := out.Bytes()
	bodies := func(raw []byte) (list [][]byte, r Report, err error) {
		r, err = Verify(func(b func(int64, Hash) error, row func(Row) error) error {
			return ReadExport(bytes.NewReader(raw), b, row)
		}, anchors[len(anchors)-1:], true, func(row Row, _ Entry) *Problem {
			list = append(list, bytes.Clone(row.Body))
			return nil
		})
		return list, r, err
	}
	want, r, err := bodies(whole)
	if err != nil || r.Problem != nil || len(want) != 6 {
		f.Fatal(r, err)
	}
	f.Add(uint(200), uint(1), []byte("x"))
	f.Add(uint(300), uint(0), []byte("\n"))
	f.Add(uint(150), uint(400), []byte(""))
	f.Add(uint(bytes.Index(whole, []byte("patients/p1"))), uint(11), []byte("patients/p2"))
	f.Add(uint(0), uint(len(whole)), whole)
	f.Add(uint(bytes.LastIndex(whole, []byte(`{"end"`))), uint(0), whole[bytes.IndexByte(whole, '\n')+1:])
	f.Fuzz(func(t *testing.T, at, length uint, with []byte) {
		from := int(at % uint(len(whole)+1))
		to := from + int(length%uint(len(whole)-from+1))
		got, r, err := bodies(append(append(bytes.Clone(whole[:from]), with...), whole[to:]...))
		if err != nil || r.Problem != nil {
			return // found out
		}
		if len(got) != len(want) {
			t.Fatalf("%d entries pass for %d", len(got), len(want))
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("entry %d passes as %q", i+1, got[i])
			}
		}
	})
}
