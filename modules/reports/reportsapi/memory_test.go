package reportsapi

import (
	"strconv"
	"testing"
)

func TestMemoryForgetsWhatWasAskedForLongestAgo(t *testing.T) {
	m := &memory{kept: map[partKey]*remembered{}}
	key := func(i int) partKey { return partKey{table: "t", first: strconv.Itoa(i)} }
	put := func(i int, stamp int64) {
		m.put(key(i), &remembered{stamp: stamp, value: i, bytes: memoryBytes / 4})
	}
	for i := range 4 {
		put(i, 7)
	}
	put(1, 8) // of a month that changed: in the place of what was kept of it
	if _, ok := m.get(key(0), 7); !ok {
		t.Error("four parts fit")
	}
	put(4, 7)
	for i, want := range []bool{true, false, false, true, true} {
		if _, ok := m.get(key(i), 7); ok != want {
			t.Errorf("part %d with its first stamp is kept: %v, want %v", i, ok, want)
		}
	}
	if _, ok := m.get(key(1), 8); !ok {
		t.Error("what came last in is kept")
	}
	if len(m.kept) != 4 || m.bytes != memoryBytes {
		t.Errorf("%d parts, %d bytes; want 4 and %d", len(m.kept), m.bytes, memoryBytes)
	}
}
