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

// Span is a part of a range that one kind of sums covers: Unit is ByMonth or ByDay, and
// First and Last are months or days, both included.
type Span struct{ Unit, First, Last string }

// Units of the sums that triggers keep.
const (
	ByMonth = "month"
	ByDay   = "day"
)

// Spans splits the range into its whole months and the days before and after them, so
// that a report adds up a sum a month and at most 60 days' sums.
func (r Range) Spans() (spans []Span) {
	first, _ := clinicapi.ParseDay(r.From)
	last, _ := clinicapi.ParseDay(r.To)
	whole := first // the first day of the first whole month
	if first.Day() > 1 {
		whole = time.Date(first.Year(), first.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	}
	after := last.AddDate(0, 0, 1) // the first day behind the last whole month
	after = time.Date(after.Year(), after.Month(), 1, 0, 0, 0, 0, time.UTC)
	if !whole.Before(after) {
		return []Span{{ByDay, r.From, r.To}}
	}
	if first.Before(whole) {
		spans = append(spans, Span{ByDay, r.From, whole.AddDate(0, 0, -1).Format(time.DateOnly)})
	}
	spans = append(spans, Span{ByMonth, whole.Format(monthForm), after.AddDate(0, 0, -1).Format(monthForm)})
	if !last.Before(after) {
		spans = append(spans, Span{ByDay, after.Format(time.DateOnly), r.To})
	}
	return spans
}
