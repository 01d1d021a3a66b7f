// Package program gives tests the real polyclinic program: built, started on a free
// loopback port, asked over HTTP, and stopped.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience bounds every wait for a program.
const Patience = 3 * time.Minute

// life ends a program that a test forgot.
const life = 10 * time.Minute

// Program is a built binary.
type Program struct{ Path string }

// Test builds the command in the folder pkg, hands it to use, runs the tests and returns
// their exit status, for os.Exit. flags go to go build.
func Test(m *testing.M, pkg string, use func(Program), flags ...string) int {
	dir, err := os.MkdirTemp("", "polyclinic_program_*")
	if err == nil {
		err = os.Chmod(dir, 0o755) // a test may run it as another account
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	p := Program{filepath.Join(dir, "polyclinic")}
	// As it is released, which the build cache then has too.
	build := exec.Command("go", append([]string{"build", "-trimpath"}, append(flags, "-o", p.Path, ".")...)...)
	build.Dir, build.Env = pkg, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build %s: %v\n%s", pkg, err, out)
		return 1
	}
	use(p)
	return m.Run()
}

// Command returns the program with arguments, in an empty working folder.
func (p Program) Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), life)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, p.Path, args...)
	c.Dir = t.TempDir()
	return c
}

// Run returns what the program said, and its exit status.
func (p Program) Run(t testing.TB, args ...string) (said string, status int) {
	t.Helper()
	return Finish(t, p.Command(t, args...))
}

// Finish runs c to its end.
func Finish(t testing.TB, c *exec.Cmd) (said string, status int) {
	t.Helper()
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// FreeAddress returns a loopback address that nobody listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Server is one running program. It ends with the test.
type Server struct {
	*exec.Cmd
	Addr string // host and port
	URL  string
	said said
	done chan error
}

// said is what a program printed, which is read while it prints.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

// Said returns what the server has printed so far.
func (s *Server) Said() string {
	s.said.mu.Lock()
	defer s.said.mu.Unlock()
	return s.said.buf.String()
}

// Serve starts `polyclinic serve` on the data folder and waits until it answers.
func (p Program) Serve(t testing.TB, dir string, args ...string) *Server {
	t.Helper()
	addr := FreeAddress(t)
	c := p.Command(t, append([]string{"serve", "--http", addr, "--dir", dir}, args...)...)
	return Start(t, c, addr)
}

// Start starts c, a server that will listen on addr, and waits until it answers.
func Start(t testing.TB, c *exec.Cmd, addr string) *Server {
	t.Helper()
	s := &Server{Cmd: c, Addr: addr, URL: "http://" + addr, done: make(chan error, 1)}
	s.Stdout, s.Stderr = &s.said, &s.said
	s.WaitDelay = time.Second // what it started itself may hold its output open
	if err := s.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		s.done <- s.Cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = s.Process.Kill() // it may have ended
		<-ended
	})
	for until := time.Now().Add(Patience); ; time.Sleep(10 * time.Millisecond) {
		if res, err := http.Get(s.URL + "/api/health"); err == nil {
			res.Body.Close()
			return s
		}
		select {
		case err := <-s.done:
			t.Fatalf("the server ended: %v\n%s", err, s.Said())
		default:
		}
		if time.Now().After(until) {
			t.Fatalf("the server did not start:\n%s", s.Said())
		}
	}
}

// Stop asks the server to end and returns its exit status.
func (s *Server) Stop(t testing.TB) int {
	t.Helper()
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return s.Ended(t)
}

// Ended waits for the server's end and returns its exit status.
func (s *Server) Ended(t testing.TB) int {
	t.Helper()
	select {
	case <-s.done:
		return s.ProcessState.ExitCode()
	case <-time.After(Patience):
		t.Fatalf("the server did not end:\n%s", s.Said())
		return -1
	}
}

// Do sends one request with a JSON body, "" for none, and a token, "" for a guest.
func (s *Server) Do(t testing.TB, method, path, token, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}
