package appointments

import (
	"fmt"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// hoursOf returns when the doctor can be booked on a day, in order and without gaps
// between stretches that touch: the doctor's shifts within the clinic's hours. set is
// false when neither sets hours; then it is the whole day.
func hoursOf(doctor *core.Record, c clinicapi.Settings, day string) (open []slot, set bool, err error) {
	house := slot{0, 24 * 60}
	if c.OpensAt != "" && c.ClosesAt != "" {
		house, set = slot{staffapi.Minute(c.OpensAt), staffapi.Minute(c.ClosesAt)}, true
	}
	shifts, err := staffapi.Hours(doctor)
	if err != nil {
		return nil, true, fmt.Errorf("doctor %s: %w", doctor.Id, err)
	}
	if len(shifts) == 0 {
		return []slot{house}, set, nil
	}
	date, ok := clinicapi.ParseDay(day)
	if !ok {
		return nil, true, nil
	}
	for _, s := range shifts {
		if s.Weekday == date.Weekday() {
			open = append(open, slot{staffapi.Minute(s.From), staffapi.Minute(s.To)})
		}
	}
	return clip(join(open), house), true, nil
}

// join sorts stretches and makes one of those that touch or overlap.
func join(list []slot) (out []slot) {
	slices.SortFunc(list, func(a, b slot) int { return a.start - b.start })
	for _, s := range list {
		if n := len(out); n > 0 && s.start <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, s.end)
			continue
		}
		out = append(out, s)
	}
	return out
}

// clip returns what of the stretches lies within house.
func clip(list []slot, house slot) (out []slot) {
	for _, s := range list {
		if s = (slot{max(s.start, house.start), min(s.end, house.end)}); s.start < s.end {
			out = append(out, s)
		}
	}
	return out
}
