// Package progress shows on the terminal how far a long command is.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Bar shows how far a command is: a bar on a terminal, elsewhere a line now and then. Its
// methods are for one goroutine.
type Bar struct {
	To       io.Writer // nil: shows nothing
	Terminal bool
	Now      func() time.Time

	step       string // "reading"
	noun       string // what is counted: "resources"
	done, all  int64
	counted    int64
	began, was time.Time
	shown      bool // the terminal's line holds a bar
}

// New shows progress on the standard error. A command's own error stream is PocketBase's,
// which prints to the standard output.
func New() *Bar {
	info, err := os.Stderr.Stat()
	return &Bar{To: os.Stderr, Now: time.Now, Terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// barEvery and lineEvery are how often a bar and a line are drawn.
const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 5 * time.Second
)

// Begin starts a step of all units of work.
func (b *Bar) Begin(step string, all int64, noun string) {
	b.Clear()
	b.step, b.noun, b.all, b.done, b.counted = step, noun, all, 0, 0
	b.began = b.Now()
	b.was = b.began
}

// At says how much work is done.
func (b *Bar) At(done int64) {
	b.done = done
	b.draw()
}

// Count adds to what was counted.
func (b *Bar) Count(n int64) { b.counted += n }

// Add does both.
func (b *Bar) Add(done, n int64) {
	b.Count(n)
	b.At(b.done + done)
}

func (b *Bar) draw() {
	every := lineEvery
	if b.Terminal {
		every = barEvery
	}
	now := b.Now()
	if b.To == nil || now.Sub(b.was) < every {
		return
	}
	b.was = now
	percent := int64(100)
	if b.all > 0 {
		percent = min(100, b.done*100/b.all)
	}
	rate := float64(b.counted) / now.Sub(b.began).Seconds()
	line := fmt.Sprintf("%s %3d %%  %d %s, %.0f/s", b.step, percent, b.counted, b.noun, rate)
	if !b.Terminal {
		b.print(line + "\n")
		return
	}
	const width = 30
	full := int(percent * width / 100)
	b.print(fmt.Sprintf("\r[%s%s] %s\x1b[K", strings.Repeat("#", full), strings.Repeat(".", width-full), line))
	b.shown = true
}

// Clear takes the bar off the terminal, for another line to be written.
func (b *Bar) Clear() {
	if b.shown {
		b.print("\r\x1b[K")
		b.shown = false
	}
}

// print drops the error: a terminal that is gone must not end the command.
func (b *Bar) print(text string) { _, _ = io.WriteString(b.To, text) }

// Show says that so much work is done, the units of which are what is counted.
func (b *Bar) Show(done int64) {
	b.counted = done
	b.At(done)
}
