// Package upgrade opens the data folder of every earlier release with this build, and looks
// whether everything that was in it still is.
package upgrade

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

var polyclinic program.Program

func TestMain(m *testing.M) {
	os.Exit(program.Test(m, "../..", func(p program.Program) { polyclinic = p }))
}

// TestEarlierReleases runs over those that there are.
func TestEarlierReleases(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d earlier releases", len(archives))
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".tar.gz"), func(t *testing.T) {
			dir := t.TempDir()
			if err := unpack(archive, dir); err != nil {
				t.Fatal(err)
			}
			opens(t, dir)
		})
	}
}

// The same with the data folder of this build, so that the test is known to work while
// there is no earlier release.
func TestThisRelease(t *testing.T) {
	dir := t.TempDir()
	if status := polyclinic.Serve(t, dir, "--demo").Stop(t); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	opens(t, dir)
}

// passing are the tables whose rows come and go by themselves.
var passing = []string{"outbox", "idempotency_keys", "sessions", "superuser_sessions", "known_addresses"}

// counts returns the rows of every table of ours.
func counts(t *testing.T, dir string) map[string]int {
	t.Helper()
	db, err := kernel.Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var sound string
	if err := db.NewQuery("PRAGMA integrity_check").Row(&sound); err != nil || sound != "ok" {
		t.Fatalf("the database is not sound: %s, %v", sound, err)
	}
	var tables []string
	err = db.Select("name").From("sqlite_master").Where(dbx.HashExp{"type": "table"}).
		AndWhere(dbx.NewExp("substr(name, 1, 1) != '_' AND name NOT LIKE 'sqlite%'")).Column(&tables)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, name := range tables {
		if slices.Contains(passing, name) {
			continue
		}
		n := 0
		if err := db.Select("COUNT(*)").From(name).Row(&n); err != nil {
			t.Fatal(err)
		}
		out[name] = n
	}
	return out
}

func opens(t *testing.T, dir string) {
	t.Helper()
	before := counts(t, dir)
	if before["users"] == 0 || before["patients"] == 0 {
		t.Fatalf("an empty folder shows nothing: %v", before)
	}
	for range 2 { // the second start finds everything done
		s := polyclinic.Serve(t, dir)
		status, answer := s.Do(t, "POST", "/api/auth/login", "", `{"email":"admin@gmail.com","password":"admin123$#"}`)
		if status != 200 {
			t.Errorf("sign in: got %d %s", status, answer)
		}
		if status := s.Stop(t); status != 0 {
			t.Fatalf("exit status %d\n%s", status, s.Said())
		}
	}
	after := counts(t, dir)
	for name, n := range before {
		if got, there := after[name]; !there || got != n {
			t.Errorf("%s: %d rows before, %d after", name, n, got)
		}
	}
}

// unpack extracts regular files and folders; nothing that it is given may leave dir.
func unpack(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			if err := root.MkdirAll(name, 0o700); err != nil {
				return err
			}
		case tar.TypeReg:
			if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				return err
			}
			out, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
			if err != nil {
				return err
			}
			_, err = io.Copy(out, files)
			if closeErr := out.Close(); err == nil {
				err = closeErr
			}
			if err != nil {
				return err
			}
		}
	}
}
