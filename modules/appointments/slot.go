package appointments

import (
	"fmt"
	"regexp"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// slot is a stretch of one day in minutes from midnight, 0 to 1440; the end is not part of it.
type slot struct{ start, end int }

var reSlot = regexp.MustCompile(`^\s*(?:([01]\d|2[0-3]):([0-5]\d))\s*-\s*(?:([01]\d|2[0-3]):([0-5]\d)|(24:00))\s*$`)

// parseSlot reads "09:00-10:00". ok is false unless both are times of day and the second
// is later; only the second may be 24:00.
func parseSlot(text string) (s slot, ok bool) {
	m := reSlot.FindStringSubmatch(text)
	if m == nil {
		return s, false
	}
	minute := func(h, m string) int { return 60*twoDigits(h) + twoDigits(m) }
	s = slot{minute(m[1], m[2]), 24 * 60}
	if m[5] == "" {
		s.end = minute(m[3], m[4])
	}
	return s, s.end > s.start
}

func twoDigits(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

// String is how a slot is stored and sent, "09:00-10:00".
func (s slot) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", s.start/60, s.start%60, s.end/60, s.end%60)
}

func (s slot) overlaps(o slot) bool { return s.start < o.end && o.start < s.end }

func (s slot) within(o slot) bool { return s.start >= o.start && s.end <= o.end }

// exists reports whether the clocks of the clinic show both ends of the slot on that day:
// a change to summer time skips an hour, and a move over the date line skipped whole days.
func (s slot) exists(c clinicapi.Settings, day string) bool {
	return shown(c, day, s.start) && shown(c, day, s.end-1)
}

func shown(c clinicapi.Settings, day string, minute int) bool {
	at, ok := c.At(day, minute)
	return ok && at.Format(time.DateOnly) == day && at.Hour()*60+at.Minute() == minute
}
