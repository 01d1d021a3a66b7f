package fhir

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// bar shows how far the import is: a bar on a terminal, elsewhere a line now and then.
type bar struct {
	to       io.Writer // nil: shows nothing
	terminal bool
	now      func() time.Time

	step       string // "reading"
	noun       string // what is counted: "resources"
	done, all  int64
	counted    int64
	began, was time.Time
	shown      bool // the terminal's line holds a bar
}

// barEvery and lineEvery are how often a bar and a line are drawn.
const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 5 * time.Second
)

// begin starts a step of all units of work.
func (b *bar) begin(step string, all int64, noun string) {
	b.clear()
	b.step, b.noun, b.all, b.done, b.counted = step, noun, all, 0, 0
	b.began = b.now()
	b.was = b.began
}

// at says how much work is done.
func (b *bar) at(done int64) {
	b.done = done
	b.draw()
}

// count adds to what was counted.
func (b *bar) count(n int64) { b.counted += n }

// add does both.
func (b *bar) add(done, n int64) {
	b.count(n)
	b.at(b.done + done)
}

func (b *bar) draw() {
	every := lineEvery
	if b.terminal {
		every = barEvery
	}
	now := b.now()
	if b.to == nil || now.Sub(b.was) < every {
		return
	}
	b.was = now
	percent := int64(100)
	if b.all > 0 {
		percent = min(100, b.done*100/b.all)
	}
	rate := float64(b.counted) / now.Sub(b.began).Seconds()
	line := fmt.Sprintf("%s %3d %%  %d %s, %.0f/s", b.step, percent, b.counted, b.noun, rate)
	if !b.terminal {
		b.print(line + "\n")
		return
	}
	const width = 30
	full := int(percent * width / 100)
	b.print(fmt.Sprintf("\r[%s%s] %s\x1b[K", strings.Repeat("#", full), strings.Repeat(".", width-full), line))
	b.shown = true
}

// clear takes the bar off the terminal, for another line to be written.
func (b *bar) clear() {
	if b.shown {
		b.print("\r\x1b[K")
		b.shown = false
	}
}

// print drops the error: a terminal that is gone must not end the import.
func (b *bar) print(text string) { _, _ = io.WriteString(b.to, text) }
