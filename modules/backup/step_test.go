package backup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// elsewhere sets keys, and a folder for copies, which it returns.
func elsewhere(t testing.TB) string {
	t.Helper()
	sealed(t)
	dir := t.TempDir()
	t.Setenv("POLYCLINIC_BACKUP_EVERY_TO", dir)
	return dir
}

// copies returns the bases and steps in the folder, each oldest first.
func copies(t testing.TB, dir string) (bases, steps []string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		switch path := filepath.Join(dir, f.Name()); {
		case strings.Contains(f.Name(), "_base.tar.gz"):
			bases = append(bases, path)
		case strings.Contains(f.Name(), "_step_"):
			steps = append(steps, path)
		default:
			t.Errorf("what is %s?", f.Name())
		}
	}
	return bases, steps
}

// newest makes a copy, which has to be a step, and returns its file.
func newest(t testing.TB, s *kerneltest.Server, dir string) string {
	t.Helper()
	said := strings.TrimSpace(kerneltest.MustRun(t, s.Kernel, "backup", "step"))
	if !strings.Contains(said, "_step_") {
		t.Fatalf("no step was made: %s", said)
	}
	return filepath.Join(dir, said)
}

// restored puts the copy into a new folder and returns it.
func restored(t testing.TB, s *kerneltest.Server, file string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "restored")
	kerneltest.MustRun(t, s.Kernel, "restore", file, "--dir", dir)
	return dir
}

func connect(t testing.TB, dir string) *dbx.DB {
	t.Helper()
	db, err := kernel.Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the test is over
	return db
}

// TestDrillAClinicIsRestoredFromItsBaseAndALaterStep makes steps while clients write, ten times, and
// restores the last: everything that was acknowledged ahead of it is there, files and trail too.
func TestDrillAClinicIsRestoredFromItsBaseAndALaterStep(t *testing.T) {
	to := elsewhere(t)
	s := trailed.Start(t)
	token := s.Token(t, grace)
	gone := filepath.Join("storage", "pictures", "gone")
	if err := os.MkdirAll(filepath.Join(s.App.DataDir(), "storage", "pictures"), 0o700); err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(s.App.DataDir(), gone), []byte("erased after the base"))
	if said := kerneltest.MustRun(t, s.Kernel, "backup", "step"); !strings.Contains(said, "_base.tar.gz.age") {
		t.Fatalf("the first is no base: %s", said)
	}
	if err := os.Remove(filepath.Join(s.App.DataDir(), gone)); err != nil {
		t.Fatal(err)
	}
	type written struct{ id, name, text string }
	var (
		mu     sync.Mutex
		before []written
		stop   = make(chan struct{})
		wg     sync.WaitGroup
	)
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				text := fmt.Sprintf("writer %d, entry %d", w, i)
				id, name := write(s, t, token, text)
				mu.Lock()
				before = append(before, written{id, name, text})
				mu.Unlock()
			}
		})
	}
	var (
		acknowledged []written
		file         string
	)
	for range 10 {
		mu.Lock()
		acknowledged = slices.Clone(before)
		mu.Unlock()
		file = newest(t, s, to)
	}
	close(stop)
	wg.Wait()
	if len(acknowledged) == 0 {
		t.Fatal("nothing was written")
	}
	_, steps := copies(t, to)
	for _, f := range steps { // each is of one moment, whatever was written while it was made
		kerneltest.MustRun(t, s.Kernel, "backup", "verify", f)
	}
	if said := kerneltest.MustRun(t, s.Kernel, "backup", "verify", file); !strings.Contains(said, "whole: made ") || strings.Contains(said, "NOT IN IT") || strings.Contains(said, "lost") {
		t.Errorf("verify says %q", said)
	}
	dir := restored(t, s, file)
	db := connect(t, dir)
	c, err := s.App.FindCollectionByNameOrId("medical_records")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range acknowledged {
		var notes string
		if err := db.Select("notes").From("medical_records").Where(dbx.HashExp{"id": w.id}).Row(&notes); err != nil || notes != w.text {
			t.Errorf("the record %s is %q, %v", w.id, notes, err)
		}
		if raw, err := os.ReadFile(filepath.Join(dir, "storage", c.Id, w.id, w.name)); err != nil || string(raw) != w.text {
			t.Errorf("the file of %s is %q, %v", w.id, raw, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, gone)); err == nil {
		t.Error("what was deleted ahead of the step is there")
	}
	sameTables(t, s.App.DB(), db)
	if left, _ := filepath.Glob(filepath.Join(s.App.DataDir(), ".backup-*")); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	// It is a clinic: people sign in, and its trail goes on.
	back := trailed.StartOn(t, dir)
	if n, _ := entries(t, back, "action=trail-lost"); n != 0 {
		t.Error("the trail of the step lacks something")
	}
	if n, _ := entries(t, back, "action=restored"); n != 1 {
		t.Errorf("a restore left %d entries", n)
	}
	if n, e := entries(t, s, "action=backup"); n != 1 || e["target"] != "copies" {
		t.Errorf("a base and ten steps left %d entries: %v", n, e)
	}
}

