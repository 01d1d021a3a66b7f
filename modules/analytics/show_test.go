package analytics

import (
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/progress"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
)

func TestTheFirstCopyIsShown(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		want     string
	}{
		{"a bar on a terminal", true, "The analytics warehouse: tables are being read in full.\n" +
			"\r[###############...............] visits                50 %  500 rows, 500/s\x1b[K\r\x1b[KThe analytics warehouse: every row is there.\n"},
		{"two lines elsewhere", false, "The analytics warehouse: tables are being read in full.\nThe analytics warehouse: every row is there.\n"},
	} {
		var out strings.Builder
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		v := viewer{bar: &progress.Bar{To: &out, Terminal: c.terminal, Now: func() time.Time { return now }}}
		reading := func(rows int64) ship.Snapshot {
			return ship.Snapshot{State: ship.Copying, Readings: 1, Tables: []ship.Progress{{Table: "people", State: "done"}, {Table: "visits", State: "copying", Rows: rows, Of: 1000}, {Table: "beds", State: "waiting"}}}
		}
		v.sees(ship.Snapshot{State: ship.Starting})
		v.sees(reading(0))
		now = now.Add(time.Second)
		v.sees(reading(500))
		v.sees(ship.Snapshot{State: ship.Live, Readings: 1})
		v.sees(ship.Snapshot{State: ship.Live, Readings: 1})
		if out.String() != c.want {
			t.Errorf("%s: got %q, want %q", c.name, out.String(), c.want)
		}
	}
}
