package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
)

// tells compares what the command status says.
func (s *site) tells(status int, words ...string) {
	s.t.Helper()
	said, got := s.run("analytics", "status")
	if got != status {
		s.t.Errorf("it ended with %d, want %d", got, status)
	}
	for _, w := range words {
		no, unwanted := strings.CutPrefix(w, "not: ")
		if strings.Contains(said, no) == unwanted {
			s.t.Errorf("want %q in:\n%s", w, said)
		}
	}
}

// What the command says is true whether the warehouse is there or not, and whether somebody
// ships or not.
func TestStatusTellsWhatWaits(t *testing.T) {
	s := newSite(t, "north", postgres.Server(t).Database(t))
	proxy := postgrestest.NewProxy(t, postgres.Server(t).Address())
	s.env = append(s.env, "POLYCLINIC_ANALYTICS_URL="+postgres.Server(t).Via(s.url, proxy.Address()), "POLYCLINIC_ANALYTICS_LOG_CAP=300")
	s.tells(0, "never shipped", "not: every change is shipped")
	s.starts().same()
	until(t, func() string {
		said := s.server.Said()
		return map[bool]string{false: "no word of the first copy on the terminal: " + said}[strings.Contains(said, "tables are being read in full.") && strings.Contains(said, "every row is there.")]
	})
	s.tells(0, "every change is shipped", "waiting    0")
	s.stops()
	s.exec(`UPDATE doctors SET specialty = 'x' || specialty WHERE id IN (SELECT id FROM doctors LIMIT 3)`)
	s.tells(0, "3 changes wait", "waiting    3", "not: every change is shipped")
	proxy.Cut()
	s.tells(1, "site       north", "caught up", "seconds ago", "noted", "cannot be reached")
	proxy.Mend()

	// The log is dropped at its cap, with a batch on its way that covers all of it.
	s.starts().same()
	proxy.Cut()
	s.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
		INSERT INTO patients (id, mrn, name, gender, registeredOn) SELECT printf('dropped%08d', i), printf('dropped%08d', i), 'Nobody', 'female', '2026-01-02' FROM n`)
	token := s.login()
	until(t, func() string {
		_, body := s.server.Do(t, "GET", "/api/analytics/status", token, "")
		if !strings.Contains(body, `"overflows":1`) {
			return body
		}
		return ""
	})
	if _, body := s.server.Do(t, "GET", "/api/analytics/status", token, ""); !strings.Contains(body, `"dropped":true`) {
		t.Errorf("the list was dropped, and the status does not say so: %s", body)
	}
	until(t, func() string { // what health found last is some seconds old
		_, body := s.server.Do(t, "GET", "/api/health", token, "")
		return map[bool]string{false: body}[strings.Contains(body, "analytics_log_dropped")]
	})
	s.tells(1, "dropped", "cannot be reached")
	s.stops()
	proxy.Mend()
	s.tells(0, "the list of changes was dropped", "not: every change is shipped", fmt.Sprint("overflows  ", 1))
	s.starts().same()
	s.tells(0, "every change is shipped", "not: dropped")
	s.stops()
}

// A command that another process answers to is told what the server found, though all that there
// was is shipped: a table is lacking, which the role may not make.
func TestStatusTellsWhatIsRefused(t *testing.T) {
	server := postgres.Server(t)
	s := newSite(t, "north", server.Database(t)).starts()
	s.same()
	s.stops()
	s.psql(`DROP ROLE IF EXISTS narrow`, `CREATE ROLE narrow LOGIN PASSWORD 'hidden'`, `GRANT USAGE ON SCHEMA polyclinic TO narrow`,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA polyclinic TO narrow`)
	defer s.psql(`DROP OWNED BY narrow`, `DROP ROLE narrow`)
	_, address, _ := strings.Cut(s.url, "@")
	with := s.env
	s.env = append(slices.Clone(with), "POLYCLINIC_ANALYTICS_HISTORY=on", "POLYCLINIC_ANALYTICS_URL=postgres://narrow:hidden@"+address)
	s.starts()
	token := s.login()
	until(t, func() string {
		_, body := s.server.Do(t, "GET", "/api/analytics/status", token, "")
		return map[bool]string{false: body}[strings.Contains(body, `"refused"`)]
	})
	s.tells(1, "nothing is shipped until somebody acts", "analytics schema", "not: every change is shipped", "not: hidden")
	if said, status := s.run("analytics", "views", "--apply"); status != 1 || !strings.Contains(said, "analytics views") || strings.Contains(said, "analytics schema") {
		t.Errorf("views: %d %s", status, said)
	}
	s.stops()
	s.env = with
	s.starts().same()
	until(t, func() string {
		said, status := s.run("analytics", "status")
		return map[bool]string{false: said}[status == 0 && strings.Contains(said, "every change is shipped")]
	})
	s.stops()
}
