package remote_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
)

var update = flag.Bool("update", false, "write testdata/statements.sql anew")

// TestStatements holds on to the list of all that reports send to the warehouse, in
// testdata/statements.sql, as it goes over the wire, and refuses in it what other engines or
// a pooler do not take.
//
//	go test ./modules/analytics/remote/ -run TestStatements -update
func TestStatements(t *testing.T) {
	url := ""
	s := clinicOf(t, &url)
	server := postgres.Server(t)
	direct := server.Database(t)
	ship(t, s.App, direct, site, nil)
	p := postgrestest.NewPooler(t, direct, 2)
	url = server.Via(direct, p.Address())
	answers(t, s, "through a pooler", 200, "postgres")
	if bad := p.Refused(); len(bad) > 0 {
		t.Errorf("not in transaction mode: %q", bad)
	}
	var list []string
	for _, sql := range p.Seen() {
		if why := postgrestest.Unportable(sql); why != "" {
			t.Errorf("%s: %s", why, sql)
		}
		if !slices.Contains(list, sql) {
			list = append(list, sql)
		}
	}
	if len(list) < 20 {
		t.Errorf("only %d statements were seen", len(list))
	}
	slices.Sort(list)
	got := "-- Every statement that reports with source=postgres send.\n" + strings.Join(list, ";\n") + ";\n"
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile("testdata/statements.sql", []byte(got), 0o644))
	}
	want, err := os.ReadFile("testdata/statements.sql")
	must(t, err)
	if got != string(want) {
		t.Errorf("testdata/statements.sql is not what is sent: see what changed, check it for the other engines, and run with -update. Sent:\n%s", got)
	}
}
