package postgrestest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pid is the server's main process, 0 when none is noted.
func (s *Server) pid() int {
	raw, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, _ := strconv.Atoi(first) // 0 when it is being written
	return pid
}

// all returns the main process and its children, which serve the connections.
func (s *Server) all() []int {
	main := s.pid()
	if main == 0 {
		return nil
	}
	pids := []int{main}
	out, _ := exec.Command("ps", "-axo", "pid=,ppid=").Output() // none: the main process alone
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 2 && f[1] == strconv.Itoa(main) {
			if pid, err := strconv.Atoi(f[0]); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func (s *Server) signal(sig syscall.Signal) {
	for _, pid := range s.all() {
		_ = syscall.Kill(pid, sig) // it may have ended meanwhile
	}
}

// Kill ends the server at once, as when the machine loses power after its disk has
// written: SIGKILL to all of its processes.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	s.signal(syscall.SIGKILL)
	s.end()
}

// Stop shuts the server down and ends its connections, as its administrator would.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	if pid := s.pid(); pid != 0 {
		_ = syscall.Kill(pid, syscall.SIGINT) // it may have ended meanwhile
		for range 3000 {
			if s.pid() == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	s.end()
}

// Restart starts the server again on its folder and port after Kill or Stop.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	if err := s.run(); err != nil {
		tb.Fatal(err)
	}
}

// Freeze makes the server answer nothing and close nothing until Thaw.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

// end makes the guard stop the server, if it still runs, and waits for both.
func (s *Server) end() {
	if s.guard == nil {
		return
	}
	s.Thaw()
	_ = s.stdin.Close() // the guard may be gone
	_ = s.guard.Wait()  // its exit code is the server's
	s.guard = nil
}

func (s *Server) remove() {
	s.end()
	_ = os.RemoveAll(s.dir) // what is left lies in the temporary folder
}

// Copy returns a copy of a stopped server's data folder, to put it back to an older state later.
func (s *Server) Copy(tb testing.TB) string {
	tb.Helper()
	to := filepath.Join(s.dir, "copy-"+strconv.FormatInt(time.Now().UnixNano(), 36))
	s.copy(tb, s.data(), to)
	return to
}

// PutBack replaces a stopped server's data folder by a copy.
func (s *Server) PutBack(tb testing.TB, from string) {
	tb.Helper()
	if err := os.RemoveAll(s.data()); err != nil {
		tb.Fatal(err)
	}
	s.copy(tb, from, s.data())
}

func (s *Server) copy(tb testing.TB, from, to string) {
	tb.Helper()
	cmd, err := s.command("cp", "-a", from, to)
	if err != nil {
		tb.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("copy the data folder: %v: %s", err, out)
	}
}

// AsServer makes cmd run as the account that the servers run as, which then owns dir.
func AsServer(tb testing.TB, cmd *exec.Cmd, dir string) {
	tb.Helper()
	as, err := credential()
	if err == nil && as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		err = os.Chown(dir, int(as.Uid), int(as.Gid))
	}
	if err != nil {
		tb.Fatal(err)
	}
}
