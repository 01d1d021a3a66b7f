package faults_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
)

// Whatever keeps PostgreSQL from taking anything is said in words that name what to do, and
// is tried again with growing pauses: not more often than ten times in five seconds.
func TestFaultRefusalsAreSaidAndNotHammered(t *testing.T) {
	server := postgres.Server(t)
	type refusal struct {
		name string
		do   func(c *clinic) (address, role string)
		says []string
		heal func(c *clinic) // nil: it cannot be
	}
	full := func(c *clinic) (string, string) {
		server.Exec(t, c.url, `CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`,
			`CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON polyclinic.visits FOR EACH STATEMENT EXECUTE FUNCTION full_disk()`)
		return server.Address(), ""
	}
	refusals := []refusal{
		{"its disk is full", full, []string{"no room left on its disk", "the clinic goes on"},
			func(c *clinic) { server.Exec(t, c.url, `DROP TRIGGER full_disk ON polyclinic.visits`) }},
		{"the role has no rights", func(c *clinic) (string, string) {
			server.Exec(t, c.url, `DROP ROLE IF EXISTS nobody`, `CREATE ROLE nobody LOGIN PASSWORD 'hidden'`)
			return server.Address(), "nobody"
		}, []string{"GRANT SELECT, INSERT, UPDATE, DELETE", "nobody"}, func(c *clinic) {
			server.Exec(t, c.url, `GRANT USAGE ON SCHEMA polyclinic TO nobody`, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA polyclinic TO nobody`)
		}},
		{"the version is too old", func(c *clinic) (string, string) {
			pooler := postgrestest.NewPooler(t, c.url, 2)
			pooler.Claim("server_version", "9.6.24")
			return pooler.Address(), ""
		}, []string{"must be PostgreSQL 12 or later"}, nil},
		{"nobody listens", func(*clinic) (string, string) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			return l.Addr().String(), ""
		}, []string{"cannot be reached"}, nil},
		{"the password is another", func(c *clinic) (string, string) { return server.Address(), "stranger" }, []string{"refuses the role stranger"}, nil},
	}
	proxies, clinics := make([]*postgrestest.Proxy, len(refusals)), make([]*clinic, len(refusals))
	urls := make([]string, len(refusals))
	for i, r := range refusals {
		c := newClinic(t)
		c.people("a", 50)
		c.ships(c.url).same()
		c.stops()
		address, role := r.do(c)
		proxies[i], clinics[i] = postgrestest.NewProxy(t, address), c
		url := server.Via(c.url, proxies[i].Address())
		if role != "" {
			_, rest, _ := strings.Cut(url, "@")
			url = "postgres://" + role + ":hidden@" + rest
		}
		c.exec(`UPDATE visits SET minutes = 9`)
		c.ships(url)
		urls[i] = url
	}
	var before []int64
	for _, p := range proxies {
		before = append(before, p.Tries())
	}
	<-time.After(5 * time.Second)
	for i, r := range refusals {
		c := clinics[i]
		if n := proxies[i].Tries() - before[i]; n > 10 {
			t.Errorf("%s: tried %d times in five seconds", r.name, n)
		}
		is := c.says(func(is ship.Snapshot) bool { return is.State == ship.Waiting || is.State == ship.Refused })
		for _, words := range r.says {
			if !strings.Contains(is.Error, words) {
				t.Errorf("%s: it does not say %q but %q", r.name, words, is.Error)
			}
		}
		if strings.Contains(is.Error, "hidden") {
			t.Errorf("%s: it tells the password", r.name)
		}
		c.writes(20) // the clinic works on
		url := c.url
		if r.heal != nil {
			r.heal(c)
			url = urls[i]
		}
		c.ships(url) // else it waits for up to 30 seconds
	}
	for _, c := range clinics {
		c.same()
	}
}

// Behind PgBouncer each transaction may run in another session of the server.
func TestFaultPgBouncerInTransactionMode(t *testing.T) {
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		path = "/usr/sbin/pgbouncer"
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal("this test needs PgBouncer: apt-get install pgbouncer")
	}
	c := newClinic(t)
	c.people("a", 500)
	address := bouncer(t, path, c.url)
	c.ships(postgres.Server(t).Via(c.url, address), func(cfg *ship.Config) { cfg.Chunk = 100 })
	c.while(func() {
		c.settled()
		for range 3 { // sessions go from under it
			postgres.Server(t).Exec(t, c.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			_, _, seq := c.place()
			until(t, func() string {
				if _, _, now := c.place(); now <= seq {
					return "nothing arrives"
				}
				return ""
			})
		}
	})
	c.same()
}

// bouncer starts PgBouncer ahead of a database and returns its address.
func bouncer(t *testing.T, path, url string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := strings.Cut(address, ":")
	credentials, rest, _ := strings.Cut(strings.TrimPrefix(url, "postgres://"), "@")
	role, password, _ := strings.Cut(credentials, ":")
	host, database, _ := strings.Cut(rest, "/")
	database, _, _ = strings.Cut(database, "?")
	name, at, _ := strings.Cut(host, ":")
	dir, err := os.MkdirTemp("", "polyclinic-bouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it lies in the temporary folder
	settings := fmt.Sprintf("[databases]\n%s = host=%s port=%s dbname=%s user=%s password=%s\n"+
		"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\nserver_round_robin = 1\ndefault_pool_size = 4\nlogfile = %s\n",
		database, name, at, database, role, password, port, filepath.Join(dir, "log"))
	if err := os.WriteFile(filepath.Join(dir, "settings"), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	l.Close()
	cmd := exec.Command(path, filepath.Join(dir, "settings"))
	postgrestest.AsServer(t, cmd, dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	until(t, func() string {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			log, _ := os.ReadFile(filepath.Join(dir, "log")) // without it, less is said
			return fmt.Sprint(err, string(log))
		}
		conn.Close()
		return ""
	})
	return address
}
