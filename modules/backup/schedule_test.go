package backup_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/backup/backupapi"
)

func names(t *testing.T, app core.App) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(app.DataDir(), "backups"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestTheDashboardsBackupIsOurs(t *testing.T) {
	sealed(t)
	s := set.Start(t)
	root := s.Superuser(t)
	if r := s.Do(t, "POST", "/api/backups", root, `{"name":"before_the_move.zip"}`); r.Status != 204 {
		t.Fatalf("got %d: %s", r.Status, r.Body)
	}
	if got := names(t, s.App); !slices.Equal(got, []string{"before_the_move.tar.gz.age"}) {
		t.Errorf("there are %v", got)
	}
	kerneltest.MustRun(t, s.Kernel, "backup", "verify", filepath.Join(s.App.DataDir(), "backups", "before_the_move.tar.gz.age"))
	var list []struct {
		Key  string
		Size int64
	}
	r := s.Do(t, "GET", "/api/backups", root, nil)
	if err := json.Unmarshal([]byte(r.Body), &list); err != nil || len(list) != 1 || list[0].Size == 0 {
		t.Errorf("the list is %s, %v", r.Body, err)
	}
	for _, path := range []string{"/api/backups/upload", "/api/backups/before_the_move.tar.gz.age/restore"} {
		if r := s.Do(t, "POST", path, root, `{}`); r.Status != 404 || !strings.Contains(r.Body, "polyclinic restore") {
			t.Errorf("%s: got %d: %s", path, r.Status, r.Body)
		}
	}
	if r := s.Do(t, "DELETE", "/api/backups/before_the_move.tar.gz.age", root, nil); r.Status != 204 {
		t.Errorf("got %d: %s", r.Status, r.Body)
	}
}

// TestABackupAndAStepLeaveEachOtherAlone makes a step while a backup is under way, as every night in
// a clinic that has copies every few minutes.
func TestABackupAndAStepLeaveEachOtherAlone(t *testing.T) {
	sealed(t)
	var held atomic.Bool
	begun, goOn := make(chan bool), make(chan bool)
	part := kernel.Module{Name: "ward", Doc: "Keeps a book.", Provides: []any{backupapi.Part{Name: "book", Copy: func(_ core.App, dir string) error {
		if held.CompareAndSwap(false, true) {
			close(begun)
			<-goOn
		}
		return os.WriteFile(filepath.Join(dir, "book"), []byte("full"), 0o600)
	}}}}
	s := (&kerneltest.Set{Modules: append([]kernel.Module{part}, set.Modules...)}).Start(t)
	nightly := make(chan error, 1)
	go func() { nightly <- s.App.CreateBackup(t.Context(), "nightly") }()
	<-begun
	for range 2 { // a base, and a step
		kerneltest.MustRun(t, s.Kernel, "backup", "step")
	}
	close(goOn)
	if err := <-nightly; err != nil {
		t.Fatal(err)
	}
	kerneltest.MustRun(t, s.Kernel, "backup", "verify", filepath.Join(s.App.DataDir(), "backups", "nightly.tar.gz.age"))
	if left, _ := filepath.Glob(filepath.Join(s.App.DataDir(), ".backup-*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// TestWhatLiesBesideTheBackupsIsNone has a copy and a list of erasures where backups are.
func TestWhatLiesBesideTheBackupsIsNone(t *testing.T) {
	sealed(t)
	s := set.Start(t)
	root := s.Superuser(t)
	copied := strings.TrimSpace(kerneltest.MustRun(t, s.Kernel, "backup", "step"))
	kerneltest.MustRun(t, s.Kernel, "backup")
	folder := filepath.Join(s.App.DataDir(), "backups")
	if err := os.WriteFile(filepath.Join(folder, "erasures.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	copied = filepath.Base(copied)
	list := s.Do(t, "GET", "/api/backups", root, nil)
	if list.Status != 200 || strings.Contains(list.Body, copied) || !strings.Contains(list.Body, "erasures.json") || !strings.Contains(list.Body, "polyclinic_") {
		t.Errorf("the list is %d: %s", list.Status, list.Body)
	}
	for _, key := range []string{"erasures.json", ".%2Ferasures.json", "copies%2F" + copied} {
		if r := s.Do(t, "DELETE", "/api/backups/"+key, root, nil); r.Status != 403 || r.Code("error") != "kept_by_server" {
			t.Errorf("%s: got %d: %s", key, r.Status, r.Body)
		}
	}
	for _, path := range []string{filepath.Join(folder, "erasures.json"), filepath.Join(folder, "copies", copied)} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	for token, want := range map[string]int{"": 401, s.Token(t, grace): 403} {
		if r := s.Do(t, "GET", "/api/backups", token, nil); r.Status != want {
			t.Errorf("somebody else gets %d: %s", r.Status, r.Body)
		}
	}
}

func TestANightlyBackupIsOnByDefaultAndAWeeklyOneIsPutAside(t *testing.T) {
	sealed(t)
	t.Setenv("POLYCLINIC_BACKUP_WEEKLY", "2")
	s := set.Start(t)
	if b := s.App.Settings().Backups; b.Cron == "" || b.CronMaxKeep != 7 {
		t.Errorf("the schedule is %q, kept %d", b.Cron, b.CronMaxKeep)
	}
	folder := filepath.Join(s.App.DataDir(), "backups")
	weekly := func() (list []string) {
		return slices.DeleteFunc(names(t, s.App), func(n string) bool { return !strings.HasPrefix(n, "weekly_") || strings.HasSuffix(n, ".attrs") })
	}
	for i, want := range []int{1, 1} { // the second is too young
		if err := s.App.CreateBackup(context.Background(), "@auto_pb_backup_x_"+string(rune('a'+i))+".zip"); err != nil {
			t.Fatal(err)
		}
		if got := weekly(); len(got) != want {
			t.Fatalf("weekly: %v", got)
		}
	}
	for i := range 3 { // as the weeks go by
		for _, n := range weekly() {
			info, err := os.Stat(filepath.Join(folder, n))
			if err != nil {
				t.Fatal(err)
			}
			old := info.ModTime().Add(-8 * 24 * time.Hour)
			if err := os.Chtimes(filepath.Join(folder, n), old, old); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.App.CreateBackup(context.Background(), "@auto_pb_backup_y_"+string(rune('a'+i))+".zip"); err != nil {
			t.Fatal(err)
		}
	}
	if got := weekly(); len(got) != 2 || !strings.HasPrefix(got[1], "weekly_y_c.tar.gz.age") {
		t.Errorf("kept %v", got)
	}
	kerneltest.MustRun(t, s.Kernel, "backup", "verify", filepath.Join(folder, weekly()[1]))
}

func TestABackupOnAnS3IsNeverInTheClear(t *testing.T) {
	s := set.Start(t)
	s.App.Settings().Backups.S3.Enabled = true
	if err := s.App.CreateBackup(context.Background(), "x.zip"); err == nil || !strings.Contains(err.Error(), "has to be encrypted") {
		t.Errorf("got %v", err)
	}
}

// ownCheck returns the module's check.
func ownCheck(s *kerneltest.Server) kernel.Check {
	all := kernel.All[kernel.Check](s.Kernel)
	return all[slices.IndexFunc(all, func(c kernel.Check) bool { return c.Name == "backups" })]
}

func TestWhatTheCheckFinds(t *testing.T) {
	s := set.Start(t)
	check := ownCheck(s)
	codes := func() string {
		var list []string
		for _, f := range check.Run(s.App) {
			list = append(list, string(f.Level)+" "+f.Code)
		}
		return strings.Join(list, ", ")
	}
	want := func(w string) {
		t.Helper()
		if got := codes(); got != w {
			t.Errorf("got %s, want %s", got, w)
		}
	}
	want("risk backup_none, risk backup_plain, note backup_same_disk")
	sealed(t)
	kerneltest.MustRun(t, s.Kernel, "backup")
	want("note backup_same_disk")
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE backup_runs SET at = '2020-01-01 00:00:00.000Z'").Execute(); err != nil {
		t.Fatal(err)
	}
	want("risk backup_old, note backup_same_disk")
	if _, err := s.App.NonconcurrentDB().Insert("backup_runs", dbx.Params{"at": time.Now().UTC().Format(time.RFC3339), "name": "x", "bytes": 0, "encrypted": 1, "error": "no"}).Execute(); err != nil {
		t.Fatal(err)
	}
	want("risk backup_old, alarm backup_failed, note backup_same_disk")
}

func TestAModulesOwnFilesAreInTheBackup(t *testing.T) {
	sealed(t)
	sound := true
	part := kernel.Module{Name: "ward", Doc: "Keeps a book.", Provides: []any{backupapi.Part{
		Name: "ward",
		Copy: func(app core.App, dir string) error {
			if err := os.Mkdir(filepath.Join(dir, "ward"), 0o700); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "ward", "book"), []byte("day one"), 0o600)
		},
		Verify: func(dir string) error {
			_, err := os.Stat(filepath.Join(dir, "ward", "book"))
			if !sound {
				return os.ErrInvalid
			}
			return err
		},
	}}}
	own := &kerneltest.Set{Modules: append(slices.Clone(set.Modules), part)}
	s := own.Start(t)
	file := filepath.Join(t.TempDir(), "clinic.age")
	kerneltest.MustRun(t, s.Kernel, "backup", "--to", file)
	dir := filepath.Join(t.TempDir(), "restored")
	kerneltest.MustRun(t, s.Kernel, "restore", file, "--dir", dir)
	if raw, err := os.ReadFile(filepath.Join(dir, "ward", "book")); string(raw) != "day one" {
		t.Errorf("got %q, %v", raw, err)
	}
	sound = false
	refused(t, s.Kernel, "ward: ", "backup", "verify", file)
}
