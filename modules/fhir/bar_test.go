package fhir

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
		b := &bar{to: &out, terminal: test.terminal, now: func() time.Time { return now }}
		b.begin("reading", 200, "resources")
		b.add(50, 10)
		if out.Len() > 0 {
			t.Errorf("%s: drawn at once: %q", test.name, out.String())
		}
		now = now.Add(2 * time.Second)
		b.at(50)
		now = now.Add(8 * time.Second)
		b.add(250, 10)
		b.clear()
		b.clear()
		if out.String() != test.want {
			t.Errorf("%s: got %q, want %q", test.name, out.String(), test.want)
		}
	}
}
