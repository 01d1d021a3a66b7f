package boot_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// withoutData takes data.db out of a data folder.
func withoutData(t *testing.T, dir string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "data.db*"))
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	for _, path := range found {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDataThatAreGoneAreNoNewClinic loses data.db and keeps the rest.
func TestDataThatAreGoneAreNoNewClinic(t *testing.T) {
	dir := t.TempDir()
	if status := polyclinic.Serve(t, dir, "--demo").Stop(t); status != 0 {
		t.Fatal(status)
	}
	withoutData(t, dir)
	said, status := polyclinic.Run(t, "audit", "verify", "--dir", dir)
	wantWords(t, said, status, 1, "data.db is missing")
	if strings.Contains(said, "whole:") {
		t.Errorf("it is called whole:\n%s", said)
	}
	for _, args := range [][]string{{"check"}, {"doctor"}, {"serve", "--http", program.FreeAddress(t)}, {"serve", "--demo", "--http", program.FreeAddress(t)}} {
		said, status := polyclinic.Run(t, append(args, "--dir", dir)...)
		wantWords(t, said, status, 1, "data.db is missing", dir, "audit trail", "secrets.key", "restore", "move")
		if _, err := os.Lstat(filepath.Join(dir, "data.db")); err == nil {
			t.Fatalf("%v made one", args)
		}
	}
	// An empty one is none.
	write(t, filepath.Join(dir, "data.db"), "")
	said, status = polyclinic.Run(t, "check", "--dir", dir)
	wantWords(t, said, status, 1, "data.db is missing")
	said, status = polyclinic.Run(t, "audit", "verify", "--dir", dir)
	wantWords(t, said, status, 1, "data.db is missing")
}

// TestWhatTellsOfAClinic leaves one thing at a time.
func TestWhatTellsOfAClinic(t *testing.T) {
	for path, text := range map[string]string{"storage/pbc_1/rec/scan.pdf": "x", "secrets.key": "0123456789abcdef0123456789abcdef\n"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, path), text)
		said, status := polyclinic.Run(t, "check", "--dir", dir)
		wantWords(t, said, status, 1, "data.db is missing", strings.SplitN(path, "/", 2)[0])
	}
	// What a person, a crash or a service manager puts there ahead of the first start does not.
	dir := t.TempDir()
	write(t, filepath.Join(dir, "backups", "of-another.zip"), "x")
	if err := os.MkdirAll(filepath.Join(dir, "storage"), 0o700); err != nil {
		t.Fatal(err)
	}
	if status := polyclinic.Serve(t, dir).Stop(t); status != 0 {
		t.Error(status)
	}
}

// TestATrailElsewhereTellsOfAClinic has its trail on a disk of its own.
func TestATrailElsewhereTellsOfAClinic(t *testing.T) {
	dir, trail := t.TempDir(), t.TempDir()
	with := func(args ...string) *exec.Cmd {
		c := polyclinic.Command(t, append(args, "--dir", dir)...)
		c.Env = append(os.Environ(), "POLYCLINIC_AUDIT_DIR="+trail)
		return c
	}
	addr := program.FreeAddress(t)
	if status := program.Start(t, with("serve", "--http", addr), addr).Stop(t); status != 0 {
		t.Fatal(status)
	}
	dir = t.TempDir()
	said, status := program.Finish(t, with("check"))
	wantWords(t, said, status, 1, "data.db is missing", trail)
}

// TestDataOfAnotherClinicAreNotTheTrails puts the data.db of a new clinic in the place of one
// that was worked with, so that nothing is missing.
func TestDataOfAnotherClinicAreNotTheTrails(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, other} {
		s := polyclinic.Serve(t, d, "--demo")
		if res, err := http.Get(s.URL + "/api/patients"); err != nil { // one that is refused
			t.Fatal(err)
		} else {
			res.Body.Close()
		}
		if status := s.Stop(t); status != 0 {
			t.Fatal(status)
		}
	}
	withoutData(t, dir)
	raw, err := os.ReadFile(filepath.Join(other, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "data.db"), string(raw))
	said, status := polyclinic.Run(t, "audit", "verify", "--dir", dir)
	wantWords(t, said, status, 1, "data.db is not the one")
	if status := polyclinic.Serve(t, dir).Stop(t); status != 0 {
		t.Fatal(status)
	}
	said, status = polyclinic.Run(t, "audit", "verify", "--dir", dir)
	wantWords(t, said, status, 0, "restored: entry", "data.db is not the one")
	// It is told once.
	if status := polyclinic.Serve(t, dir).Stop(t); status != 0 {
		t.Fatal(status)
	}
	said, status = polyclinic.Run(t, "audit", "verify", "--dir", dir)
	if wantWords(t, said, status, 0); strings.Count(said, "restored: entry") != 1 {
		t.Error(said)
	}
}
