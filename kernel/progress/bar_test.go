package progress

import (
	"bytes"
	"testing"
	"time"
)

func TestBar(t *testing.T) {
	for _, test := range []struct {
		name     string
		terminal bool
		want     string
	}{
		{"a bar on a terminal, taken away at the end", true,
			"\r[#######.......................] reading  25 %  10 resources, 5/s\x1b[K" +
				"\r[##############################] reading 100 %  20 resources, 2/s\x1b[K\r\x1b[K"},
		{"a line now and then elsewhere", false, "reading 100 %  20 resources, 2/s\n"},
	} {
		var out bytes.Buffer
		now := time.Unix(0, 0)
		b := &Bar{To: &out, Terminal: test.terminal, Now: func() time.Time { return now }}
		b.Begin("reading", 200, "resources")
		b.Add(50, 10)
		if out.Len() > 0 {
			t.Errorf("%s: drawn at once: %q", test.name, out.String())
		}
		now = now.Add(2 * time.Second)
		b.At(50)
		now = now.Add(8 * time.Second)
		b.Add(250, 10)
		b.Clear()
		b.Clear()
		if out.String() != test.want {
			t.Errorf("%s: got %q, want %q", test.name, out.String(), test.want)
		}
	}
}
