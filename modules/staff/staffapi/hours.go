package staffapi

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Shift is a stretch of one weekday that a doctor works. From and To are HH:MM in the
// clinic's time zone; To may be 24:00.
type Shift struct {
	Weekday time.Weekday `json:"weekday"` // 0 is Sunday
	From    string       `json:"from"`
	To      string       `json:"to"`
}

// ErrHours says that hours could not be read.
var ErrHours = errors.New("hours: want a list of {weekday: 0-6, from: \"HH:MM\", to: \"HH:MM\"}")

// Hours returns the shifts in a doctor's field "hours", none when no hours are set.
func Hours(doctor *core.Record) ([]Shift, error) {
	raw := doctor.GetString("hours")
	if raw == "" || raw == "null" || raw == `""` {
		return nil, nil
	}
	var shifts []Shift
	if err := json.Unmarshal([]byte(raw), &shifts); err != nil {
		return nil, ErrHours
	}
	for _, s := range shifts {
		from, to := Minute(s.From), Minute(s.To)
		if s.Weekday < 0 || s.Weekday > 6 || from < 0 || to <= from {
			return nil, ErrHours
		}
	}
	return shifts, nil
}

// Minute returns the minute of the day that HH:MM is, 0 to 1440, or -1.
func Minute(hhmm string) int {
	if len(hhmm) != 5 || hhmm[2] != ':' {
		return -1
	}
	h, errHour := strconv.ParseUint(hhmm[:2], 10, 8)
	m, errMinute := strconv.ParseUint(hhmm[3:], 10, 8)
	if errHour != nil || errMinute != nil || m > 59 || h*60+m > 24*60 {
		return -1
	}
	return int(h*60 + m)
}
