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
// change to summer time skips is moved forward; one that occurs twice is the first.
func (s Settings) At(day string, minute int) (time.Time, bool) {
	d, ok := ParseDay(day)
	if !ok {
		return time.Time{}, false
	}
	// Package time does not say which of two it returns: at a skipped midnight it was an
	// instant of the day before. So look at the offsets of both sides of a change.
	wall := d.Add(time.Duration(minute) * time.Minute)
	_, before := wall.Add(-24 * time.Hour).In(s.TimeZone).Zone()
	_, after := wall.Add(24 * time.Hour).In(s.TimeZone).Zone()
	early, late := wall.Add(-time.Duration(before)*time.Second), wall.Add(-time.Duration(after)*time.Second)
	shows := func(t time.Time) bool {
		_, offset := t.In(s.TimeZone).Zone()
		return t.Add(time.Duration(offset) * time.Second).Equal(wall)
	}
	at := early
	if shows(late) && (!shows(early) || late.Before(early)) {
		at = late
	}
	return at.In(s.TimeZone), true
}
