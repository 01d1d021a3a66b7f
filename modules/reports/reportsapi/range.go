package reportsapi

import (
	"net/http"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// Errors of the parameters that every report has.
var (
	ErrDay    = kernel.Fail(http.StatusBadRequest, "validation_invalid_day", "Must be a day that exists, YYYY-MM-DD.")
	ErrOrder  = kernel.Fail(http.StatusBadRequest, "range_reversed", "Must not be after the last day.")
	ErrLong   = kernel.Fail(http.StatusBadRequest, "range_too_long", "The range may span at most 50 years.")
	ErrFormat = kernel.Fail(http.StatusBadRequest, "validation_invalid_format", "Must be json or csv.")
)

const (
	maxYears  = 50
	monthForm = "2006-01"
)

// Range is what a report is about: the clinic's days From to To, both included,
// YYYY-MM-DD.
type Range struct{ From, To string }

// ParseRange reads the parameters from and to. today is the clinic's. Without to, the
// range ends today; without from, it begins with the month eleven months before its end,
// so that without both it is the last twelve months up to today, this month included.
// It returns ErrDay, ErrOrder or ErrLong at the parameter to blame.
func ParseRange(from, to, today string) (Range, error) {
	var bad kernel.Invalid
	if to == "" {
		to = today
	}
	last, ok := clinicapi.ParseDay(to)
	if !ok {
		bad = append(bad, ErrDay.At("to"))
	}
	first := time.Date(last.Year(), last.Month()-11, 1, 0, 0, 0, 0, time.UTC)
	if from != "" {
		if first, ok = clinicapi.ParseDay(from); !ok {
			bad = append(bad, ErrDay.At("from"))
		}
	}
	if len(bad) > 0 {
		return Range{}, bad
	}
	switch {
	case first.After(last):
		return Range{}, kernel.Invalid{ErrOrder.At("from")}
	case !last.Before(first.AddDate(maxYears, 0, 0)):
		return Range{}, kernel.Invalid{ErrLong.At("from")}
	}
	return Range{first.Format(time.DateOnly), last.Format(time.DateOnly)}, nil
}

// Longest returns the longest range that ends today.
func Longest(today string) (Range, error) {
	last, ok := clinicapi.ParseDay(today)
	if !ok {
		return Range{}, kernel.Invalid{ErrDay.At("to")}
	}
	return Range{last.AddDate(-maxYears, 0, 1).Format(time.DateOnly), today}, nil
}

// Month returns the month, YYYY-MM, that a day lies in; "" for a day that is not known.
func Month(day string) string {
	if len(day) < len(monthForm) {
		return ""
	}
	return day[:len(monthForm)]
}

// Months returns every month that the range touches, YYYY-MM, oldest first.
func (r Range) Months() (months []string) {
	first, _ := clinicapi.ParseDay(r.From) // ParseRange made it
	for m := time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, time.UTC); m.Format(monthForm) <= Month(r.To); m = m.AddDate(0, 1, 0) {
		months = append(months, m.Format(monthForm))
	}
	return months
}

// Span is a part of the way to a range's sum: the sums of Unit, ByMonth or ByDay, from
// First to Last, both included, times Sign: 1, or -1 where days are taken off a month.
type Span struct {
	Unit, First, Last string
	Sign              int
}

// Units of the sums that triggers keep.
const (
	ByMonth = "month"
	ByDay   = "day"
)

// Spans says which sums make up the range: those of its months, and at either end the
// days to add, or the days to take off, whichever are fewer. So a report of any range
// adds up one sum a month and at most 31 days' sums, and one up to today hardly any
// days': none of what is counted lies ahead.
func (r Range) Spans() (spans []Span) {
	first, _ := clinicapi.ParseDay(r.From) // ParseRange made it
	last, _ := clinicapi.ParseDay(r.To)
	begin := first.AddDate(0, 0, 1-first.Day()) // of the first month
	end := time.Date(last.Year(), last.Month()+1, 0, 0, 0, 0, 0, time.UTC)
	days := func(from, to time.Time, sign int) {
		if !from.After(to) {
			spans = append(spans, Span{ByDay, from.Format(time.DateOnly), to.Format(time.DateOnly), sign})
		}
	}
	if Month(r.From) == Month(r.To) && (first != begin || last != end) {
		days(first, last, 1)
		return spans
	}
	if next := begin.AddDate(0, 1, 0); first.Sub(begin) > next.Sub(first) {
		days(first, next.AddDate(0, 0, -1), 1)
		begin = next
	} else {
		days(begin, first.AddDate(0, 0, -1), -1)
	}
	if start := last.AddDate(0, 0, 1-last.Day()); end.Sub(last) > last.Sub(start) {
		days(start, last, 1)
		end = start.AddDate(0, 0, -1)
	} else {
		days(last.AddDate(0, 0, 1), end, -1)
	}
	if begin.Before(end) {
		spans = append(spans, Span{ByMonth, begin.Format(monthForm), end.Format(monthForm), 1})
	}
	return spans
}
