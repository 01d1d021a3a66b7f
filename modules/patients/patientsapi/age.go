package patientsapi

import (
	"strconv"
	"time"
)

// MaxAge is the oldest age, in completed years, that a patient can have.
const MaxAge = 150

// Age returns the completed years between a date of birth and today, both calendar days.
// dateOfBirth is YYYY-MM-DD, or YYYY where only the year is known: then the age is the
// difference of the years. A birthday on 29 February is had on 1 March in other years.
// ok is false when dateOfBirth is empty or no date; the age of a future birth is negative.
func Age(dateOfBirth, today string) (years int, ok bool) {
	now, err := time.Parse(time.DateOnly, today)
	if err != nil {
		return 0, false
	}
	if len(dateOfBirth) == 4 {
		born, err := strconv.ParseUint(dateOfBirth, 10, 16)
		return now.Year() - int(born), err == nil
	}
	born, err := time.Parse(time.DateOnly, dateOfBirth)
	if err != nil {
		return 0, false
	}
	years = now.Year() - born.Year()
	if now.Format("01-02") < born.Format("01-02") {
		years--
	}
	return years, true
}
