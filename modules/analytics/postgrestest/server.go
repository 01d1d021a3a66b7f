// Package postgrestest starts real PostgreSQL servers for tests, and stands between them
// and the tests' clients with a network that can be cut (Proxy) and a pooler that keeps no
// session (Pooler).
package postgrestest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const missing = "these tests need a PostgreSQL server: apt-get install postgresql"

const owner = "polyclinic"

// Server is a PostgreSQL with a data folder and a loopback port of its own. It goes away
// with the test, and with the test's process, however that ends.
type Server struct {
	bin, dir, password string
	port               int
	settings           []string
	small              int       // MB of the disk that a tablespace of that name lies on, 0: there is none
	stdin              io.Closer // while it is open, the server may live
	guard              *exec.Cmd
	databases          int
}

// Start makes a data folder and starts a server on it. Settings, such as
// "max_connections=5", come after those that make tests fast. Without a PostgreSQL on
// this machine the test fails.
func Start(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s, err := start(0, settings)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.remove)
	return s
}

func start(small int, settings []string) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	// Not the test's own temporary folder: that is closed to the unprivileged user.
	dir, err := os.MkdirTemp("", "polyclinic-postgres-")
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 12)
	_, _ = rand.Read(secret) // never fails
	s := &Server{bin: bin, dir: dir, password: hex.EncodeToString(secret), settings: settings, small: small}
	if err = s.init(); err == nil {
		err = s.launch()
	}
	if err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// programs returns the folder of the newest PostgreSQL here.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is good
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	for _, initdb := range found {
		if _, err := os.Stat(filepath.Join(filepath.Dir(initdb), "postgres")); err == nil {
			return filepath.Dir(initdb), nil
		}
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(initdb), nil
	}
	return "", errors.New(missing)
}

func version(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb)))) // 0 sorts last
	return n
}

// credential is whom the server runs as when the tests run as root, which PostgreSQL
// refuses: postgres, or nobody.
func credential() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody")
}

func (s *Server) command(name string, args ...string) (*exec.Cmd, error) {
	as, err := credential()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	return cmd, nil
}

func (s *Server) init() error {
	as, err := credential()
	if err != nil {
		return err
	}
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.password), 0o600); err != nil {
		return err
	}
	if as != nil {
		for _, path := range []string{s.dir, secret} {
			if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
				return err
			}
		}
	}
	cmd, err := s.command(filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", owner, "-E", "UTF8", "--locale=C",
		"--auth=scram-sha-256", "--pwfile="+secret, "--no-sync")
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// launch starts the server on its port, or on a free one the first time.
func (s *Server) launch() error {
	for try := 0; ; try++ {
		if s.port == 0 || try > 0 {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			s.port = l.Addr().(*net.TCPAddr).Port
			_ = l.Close() // the server takes it over
		}
		err := s.run()
		if err == nil || try == 5 {
			return err
		}
	}
}

// run starts a shell that starts the server and stops it when its standard input closes,
// as it does when the process of the test ends.
func (s *Server) run() error {
	args := []string{"-D", s.data(), "-p", strconv.Itoa(s.port)}
	// synchronous_commit stays on: without it a killed server forgets what it had acknowledged.
	for _, c := range append([]string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "full_page_writes=off",
		"max_connections=40", "shared_buffers=64MB", "max_wal_size=2GB", "autovacuum_naptime=5min", "logging_collector=off"}, s.settings...) {
		args = append(args, "-c", c)
	}
	const guard = `"$@" <&- & pid=$!; read -r line; kill -QUIT $pid 2>/dev/null; wait $pid`
	line := append([]string{"/bin/sh", "-c", guard, "guard", filepath.Join(s.bin, "postgres")}, args...)
	if s.small > 0 {
		line = append(onSmallDisk(s.smallDir(), s.small), line...)
	}
	cmd, err := s.command(line[0], line[1:]...)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	before, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.guard, s.stdin = cmd, stdin
	if err := s.ready(int(before)); err != nil {
		s.end()
		tail, _ := os.ReadFile(s.LogFile()) // without it, less is said
		return fmt.Errorf("start PostgreSQL: %w: %s", err, tail[max(0, len(tail)-2000):])
	}
	return nil
}

// LogFile is where the server writes its log.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "log") }

// ready waits until the server takes connections or says in its log, of which the part up
// to before is older, that it gave up.
func (s *Server) ready(before int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return c.Close(ctx)
		}
		if log, _ := os.ReadFile(s.LogFile()); ctx.Err() != nil || strings.Contains(string(log[before:]), "database system is shut down") {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Address is the server's host and port.
func (s *Server) Address() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// URL names a database of the server as its owner, who may do everything.
func (s *Server) URL(database string) string {
	return s.URLAs(owner, s.password, s.Address(), database)
}

// URLAs names a database for another role or by another address, such as a Proxy's.
func (s *Server) URLAs(role, password, address, database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", role, password, address, database)
}

// Via returns the URL with the server's address replaced, such as by a Proxy's.
func (s *Server) Via(url, address string) string {
	return strings.Replace(url, s.Address(), address, 1)
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	s.databases++
	name := fmt.Sprintf("test%d", s.databases)
	s.Exec(tb, s.URL("postgres"), "CREATE DATABASE "+name)
	return s.URL(name)
}

// Exec runs statements on a database, one after the other.
func (s *Server) Exec(tb testing.TB, url string, statements ...string) {
	tb.Helper()
	c := Connect(tb, url)
	for _, sql := range statements {
		if _, err := c.Exec(context.Background(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			tb.Fatalf("%s: %v", sql, err)
		}
	}
	_ = c.Close(context.Background()) // done with
}

// Psql runs PostgreSQL's own client on a database, and returns what it says.
func (s *Server) Psql(url string, args ...string) (said string, err error) {
	out, err := exec.Command(filepath.Join(s.bin, "psql"), append([]string{url, "-X", "-q"}, args...)...).CombinedOutput()
	return string(out), err
}

// Connect opens a connection that closes with the test.
func Connect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close(context.Background()) }) // the server may be gone
	return c
}
