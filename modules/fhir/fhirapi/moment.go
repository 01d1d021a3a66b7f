package fhirapi

import (
	"errors"
	"strings"
	"time"
)

// DateTime is a FHIR date, dateTime or instant as written: "2012",
// "2012-05", "2012-05-17" or "2012-05-17T09:30:00+02:00". Empty means absent.
type DateTime string

// Precision says how much of a moment was written.
type Precision int

// The precisions, coarsest first.
const (
	Year Precision = iota + 1
	Month
	Day
	Second // an instant; Moment.Time may hold fractions
)

// Moment is a parsed DateTime.
type Moment struct {
	// Time is the instant, in the offset it was written with. For a coarser
	// precision it is the first midnight of the day, month or year.
	Time      time.Time
	Precision Precision
}

// The errors do not quote: a date of birth is nobody's business.
var (
	errNoDate  = errors.New("no date")
	errNotDate = errors.New("not a FHIR date")
)

// Parse returns the moment. loc is where civil dates are meant, and times of
// which the offset is missing; R4 demands one, but not all write it. It returns
// an error if d is empty, not one of the forms, or no date of the calendar.
func (d DateTime) Parse(loc *time.Location) (Moment, error) {
	text := strings.TrimSpace(string(d))
	if text == "" {
		return Moment{}, errNoDate
	}
	var m Moment
	var err error
	switch len(text) {
	case len("2012"):
		m.Precision = Year
		m.Time, err = time.ParseInLocation("2006", text, loc)
	case len("2012-05"):
		m.Precision = Month
		m.Time, err = time.ParseInLocation("2006-01", text, loc)
	case len("2012-05-17"):
		m.Precision = Day
		m.Time, err = time.ParseInLocation("2006-01-02", text, loc)
	default:
		m.Precision = Second
		m.Time, err = parseInstant(text, loc)
	}
	if err != nil || m.Time.Year() == 0 {
		return Moment{}, errNotDate
	}
	return m, nil
}

// parseInstant reads a date with a time. A leap second, which FHIR allows and
// package time does not, is the start of the next minute.
func parseInstant(text string, loc *time.Location) (time.Time, error) {
	var leap time.Duration
	const at = len("2012-05-17T09:30:")
	if len(text) >= at+2 && text[at:at+2] == "60" {
		text = text[:at] + "59" + text[at+2:]
		leap = time.Second
	}
	var t time.Time
	var err error
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04"} {
		if t, err = time.ParseInLocation(layout, text, loc); err == nil {
			return t.Add(leap), nil
		}
	}
	return time.Time{}, err
}

// Civil returns the day as written, YYYY-MM-DD; of a year or month, its first.
func (m Moment) Civil() string { return m.Time.Format(time.DateOnly) }

// First returns the first of the dates that is not empty.
func First(dates ...DateTime) DateTime {
	for _, d := range dates {
		if d != "" {
			return d
		}
	}
	return ""
}
