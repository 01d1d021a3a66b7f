package clinicapi_test

import (
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

func TestParseDayRefusesDaysThatDoNotExist(t *testing.T) {
	for day, want := range map[string]bool{
		"2026-11-23": true, "2024-02-29": true, "1900-01-01": true, "2200-12-31": true,
		"2026-02-29": false, "2100-02-29": false, "2026-13-01": false, "2026-00-10": false, "2026-04-31": false, "1899-12-31": false, "2201-01-01": false,
		"": false, "2026-1-1": false, "26-01-01": false, "2026-11-23T00:00:00Z": false, " 2026-11-23": false, "2026/11/23": false, "tomorrow": false,
	} {
		if _, ok := clinicapi.ParseDay(day); ok != want {
			t.Errorf("ParseDay(%q) is %v, want %v", day, ok, want)
		}
	}
}

func zone(t *testing.T, name string) clinicapi.Settings {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return clinicapi.Settings{TimeZone: l}
}

func TestAtIsAMinuteOfTheClinicsDay(t *testing.T) {
	for _, tc := range []struct {
		name, zone, day string
		minute          int
		want            string // RFC 3339 in UTC
	}{
		{"noon without summer time", "UTC", "2026-11-23", 720, "2026-11-23T12:00:00Z"},
		{"winter", "Europe/Berlin", "2026-01-15", 540, "2026-01-15T08:00:00Z"},
		{"summer", "Europe/Berlin", "2026-07-15", 540, "2026-07-15T07:00:00Z"},
		{"a zone ahead: the day before in UTC", "Asia/Tokyo", "2026-01-01", 60, "2025-12-31T16:00:00Z"},
		{"half hours", "Asia/Kolkata", "2026-01-01", 0, "2025-12-31T18:30:00Z"},
		{"midnight that ends the day", "UTC", "2026-11-23", 1440, "2026-11-24T00:00:00Z"},
		{"a time that the change to summer time skips", "Europe/Berlin", "2026-03-29", 150, "2026-03-29T01:30:00Z"},
		{"a time that occurs twice is the first", "Europe/Berlin", "2026-10-25", 150, "2026-10-25T00:30:00Z"},
		{"a change at midnight", "America/Santiago", "2026-09-06", 0, "2026-09-06T04:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := zone(t, tc.zone).At(tc.day, tc.minute)
			if s := got.UTC().Format(time.RFC3339); !ok || s != tc.want {
				t.Errorf("got %s, %v, want %s", s, ok, tc.want)
			}
		})
	}
	if _, ok := zone(t, "UTC").At("2026-02-30", 0); ok {
		t.Error("a day that does not exist has a minute")
	}
}

func TestTodayIsTheClinicsDay(t *testing.T) {
	now := time.Date(2026, 11, 23, 23, 30, 0, 0, time.UTC)
	for name, want := range map[string]string{"UTC": "2026-11-23", "Europe/Berlin": "2026-11-24", "America/New_York": "2026-11-23", "Pacific/Auckland": "2026-11-24"} {
		if got := zone(t, name).Today(now); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
