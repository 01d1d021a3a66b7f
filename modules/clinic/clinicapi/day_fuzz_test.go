package clinicapi_test

import (
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// FuzzDay holds of any text and minute: a day is one that a calendar has, and its minute in the
// clinic is within a day of the same clock time in UTC.
func FuzzDay(f *testing.F) {
	for _, s := range []string{"2026-11-23", "2026-02-29", "2028-02-29", "0000-00-00", "2026-1-1", "2026-11-23T00:00", "1899-12-31", "2200-12-31", "٢٠٢٦-١١-٢٣"} {
		f.Add(s, 9*60, "Europe/Berlin")
	}
	f.Add("2011-12-30", 600, "Pacific/Apia") // the day that Samoa left out
	f.Add("2026-03-29", 150, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, text string, minute int, zone string) {
		day, ok := clinicapi.ParseDay(text)
		if ok && day.Format(time.DateOnly) != text {
			t.Errorf("%q is %v", text, day)
		}
		at, err := time.LoadLocation(zone)
		if err != nil || minute < 0 || minute > 24*60 {
			return
		}
		moment, there := clinicapi.Settings{TimeZone: at}.At(text, minute)
		if there != ok {
			t.Errorf("%q: a day %v, with minutes %v", text, ok, there)
		}
		if away := moment.Sub(day.Add(time.Duration(minute) * time.Minute)); ok && away.Abs() > 26*time.Hour {
			t.Errorf("%q %d in %s is %v", text, minute, zone, moment)
		}
	})
}
