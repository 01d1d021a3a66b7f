package clinicapi

import (
	"time"
)

// ParseDay reads a calendar day, YYYY-MM-DD, between the years 1900 and 2200. It refuses
// days that do not exist.
func ParseDay(s string) (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return t, err == nil && len(s) == 10 && t.Year() >= 1900 && t.Year() <= 2200
}

// At returns the instant of a day and a minute of that day in the clinic. A time that a
// change to summer time skips is moved forward, as package time does; one that occurs
// twice is the first.
func (s Settings) At(day string, minute int) (time.Time, bool) {
	d, ok := ParseDay(day)
	if !ok {
		return time.Time{}, false
	}
	return time.Date(d.Year(), d.Month(), d.Day(), 0, minute, 0, 0, s.TimeZone), true
}