func TestAStepNeedsItsBaseAndIsRefusedWithAnother(t *testing.T) {
	for _, how := range []string{"encrypted", "in the clear"} {
		t.Run(how, func(t *testing.T) {
			to := elsewhere(t)
			s := set.Start(t)
			if how != "encrypted" {
				t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", "")
				t.Setenv("POLYCLINIC_BACKUP_EVERY_TO", "")
				to = filepath.Join(s.App.DataDir(), "backups", "copies")
			}
			token := s.Token(t, grace)
			kerneltest.MustRun(t, s.Kernel, "backup", "step")
			bases, _ := copies(t, to)
			write(s, t, token, "one")
			file := newest(t, s, to)
			whole := read(t, file)
			base := read(t, bases[0])
			refuse := func(what, words string) {
				t.Helper()
				dir := filepath.Join(t.TempDir(), "r")
				for _, args := range [][]string{{"backup", "verify", file}, {"restore", file, "--dir", dir}} {
					if said, err := kerneltest.Run(t, s.Kernel, args...); err == nil || !strings.Contains(err.Error(), words) {
						t.Errorf("%s: %v: %q, %v", what, args, said, err)
					}
				}
				if left, _ := os.ReadDir(dir); len(left) > 0 {
					t.Errorf("%s: left %v", what, left)
				}
			}
			overwrite(t, file, flip(whole, len(whole)/2))
			refuse("a byte of the step was changed", "")
			overwrite(t, file, whole[:len(whole)-30])
			refuse("the step was cut off", "damaged or cut off")
			overwrite(t, file, whole)
			overwrite(t, bases[0], flip(base, len(base)/2))
			refuse("a byte of the base was changed", "its base: ")
			if err := os.Remove(bases[0]); err != nil {
				t.Fatal(err)
			}
			refuse("no base", filepath.Base(bases[0])+" into the same folder")
			// The base of other steps, under the name of this one's.
			if err := os.RemoveAll(filepath.Join(s.App.DataDir(), ".copies")); err != nil {
				t.Fatal(err)
			}
			other := filepath.Join(to, strings.TrimSpace(kerneltest.MustRun(t, s.Kernel, "backup", "step")))
			kerneltest.MustRun(t, s.Kernel, "backup", "verify", other) // a base is a backup
			overwrite(t, bases[0], read(t, other))
			refuse("another base", "base of other steps")
			overwrite(t, bases[0], base)
			kerneltest.MustRun(t, s.Kernel, "backup", "verify", file)
			renamed := filepath.Join(to, "monday.tar.gz")
			if err := os.Rename(file, renamed); err != nil {
				t.Fatal(err)
			}
			if said, err := kerneltest.Run(t, s.Kernel, "backup", "verify", renamed); err == nil {
				t.Errorf("a step under another name: %s", said)
			}
		})
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func overwrite(t *testing.T, path string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsWrittenWhereNothingChanged(t *testing.T) {
	to := elsewhere(t)
	s := set.Start(t)
	token := s.Token(t, grace)
	kerneltest.MustRun(t, s.Kernel, "backup", "step")
	write(s, t, token, "one")
	newest(t, s, to)
	_, before := copies(t, to)
	for range 3 {
		if said := kerneltest.MustRun(t, s.Kernel, "backup", "step"); !strings.Contains(said, "nothing has changed") {
			t.Errorf("it says %q", said)
		}
	}
	if _, after := copies(t, to); !slices.Equal(before, after) {
		t.Errorf("there were %v, there are %v", before, after)
	}
	write(s, t, token, "two")
	newest(t, s, to)
}

func TestANewBaseWhereTheFormerDoesNotFit(t *testing.T) {
	to := elsewhere(t)
	s := set.Start(t)
	token := s.Token(t, grace)
	n := 0
	another := func(why string, want bool) {
		t.Helper()
		write(s, t, token, why)
		said := kerneltest.MustRun(t, s.Kernel, "backup", "step")
		if got := strings.Contains(said, "_base.tar.gz"); got != want {
			t.Errorf("%s: it made %s", why, said)
		}
		n++
	}
	another("the first", true)
	another("nothing special", false)
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", "")
	t.Setenv("POLYCLINIC_BACKUP_PASSPHRASE", "correct horse")
	another("a passphrase for a key", true)
	another("the same passphrase", false)
	t.Setenv("POLYCLINIC_BACKUP_EVERY_TO", t.TempDir())
	another("another place", true)
	t.Setenv("POLYCLINIC_BACKUP_EVERY_TO", to)
	another("back", true)
	if err := os.WriteFile(filepath.Join(s.App.DataDir(), ".copies", "chain.json"), []byte("{]"), 0o600); err != nil {
		t.Fatal(err)
	}
	another("what is known of the base is damaged", true)
	another("the same base", false)
	t.Setenv("POLYCLINIC_BACKUP_PASSPHRASE", "battery staple")
	again := set.StartOn(t, s.App.DataDir())
	if said := kerneltest.MustRun(t, again.Kernel, "backup", "step"); !strings.Contains(said, "_base.tar.gz") {
		t.Errorf("a start with another passphrase: it made %s", said)
	}
	again = set.StartOn(t, again.App.DataDir())
	write(again, t, again.Token(t, grace), "after a start")
	kerneltest.MustRun(t, again.Kernel, "backup", "verify", newest(t, again, to))
}

func TestAVacuumMakesANewBase(t *testing.T) {
	elsewhere(t)
	s := set.Start(t)
	exec := func(q string) {
		t.Helper()
		if _, err := s.App.NonconcurrentDB().NewQuery(q).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE ballast (x BLOB)")
	exec("CREATE TABLE gap (x BLOB)")
	for range 10 {
		for _, table := range []string{"gap", "ballast"} {
			exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 256) INSERT INTO " + table + " SELECT randomblob(12000) FROM n")
		}
	}
	kerneltest.MustRun(t, s.Kernel, "backup", "step")
	exec("DROP TABLE gap")
	exec("VACUUM")
	if said := kerneltest.MustRun(t, s.Kernel, "backup", "step"); !strings.Contains(said, "_base.tar.gz") {
		t.Errorf("it made %s", said)
	}
}
