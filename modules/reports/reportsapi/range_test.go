package reportsapi_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

func TestParseRange(t *testing.T) {
	const today = "2026-11-23"
	for _, c := range []struct {
		name, from, to string
		want           reportsapi.Range
		err            *kernel.Error
		field          string
	}{
		{"nothing: the last twelve months up to today", "", "", reportsapi.Range{From: "2025-12-01", To: "2026-11-23"}, nil, ""},
		{"only to: twelve months up to it", "", "2024-02-29", reportsapi.Range{From: "2023-03-01", To: "2024-02-29"}, nil, ""},
		{"only to, in December: that year", "", "2024-12-31", reportsapi.Range{From: "2024-01-01", To: "2024-12-31"}, nil, ""},
		{"only from: up to today", "2026-11-23", "", reportsapi.Range{From: "2026-11-23", To: "2026-11-23"}, nil, ""},
		{"days ahead are a range", "2026-11-23", "2027-01-01", reportsapi.Range{From: "2026-11-23", To: "2027-01-01"}, nil, ""},
		{"50 years", "1977-01-01", "2026-12-31", reportsapi.Range{From: "1977-01-01", To: "2026-12-31"}, nil, ""},
		{"a day more", "1977-01-01", "2027-01-01", reportsapi.Range{}, reportsapi.ErrLong, "from"},
		{"reversed", "2026-11-24", "2026-11-23", reportsapi.Range{}, reportsapi.ErrOrder, "from"},
		{"from ahead of today, without to", "2026-11-24", "", reportsapi.Range{}, reportsapi.ErrOrder, "from"},
		{"30 February", "2026-02-30", "", reportsapi.Range{}, reportsapi.ErrDay, "from"},
		{"no day", "", "yesterday", reportsapi.Range{}, reportsapi.ErrDay, "to"},
		{"an instant", "", "2026-11-23T00:00:00Z", reportsapi.Range{}, reportsapi.ErrDay, "to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := reportsapi.ParseRange(c.from, c.to, today)
			if got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if c.err == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var bad kernel.Invalid
			if !errors.As(err, &bad) || len(bad) != 1 || !errors.Is(bad[0], c.err) || bad[0].Field != c.field {
				t.Errorf("got %v, want %v at %s", err, c.err, c.field)
			}
		})
	}
	if _, err := reportsapi.ParseRange("x", "y", today); len(err.(kernel.Invalid)) != 2 {
		t.Errorf("two bad days: got %v", err)
	}
}

// TestSpansCoverTheRangeOnce walks every range of some months day by day.
func TestSpansCoverTheRangeOnce(t *testing.T) {
	start := time.Date(2023, 12, 1, 0, 0, 0, 0, time.UTC) // a leap year follows
	day := func(n int) string { return start.AddDate(0, 0, n).Format(time.DateOnly) }
	for from := range 130 {
		for to := from; to < 130; to++ {
			r := reportsapi.Range{From: day(from), To: day(to)}
			edges := 0
			for n := range 160 {
				covered := 0
				for _, s := range r.Spans() {
					at := day(n)
					if s.Unit == reportsapi.ByMonth {
						at = reportsapi.Month(at)
					}
					if s.First <= at && at <= s.Last {
						covered += s.Sign
						if s.Unit == reportsapi.ByDay {
							edges++
						}
					}
				}
				if want := map[bool]int{true: 1}[n >= from && n <= to]; covered != want {
					t.Fatalf("%v: %s is covered %d times by %v, want %d", r, day(n), covered, r.Spans(), want)
				}
			}
			if edges > 31 {
				t.Fatalf("%v: %d days are added or taken off one by one: %v", r, edges, r.Spans())
			}
		}
	}
}

func TestMonths(t *testing.T) {
	got := reportsapi.Range{From: "2025-11-30", To: "2026-02-01"}.Months()
	if want := []string{"2025-11", "2025-12", "2026-01", "2026-02"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
