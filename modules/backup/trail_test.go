package backup_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

var trailed = &kerneltest.Set{Modules: append([]kernel.Module{audit.Module("v1.2.3")}, set.Modules...)}

// entries searches the trail and returns how many there are, and the newest.
func entries(t *testing.T, s *kerneltest.Server, query string) (n int, newest map[string]any) {
	t.Helper()
	alma := kerneltest.Account{Email: authapi.Alma.Email, Password: authapi.Alma.Password}
	r := s.As(t, alma, "GET", "/api/audit?"+query, nil)
	if r.Status != 200 {
		t.Fatal(r.Status, r.Body)
	}
	items := r.Items(t)
	if len(items) > 0 {
		newest = items[0]
	}
	return len(items), newest
}

func TestABackupAndARestoreAreInTheTrail(t *testing.T) {
	sealed(t)
	s := trailed.Start(t)
	file := filepath.Join(t.TempDir(), "backup.tar.gz.age")
	kerneltest.MustRun(t, s.Kernel, "backup", "--to", file)
	if n, e := entries(t, s, "action=backup"); n != 1 || e["outcome"] != "ok" {
		t.Errorf("a backup left %d entries: %v", n, e)
	}
	if err := s.App.CreateBackup(t.Context(), "nightly"); err != nil {
		t.Fatal(err)
	}
	if n, _ := entries(t, s, "action=backup"); n != 2 {
		t.Errorf("two backups left %d entries", n)
	}
	dir := filepath.Join(t.TempDir(), "new")
	kerneltest.MustRun(t, s.Kernel, "restore", file, "--dir", dir)
	back := trailed.StartOn(t, dir)
	if n, e := entries(t, back, "action=restored"); n != 1 || !strings.Contains(e["why"].(string), "from a backup of 20") {
		t.Errorf("a restore left %d entries: %v", n, e)
	}
	if n, _ := entries(t, back, "action=trail-lost"); n != 0 {
		t.Error("the trail of the backup lacks something")
	}
	if n, _ := entries(t, trailed.StartOn(t, back.App.DataDir()), "action=restored"); n != 1 {
		t.Errorf("the next start tells of it again: %d entries", n)
	}
}

// A clinic needs its patients' data back, also when somebody has cut off its trail.
func TestATrailThatWasCutOffIsToldOfAndHoldsNoRestoreUp(t *testing.T) {
	sealed(t)
	s := trailed.Start(t)
	if n, _ := entries(t, s, "action=create"); n == 0 {
		t.Fatal("no write is in the trail")
	}
	if err := os.RemoveAll(filepath.Join(s.App.DataDir(), "audit")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup.tar.gz.age")
	kerneltest.MustRun(t, s.Kernel, "backup", "--to", file)
	refused(t, s.Kernel, "the end was cut off", "backup", "verify", file)
	dir := filepath.Join(t.TempDir(), "new")
	kerneltest.MustRun(t, s.Kernel, "restore", file, "--dir", dir)
	back := trailed.StartOn(t, dir)
	if n, _ := entries(t, back, "action=trail-lost"); n != 1 {
		t.Errorf("%d entries tell that the trail was lost", n)
	}
	if r := back.As(t, grace, "GET", "/api/patients", nil); r.Status != 200 || len(r.Items(t)) == 0 {
		t.Errorf("the patients: %d %s", r.Status, r.Body)
	}
}
