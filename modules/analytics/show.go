package analytics

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/progress"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
)

// look is how often the server's terminal is told.
const look = 200 * time.Millisecond

// show tells on the server's terminal how far the reading of tables in full is, the first
// copy above all: a line when it begins and when everything is there, and on a terminal a
// bar between.
func show(ctx context.Context, status func() ship.Snapshot, bar *progress.Bar) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	v := viewer{bar: bar}
	for {
		select {
		case <-ctx.Done():
			bar.Clear()
			return
		case <-tick.C:
			v.sees(status())
		}
	}
}

// viewer is what the terminal shows now.
type viewer struct {
	bar     *progress.Bar
	seen    int // readings
	reading bool
	table   string
}

func (v *viewer) sees(is ship.Snapshot) {
	if is.Readings > v.seen { // a short one may be over already
		v.line("The analytics warehouse: tables are being read in full.")
		v.seen, v.reading, v.table = is.Readings, true, ""
	}
	switch {
	case is.State == ship.Live && v.reading:
		v.line("The analytics warehouse: every row is there.")
		v.reading = false
	case is.State == ship.Waiting || is.State == ship.Refused:
		v.bar.Clear() // the log and the status say why
	}
	if v.reading && v.bar.Terminal && is.State == ship.Copying {
		v.table = draw(v.bar, is, v.table)
	}
}

func (v *viewer) line(text string) {
	v.bar.Clear()
	fmt.Fprintln(v.out(), text) // a terminal that is gone must not end the server
}

func (v *viewer) out() io.Writer {
	if v.bar.To == nil {
		return io.Discard
	}
	return v.bar.To
}

// draw shows how far the reading is and returns the table that it is at.
func draw(bar *progress.Bar, is ship.Snapshot, table string) string {
	for _, p := range is.Tables {
		if p.State != "copying" {
			continue
		}
		if p.Table != table {
			bar.Begin(fmt.Sprintf("%-20s", p.Table), p.Of, "rows")
			table = p.Table
		}
		bar.Show(p.Rows)
	}
	return table
}
