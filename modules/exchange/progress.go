package exchange

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress tells the terminal how far a long import is. Elsewhere it is silent.
type progress struct {
	out   io.Writer
	total int64 // bytes, 0 when not known
	last  time.Time
	shown bool
}

func (p *progress) show(step string, rows int, read int64) {
	now := time.Now()
	if now.Sub(p.last) < 200*time.Millisecond || !isTerminal(p.out) {
		return
	}
	p.last, p.shown = now, true
	if p.total > 0 {
		fmt.Fprintf(p.out, "\r%d rows %s, %d %%\x1b[K", rows, step, min(100, 100*read/p.total))
		return
	}
	fmt.Fprintf(p.out, "\r%d rows %s\x1b[K", rows, step)
}

// clear takes the line away, so that what follows has its own.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
