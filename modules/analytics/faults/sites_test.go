package faults_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A site that is given another name is there under both, and counted twice, until somebody
// takes the first out with what the documentation says.
func TestSiteWithAnotherName(t *testing.T) {
	url := postgres.Server(t).Database(t)
	s := newSite(t, "north-01", url).starts()
	s.same()
	names := func(want string) {
		t.Helper()
		token := s.login()
		until(t, func() string {
			if _, body := s.server.Do(t, "GET", "/api/analytics/status", token, ""); !strings.Contains(body, `"otherNames":`+want) {
				return body
			}
			return ""
		})
	}
	names(`[]`)
	s.stops()
	other := newSite(t, "west", url).starts() // another folder, which stops
	other.same()
	other.stops()
	s.site, s.env = "south", append(s.env, "POLYCLINIC_SITE_ID=south")
	s.starts()
	s.same()
	names(`["north-01"]`)
	doc, err := os.ReadFile("../../../docs/analytics.md")
	s.must(err)
	takes := regexp.MustCompile("(?s)```sql\n(DO .*?)```").FindStringSubmatch(string(doc))
	if takes == nil {
		t.Fatal("docs/analytics.md does not say how to take a site out")
	}
	postgres.Server(t).Exec(t, url, strings.ReplaceAll(takes[1], "the old name", "north-01"))
	s.stops()
	s.starts()
	s.same()
	names(`[]`)
	s.wants(`SELECT count(DISTINCT site_id) FROM polyclinic.patients`, int64(2))
	s.stops()
}

// A command that was not given the server's key compares nothing, and above all does not put
// patients' own ids in place of their pseudonyms.
func TestVerifyWithoutTheKey(t *testing.T) {
	s := newSite(t, "north", postgres.Server(t).Database(t))
	without := slices.Clone(s.env)
	s.options.Key = []byte("a key of the clinic")
	s.env = append(s.env, "POLYCLINIC_ANALYTICS_PSEUDONYM_KEY="+string(s.options.Key))
	s.starts()
	s.same()
	s.stops()
	with := s.env
	for _, key := range []string{"", "another key of it"} {
		s.env = append(slices.Clone(without), "POLYCLINIC_ANALYTICS_PSEUDONYM_KEY="+key)
		for _, args := range [][]string{{"verify"}, {"verify", "--repair"}, {"backfill"}} {
			said, status := s.run(append([]string{"analytics"}, args...)...)
			if status == 0 || !strings.Contains(said, "POLYCLINIC_ANALYTICS_PSEUDONYM_KEY") || strings.Contains(said, "differ") {
				t.Errorf("%v with the key %q: %d %s", args, key, status, said)
			}
		}
		s.wants(`SELECT count(*) FROM polyclinic.patients WHERE id LIKE 'pat%'`, int64(0))
	}
	s.env = with
	if said, status := s.run("analytics", "verify"); status != 0 || !strings.Contains(said, "the same") {
		t.Errorf("with its key: %d %s", status, said)
	}
}

// Three programs feed one PostgreSQL, made ready by the printed SQL alone; what the chain
// took in is the sum of what each site reports.
func TestThreeProgramsAddUp(t *testing.T) {
	url := postgres.Server(t).Database(t)
	maker := newSite(t, "maker", url)
	schema, status := maker.run("analytics", "schema")
	views, statusViews := maker.run("analytics", "views")
	if status != 0 || statusViews != 0 {
		t.Fatal(schema, views)
	}
	postgres.Server(t).Exec(t, url, schema, views, schema, views) // twice does no harm
	if said, status := maker.run("analytics", "views", "--apply"); status != 0 {
		t.Fatal(said)
	}
	if said, status := maker.run("analytics", "schema", "--citus"); status != 0 || !strings.Contains(said, "create_distributed_table") {
		t.Fatal(said)
	}
	want := map[string][4]int64{}
	var sites []*site
	for i, name := range []string{"north", "south", "west"} {
		s := newSite(t, name, url)
		s.exec(fmt.Sprintf(`INSERT INTO invoices (id, patientId, doctorId, invoiceNumber, status, currency, issuedOn, dueOn, amountMinor, balanceMinor)
			SELECT printf('site%d%%010d', i), (SELECT min(id) FROM patients), '', printf('S%d-%%d', i), 'unpaid', (SELECT currency FROM clinic), date('now', '-' || (i * 11) || ' days'), '', i * %d, i * %d
			FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) SELECT i FROM n)`, i, i, 1001+i, 1001+i))
		sites = append(sites, s.starts())
	}
	for _, s := range sites {
		s.same()
		token := s.login()
		for _, source := range []string{"", "&source=postgres"} {
			status, body := s.server.Do(t, "GET", "/api/reports/revenue-summary?from=2024-01-01&to=2027-12-31"+source, token, "")
			var report struct {
				ByMonth []struct {
					Month                                    string
					Billed, Collected, Refunded, Outstanding float64
				}
			}
			if err := json.Unmarshal([]byte(body), &report); err != nil || status != 200 {
				t.Fatalf("%d %s", status, body)
			}
			for _, m := range report.ByMonth {
				sum := want[m.Month+source]
				for i, v := range []float64{m.Billed, m.Collected, m.Refunded, m.Outstanding} {
					sum[i] += int64(math.Round(v * 100))
				}
				want[m.Month+source] = sum
			}
		}
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	rows, err := c.Query(ctx, `SELECT month, sum(billed_minor)::bigint, sum(collected_minor)::bigint, sum(refunded_minor)::bigint, sum(outstanding_minor)::bigint FROM polyclinic.chain_revenue GROUP BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	var total [4]int64
	var months []string
	for rows.Next() {
		var month string
		var got [4]int64
		if err := rows.Scan(&month, &got[0], &got[1], &got[2], &got[3]); err != nil {
			t.Fatal(err)
		}
		for _, source := range []string{"", "&source=postgres"} {
			if got != want[month+source] {
				t.Errorf("%s%s: the chain has %v, its sites %v", month, source, got, want[month+source])
			}
		}
		for i := range total {
			total[i] += got[i]
		}
		months = append(months, month)
	}
	slices.Sort(months)
	if rows.Err() != nil || len(months) < 6 || total[0] == 0 {
		t.Errorf("only %v: %v", months, rows.Err())
	}
	t.Logf("three sites, %d months: billed, collected, refunded, outstanding %v, as the sum of their reports", len(months), total)
	for _, s := range sites {
		s.stops()
	}
}
