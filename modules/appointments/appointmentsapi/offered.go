package appointmentsapi

import (
	"slices"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// Week returns the minutes of each weekday, Sunday first, that a doctor's shifts offer
// within the clinic's hours; without shifts the clinic's hours themselves, and all 0 when
// neither are set. Shifts that overlap count once.
func Week(shifts []staffapi.Shift, c clinicapi.Settings) (week [7]int64) {
	type stretch struct{ start, end int }
	house := stretch{0, 24 * 60}
	open := c.OpensAt != "" && c.ClosesAt != ""
	if open {
		house = stretch{staffapi.Minute(c.OpensAt), staffapi.Minute(c.ClosesAt)}
	}
	var days [7][]stretch
	for _, s := range shifts {
		days[s.Weekday] = append(days[s.Weekday], stretch{staffapi.Minute(s.From), staffapi.Minute(s.To)})
	}
	for day, list := range days {
		if len(shifts) == 0 && open {
			list = []stretch{house}
		}
		slices.SortFunc(list, func(a, b stretch) int { return a.start - b.start })
		behind := house.start // nothing before counts, nor twice
		for _, s := range list {
			if start, end := max(s.start, behind), min(s.end, house.end); start < end {
				week[day] += int64(end - start)
				behind = end
			}
		}
	}
	return week
}

// Offered returns the minutes of a week's hours in each month, YYYY-MM, between two days,
// both included.
func Offered(week [7]int64, from, until string) map[string]int64 {
	out := map[string]int64{}
	first, ok := clinicapi.ParseDay(from)
	last, okToo := clinicapi.ParseDay(until)
	if week == [7]int64{} || !ok || !okToo {
		return out
	}
	for !first.After(last) {
		end := time.Date(first.Year(), first.Month()+1, 0, 0, 0, 0, 0, time.UTC)
		if last.Before(end) {
			end = last
		}
		days := int(end.Sub(first).Hours()/24) + 1
		month := reportsapi.Month(first.Format(time.DateOnly))
		for weekday, minutes := range week {
			ahead := (weekday - int(first.Weekday()) + 7) % 7 // days until the first such weekday
			if ahead < days {
				out[month] += minutes * int64((days-ahead+6)/7)
			}
		}
		first = end.AddDate(0, 0, 1)
	}
	return out
}
