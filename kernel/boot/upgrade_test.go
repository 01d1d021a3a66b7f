package boot_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// upgradeTo gives the data folder a step that is not in it, as a newer version would bring.
func upgradeTo(t *testing.T, dir, script string) (path string) {
	t.Helper()
	folder := filepath.Join(dir, "..", "pb_migrations")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(folder, "1999999999_ward.js")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func kept(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "snapshots", "*.db"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestAnUpgradeKeepsTheDataOfBefore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	polyclinic.Serve(t, dir).Stop(t)
	if got := kept(t, dir); len(got) > 0 {
		t.Fatalf("a first start keeps %v", got)
	}
	upgradeTo(t, dir, `migrate((app) => { app.db().newQuery("CREATE TABLE ward (bed TEXT)").execute() }, (app) => {})`)
	s := polyclinic.Serve(t, dir)
	s.Stop(t)
	wantWords(t, s.Said(), 0, 0, "A copy from before the upgrade is kept", filepath.Join("snapshots", "pre-v9.8.7-"))
	got := kept(t, dir)
	if len(got) != 1 {
		t.Fatalf("kept %v", got)
	}
	copied, err := kernel.Connect(got[0])
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	for db, want := range map[*dbx.DB]int{copied: 0, database(t, dir): 1} {
		var n int
		if err := db.Select("count(*)").From("sqlite_master").Where(dbx.HashExp{"name": "ward"}).Row(&n); err != nil || n != want {
			t.Errorf("the new table is there %d times, want %d: %v", n, want, err)
		}
	}
	polyclinic.Serve(t, dir).Stop(t)
	if again := kept(t, dir); len(again) != 1 {
		t.Errorf("a start without an upgrade keeps %v", again)
	}
}

// TestOnlyWhatUpgradesKeepsACopyAndNothingUpgradesUnderAServer has a newer version's commands beside
// an earlier version's server.
func TestOnlyWhatUpgradesKeepsACopyAndNothingUpgradesUnderAServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := polyclinic.Serve(t, dir, "--demo")
	upgradeTo(t, dir, `migrate((app) => { app.db().newQuery("CREATE TABLE ward (bed TEXT)").execute() }, (app) => {})`)
	upgraded := func() (n int) {
		t.Helper()
		if err := database(t, dir).Select("count(*)").From("sqlite_master").Where(dbx.HashExp{"name": "ward"}).Row(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, args := range [][]string{{"doctor"}, {"export", "csv", "patients"}, {"migrate", "up"}, {"serve", "--http", program.FreeAddress(t)}} {
		said, status := polyclinic.Run(t, append(args, "--dir", dir)...)
		wantWords(t, said, status, 1, "is in use", fmt.Sprint("process ", s.Process.Pid))
	}
	for _, args := range [][]string{{"check", "--json"}, {"backup", "--plain", "--to", filepath.Join(t.TempDir(), "b.tar.gz")}, {"superuser", "sessions"}} {
		if said, _ := polyclinic.Run(t, append(args, "--dir", dir)...); strings.Contains(said, "upgrade") || strings.Contains(said, "is in use") {
			t.Errorf("%v says:\n%s", args, said)
		}
	}
	if n, copies := upgraded(), kept(t, dir); n != 0 || len(copies) > 0 {
		t.Errorf("under the server: upgraded %d, copies %v", n, copies)
	}
	s.Stop(t)
	said, status := polyclinic.Run(t, "doctor", "--dir", dir)
	wantWords(t, said, status, 0, "A copy from before the upgrade is kept")
	if n, copies := upgraded(), kept(t, dir); n != 1 || len(copies) != 1 {
		t.Errorf("after it: upgraded %d, copies %v", n, copies)
	}
}

func TestAFailedUpgradeLeavesDataAndEarlierVersionUsable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	polyclinic.Serve(t, dir, "--demo").Stop(t)
	count := func() (n, steps int) {
		db := database(t, dir)
		if err := db.Select("count(*)").From("patients").Row(&n); err != nil {
			t.Fatal(err)
		}
		if err := db.Select("count(*)").From("_migrations").Row(&steps); err != nil {
			t.Fatal(err)
		}
		return n, steps
	}
	patients, steps := count()
	script := upgradeTo(t, dir, `migrate((app) => { app.db().newQuery("UPDATE clinic SET name = 1").execute(); throw new Error("the ward is on fire") }, (app) => {})`)
	for range 2 { // as a supervisor does that starts it again
		said, status := polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dir", dir)
		wantWords(t, said, status, 1, "the ward is on fire")
	}
	if got := kept(t, dir); len(got) != 1 {
		t.Errorf("kept %v", got)
	}
	if p, s := count(); p != patients || s != steps || p == 0 {
		t.Errorf("%d patients and %d steps, want %d and %d", p, s, patients, steps)
	}
	if err := os.Remove(script); err != nil { // the earlier version has no such step
		t.Fatal(err)
	}
	s := polyclinic.Serve(t, dir)
	if status, answer := s.Do(t, "GET", "/api/health", "", ""); status != 200 {
		t.Errorf("%d %s", status, answer)
	}
	s.Stop(t)
}

func TestAnUnfinishedRestoreIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, kernel.Restoring), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve", "--http", program.FreeAddress(t)}, {"superuser", "upsert", "root@polyclinic.test", "password-1"}} {
		said, status := polyclinic.Run(t, append(args, "--dir", dir)...)
		wantWords(t, said, status, 1, "was not finished", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "data.db")); err == nil {
		t.Error("it made an empty database")
	}
}
