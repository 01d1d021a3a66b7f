package faults_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
	a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	settings "github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/records"
	"github.com/polyclinic-os/polyclinic/modules/staff"
)

// declared is what the product lets out.
func declared() (tables []a.Table) {
	for _, m := range []kernel.Module{settings.Module(), staff.Module(), patients.Module(), appointments.Module(), records.Module(), billing.Module(), inventory.Module()} {
		for _, p := range m.Provides {
			if table, ok := p.(a.Table); ok {
				tables = append(tables, table)
			}
		}
	}
	return tables
}

// demo is the data folder of a demo clinic, made by the program itself, once.
var demo = sync.OnceValues(func() (dir string, err error) { return os.MkdirTemp("", "polyclinic-demo-") })

var filled sync.Once

// site is a clinic that the real program serves.
type site struct {
	folder
	env    []string
	server *program.Server
}

// newSite makes a site of the demo clinic's data, not started yet.
func newSite(t *testing.T, name, url string) *site {
	t.Helper()
	dir, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	filled.Do(func() {
		if status := binary.Serve(t, dir, "--demo").Stop(t); status != 0 {
			t.Fatal("the demo clinic was not made")
		}
	})
	s := &site{folder: folder{t: t, dir: t.TempDir(), url: url, site: name, tables: declared()}}
	s.put(dir)
	s.env = append(os.Environ(), "POLYCLINIC_ANALYTICS_URL="+url, "POLYCLINIC_SITE_ID="+name)
	return s
}

// put makes the data folder equal to another.
func (s *site) put(from string) {
	s.t.Helper()
	s.must(os.RemoveAll(s.dir))
	s.must(os.CopyFS(s.dir, os.DirFS(from)))
}

// backup returns a copy of the data folder, of a stopped server.
func (s *site) backup() string {
	s.t.Helper()
	to := filepath.Join(s.t.TempDir(), "backup")
	s.must(os.CopyFS(to, os.DirFS(s.dir)))
	return to
}

func (s *site) starts() *site {
	s.t.Helper()
	address := program.FreeAddress(s.t)
	c := binary.Command(s.t, "serve", "--http", address, "--dir", s.dir)
	c.Env = s.env
	s.server = program.Start(s.t, c, address)
	return s
}

func (s *site) stops() {
	s.t.Helper()
	s.server.Stop(s.t)
}

// killed ends the program without a word.
func (s *site) killed() {
	s.t.Helper()
	s.must(s.server.Process.Kill())
	s.server.Ended(s.t)
}

// run runs a command of the program on the site's folder.
func (s *site) run(args ...string) (said string, status int) {
	s.t.Helper()
	c := binary.Command(s.t, append(args, "--dir", s.dir)...)
	c.Env = s.env
	return program.Finish(s.t, c)
}

// register puts n patients on the register.
func (s *site) register(prefix string, n int) {
	s.t.Helper()
	s.exec(fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO patients (id, mrn, name, gender, registeredOn) SELECT printf('%s%%08d', i), printf('%s%%08d', i), 'Nobody', 'female', '2026-01-02' FROM n`, n, prefix, prefix))
}

func TestFaultOwnProcessKilled(t *testing.T) {
	url := postgres.Server(t).Database(t)
	s := newSite(t, "north", url).starts()
	s.same()
	epoch, _, _ := s.place()
	postgres.Server(t).Exec(t, url,
		`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$`,
		`CREATE TRIGGER slow AFTER INSERT OR UPDATE ON polyclinic.patients FOR EACH STATEMENT EXECUTE FUNCTION slow()`)
	for i := range 3 {
		s.register(fmt.Sprintf("batch%d", i), 500)
		s.midBatch("patients")
		s.killed()
		s.exec(fmt.Sprintf(`UPDATE patients SET gender = 'round %d' WHERE id LIKE 'batch%%7'`, i)) // while it is down
		s.starts()
	}
	s.same()
	if now, _, _ := s.place(); now != epoch {
		t.Error("it started over, though nothing was lost")
	}
	if said, status := s.run("analytics", "verify"); status != 0 || !strings.Contains(said, "the same") {
		t.Errorf("verify: %d %s", status, said)
	}
	s.stops()
}

func TestFaultOwnProcessKilledInTheFirstCopy(t *testing.T) {
	url := postgres.Server(t).Database(t)
	s := newSite(t, "north", url)
	s.register("early", 120_000) // six chunks, so that it can be met in the middle
	proxy := postgrestest.NewProxy(t, postgres.Server(t).Address())
	s.env = append(s.env, "POLYCLINIC_ANALYTICS_URL="+postgres.Server(t).Via(url, proxy.Address()))
	proxy.Slow(5 * time.Millisecond)
	s.starts()
	seen := ""
	for range 3 {
		until(t, func() string {
			var snap string
			if err := s.ask(`SELECT snap FROM polyclinic.sync_site`, &snap); err != nil {
				return err.Error()
			}
			if !strings.Contains(snap, `"begun":true`) || snap == seen {
				return "no table is in the middle: " + snap
			}
			seen = snap
			return ""
		})
		s.killed()
		s.exec(`UPDATE patients SET gender = 'male' WHERE id LIKE 'early%3'`)
		s.starts()
	}
	s.exec(`UPDATE patients SET gender = 'other' WHERE id LIKE 'early%1'`)
	proxy.Slow(0)
	s.same()
	s.stops()
}

func TestFaultOlderBackupIsRestored(t *testing.T) {
	s := newSite(t, "north", postgres.Server(t).Database(t)).starts()
	s.same()
	s.stops()
	old := s.backup()
	s.starts()
	s.register("lost", 300)
	s.exec(`UPDATE patients SET gender = 'unknown' WHERE id < 'm'`)
	s.same()
	epoch, _, _ := s.place()
	s.killed()
	s.put(old)
	s.starts()
	s.register("since", 400)
	s.same()
	s.wants(`SELECT count(*) FROM polyclinic.patients WHERE id LIKE 'lost%'`, int64(0))
	if now, _, _ := s.place(); now == epoch {
		t.Error("nobody noticed")
	}
	s.stops()
}

func TestFaultTwoProcessesOneSite(t *testing.T) {
	url := postgres.Server(t).Database(t)
	first := newSite(t, "north", url).starts()
	first.same()
	_, holder, _ := first.place()
	second := newSite(t, "north", url)
	second.register("wrong", 50)
	second.starts()
	var answer string
	token := second.login()
	until(t, func() string {
		_, answer = second.server.Do(t, "GET", "/api/analytics/status", token, "")
		return map[bool]string{false: answer}[strings.Contains(answer, `"refused"`) && strings.Contains(answer, "same POLYCLINIC_SITE_ID")]
	})
	first.register("right", 50)
	first.same()
	if _, now, _ := first.place(); now != holder {
		t.Error("the second took the site over")
	}
	first.wants(`SELECT count(*) FROM polyclinic.patients WHERE id LIKE 'wrong%'`, int64(0))
	second.stops()
	first.stops()
}

func (s *site) login() string {
	s.t.Helper()
	status, body := s.server.Do(s.t, "POST", "/api/auth/login", "", fmt.Sprintf(`{"email":%q,"password":%q}`, authapi.Alma.Email, authapi.Alma.Password))
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 200 || answer.Token == "" {
		s.t.Fatalf("login: %d %s", status, body)
	}
	return answer.Token
}
