package analytics

import (
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
)

// late is how far behind the warehouse may be before somebody is told.
const late = 15 * time.Minute

var behind = kernel.Check{
	Name: "analytics", Doc: "whether the analytics warehouse is fed",
	Run: func(app core.App) []kernel.Finding {
		if !configured() {
			return nil
		}
		s := serviceOf(app)
		s.mu.Lock()
		running := s.shipper != nil || s.wrong != nil
		s.mu.Unlock()
		if !running {
			return onDisk(app, time.Now())
		}
		is, err := status(app, time.Now())
		if err != nil {
			return nil // the database cannot be read: that is told elsewhere
		}
		return findings(is)
	},
}

func findings(s Status) (list []kernel.Finding) {
	lag := time.Duration(s.LagSeconds) * time.Second
	switch {
	case s.State == ship.Refused:
		list = append(list, kernel.Finding{Code: "analytics_refused", Level: kernel.Alarm, Text: "The analytics warehouse is not fed: " + s.Error + "."})
	case s.State == ship.Waiting && lag > late:
		list = append(list, kernel.Finding{Code: "analytics_behind", Level: kernel.Alarm, Text: fmt.Sprintf("The analytics warehouse is %s behind: %s.", lag.Round(time.Minute), s.Error)})
	case s.State == ship.Live && lag > late:
		list = append(list, kernel.Finding{Code: "analytics_behind", Level: kernel.Alarm, Text: fmt.Sprintf("The analytics warehouse is %s behind, with %d changes waiting: it takes them too slowly.", lag.Round(time.Minute), s.LagRows)})
	}
	for _, name := range s.Remade {
		list = append(list, kernel.Finding{Code: "analytics_remade", Level: kernel.Alarm, Text: fmt.Sprintf("A column of the analytics warehouse's table %s was made again and is empty there: its rows are being written anew. Until they are, reports from PostgreSQL are refused, and what other programs read there is wrong.", name)})
	}
	if s.Dropped {
		list = append(list, kernel.Finding{Code: "analytics_log_dropped", Level: kernel.Alarm, Text: "So many changes waited for the analytics warehouse that their list was dropped; every table is read in full once it can be reached."})
	}
	if s.Rejects > 0 {
		list = append(list, kernel.Finding{Code: "analytics_rejects", Level: kernel.Note, Text: fmt.Sprintf("%d values or rows did not fit the analytics warehouse, or were refused by it, and are lacking there: see polyclinic.sync_reject.", s.Rejects)})
	}
	for _, name := range s.OtherNames {
		list = append(list, kernel.Finding{Code: "analytics_other_name", Level: kernel.Alarm, Text: fmt.Sprintf("The analytics warehouse has this clinic as site %s, too, and figures of several sites count it twice: take out the name that it has no more, as docs/analytics.md says.", name)})
	}
	return list
}

// onDisk looks without a server: is there something that waits for long?
func onDisk(app core.App, now time.Time) []kernel.Finding {
	present, err := capture.Present(app)
	if err != nil || !present {
		return nil
	}
	kept, err := capture.ReadState(app)
	if err != nil {
		return nil
	}
	floor, err := capture.Floor(app)
	if err != nil {
		return nil
	}
	n, err := waiting(app, floor)
	lag := now.Sub(time.Unix(kept.DrainedAt, 0))
	if err != nil || n == 0 || kept.DrainedAt == 0 || lag < late {
		return nil
	}
	return []kernel.Finding{{Code: "analytics_behind", Level: kernel.Alarm, Text: fmt.Sprintf("Up to %d changes have waited for the analytics warehouse for %s.", n, lag.Round(time.Minute))}}
}
