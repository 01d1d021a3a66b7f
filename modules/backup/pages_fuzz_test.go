package backup

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// FuzzApplyPages holds of any pages of a step: what is put together has the sum that the step says, or
// is refused, and is no larger than the base and the pages together.
func FuzzApplyPages(f *testing.F) {
	page := func(n uint32, fill byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, n), bytes.Repeat([]byte{fill}, 512)...)
	}
	f.Add(512, int64(2), 1, append(page(1, 'a'), page(2, 'b')...))
	f.Add(512, int64(1<<32), 1, page(1<<31, 'x'))
	f.Add(512, int64(3), 3, page(3, 'x')[:200])
	f.Add(0, int64(-1), 0, []byte(nil))
	f.Add(65536, int64(1), 2, page(0, 'x'))
	f.Fuzz(func(t *testing.T, size int, pages int64, have int, raw []byte) {
		dir := t.TempDir()
		path, from := filepath.Join(dir, "data.db"), filepath.Join(dir, "pages")
		before := make([]byte, 512*(have&15))
		for name, content := range map[string][]byte{path: before, from: raw} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		img := Image{Name: database, Size: size, Pages: pages, Sum: "none"}
		if applyPages(path, from, img) == nil {
			t.Fatalf("%+v is taken", img)
		}
		after, err := os.ReadFile(path)
		if info, statErr := os.Stat(path); err != nil || statErr != nil || goodSize(size) && pages > 0 && info.Size() > max(pages*int64(size), int64(len(before)+len(raw))) {
			t.Fatalf("%+v makes %d bytes of %d and %d, %v", img, len(after), len(before), len(raw), err)
		}
		if !goodSize(size) || len(after)%size != 0 {
			return
		}
		sums, err := sumsOf(path, size)
		if err != nil {
			t.Fatal(err)
		}
		img.Pages, img.Sum = int64(len(after)/size), sumOf(sums)
		if err := applyPages(path, "", img); err != nil && img.Pages > 0 {
			t.Errorf("the same again: %v", err)
		}
	})
}
