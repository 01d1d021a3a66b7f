package reports_test

import (
	"testing"

	"github.com/pocketbase/pocketbase/tests"
)

// A report that is read as JSON is a read: a year's months of five reports from both sources would
// otherwise be all the exports of a minute.
func TestOnlyAReportAsCSVIsAnExport(t *testing.T) {
	s := set.Start(t, func(app *tests.TestApp) {
		app.Settings().RateLimits.Enabled, app.Settings().RateLimits.Rules = true, nil
		if _, err := app.NonconcurrentDB().NewQuery(`UPDATE clinic SET rateLimits = '{"export":10}'`).Execute(); err != nil {
			t.Fatal(err)
		}
	})
	ask := func(query string, want int) {
		t.Helper()
		if r := s.As(t, alma, "GET", revenuePath+query, nil); r.Status != want {
			t.Fatalf("%q: %d %s, want %d", query, r.Status, r.Body, want)
		}
	}
	for range 12 {
		ask("", 200)
	}
	for range 10 {
		ask("?format=csv", 200)
	}
	ask("?format=csv", 429)
	ask("?format=json", 200)
}
