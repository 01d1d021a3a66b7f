package faults_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
)

// A column that somebody dropped in the warehouse comes back empty, and no hash tells: whoever
// made it again, its table is written anew.
func TestFaultColumnMadeAgain(t *testing.T) {
	c := newClinic(t)
	c.people("a", 300)
	c.ships(c.url).same()
	const drop, add = `ALTER TABLE polyclinic.visits DROP COLUMN minutes CASCADE`, `ALTER TABLE polyclinic.visits ADD COLUMN minutes bigint`
	for _, by := range []struct {
		name string
		do   func()
	}{
		{"the sync", func() { c.stops(); c.psql(drop) }},
		{"an administrator", func() { c.stops(); c.psql(drop, add) }},
		{"an administrator, and the folder forgets what it shipped", func() { c.stops(); c.psql(drop, add); c.must(capture.Remove(c.app)) }},
		{"an administrator while it ships", func() { c.psql(drop, add); c.minuteLater() }},
	} {
		by.do()
		if c.cancel == nil {
			c.ships(c.url)
		}
		until(t, func() string {
			var empty int
			if err := c.ask(`SELECT count(*) FROM polyclinic.visits WHERE minutes IS NULL`, &empty); err != nil || empty > 0 {
				return fmt.Sprintf("made again by %s: %d rows are empty, %v", by.name, empty, err)
			}
			return ""
		})
		c.says(func(is ship.Snapshot) bool { return is.State == ship.Live && len(is.Remade) == 0 })
		c.same()
	}
	var before, after string
	c.must(c.ask(`SELECT max(tok) FROM polyclinic.sync_site`, &before))
	c.minuteLater()
	c.ships(c.url).same()
	if c.must(c.ask(`SELECT max(tok) FROM polyclinic.sync_site`, &after)); before != after {
		t.Error("it writes anew what is whole")
	}
}

// TestFaultColumnOfMoneyDropped has the report that a dropped status makes wrong, and the remedy
// of the docs without a server that makes the column first.
func TestFaultColumnOfMoneyDropped(t *testing.T) {
	s := newSite(t, "north", postgres.Server(t).Database(t)).starts()
	s.same()
	token := s.login()
	report := func(source string) (int, string) {
		status, body := s.server.Do(t, "GET", "/api/reports/revenue-summary?from=2026-01-01&to=2026-12-31"+source, token, "")
		figures, _, _ := strings.Cut(body, `"generatedAt"`)
		return status, figures
	}
	for _, mend := range []func(){
		func() {
			said, status := s.run("analytics", "verify", "--repair")
			if status != 0 || !strings.Contains(said, "invoices: a column was made again") {
				t.Errorf("verify --repair: %d %s", status, said)
			}
			if said, status = s.run("analytics", "verify"); status != 0 {
				t.Errorf("verify: %d %s", status, said)
			}
			s.starts()
		},
		func() { s.starts() },
	} {
		s.stops()
		s.psql(`ALTER TABLE polyclinic.invoices DROP COLUMN status CASCADE`)
		mend()
		_, want := report("")
		until(t, func() string {
			status, got := report("&source=postgres")
			if status == 200 && got != want {
				t.Fatalf("wrong money without a word: got %s, want %s", got, want)
			}
			if status != 200 {
				return got
			}
			return ""
		})
		s.same()
	}
	s.stops()
}
