package crash

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// TestBackupAndRestoreKilledAtAnyMoment: a killed backup leaves no file that looks like one, a
// killed restore no folder that looks like a clinic. Both then succeed, and a server starts.
func TestBackupAndRestoreKilledAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	s := polyclinic.Serve(t, dir, "--demo")
	out := filepath.Join(t.TempDir(), "clinic.tar.gz")
	began := time.Now()
	if said, status := polyclinic.Run(t, "backup", "--plain", "--to", out, "--dir", dir); status != 0 {
		t.Fatal(said)
	}
	took := time.Since(began)
	const kills = 6
	for i := range kills {
		again := filepath.Join(t.TempDir(), "again.tar.gz")
		killed(t, took*time.Duration(i+1)/kills, "backup", "--plain", "--to", again, "--dir", dir)
		if _, err := os.Stat(again); err == nil {
			if said, status := polyclinic.Run(t, "backup", "verify", again); status != 0 {
				t.Errorf("half a backup: %s", said)
			}
		}
	}
	if said, status := polyclinic.Run(t, "backup", "--plain", "--to", filepath.Join(t.TempDir(), "last.tar.gz"), "--dir", dir); status != 0 {
		t.Error(said)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".backup-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	s.Stop(t)

	began = time.Now()
	restored := filepath.Join(t.TempDir(), "restored")
	if said, status := polyclinic.Run(t, "restore", out, "--dir", restored); status != 0 {
		t.Fatal(said)
	}
	took = time.Since(began)
	refused := 0
	for i := range kills {
		half := filepath.Join(t.TempDir(), "half")
		killed(t, took*time.Duration(i+1)/kills, "restore", out, "--dir", half)
		if _, err := os.Stat(filepath.Join(half, kernel.Restoring)); err != nil {
			continue // not begun, or finished
		}
		refused++
		said, status := polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dir", half)
		if status != 1 || !strings.Contains(said, "was not finished") {
			t.Errorf("a half restored folder is opened: %s", said)
		}
	}
	t.Logf("%d of %d restores were killed midway", refused, kills)
	sound(t, restored)
	r := polyclinic.Serve(t, restored, "--demo")
	if status, answer := r.Do(t, "POST", "/api/collections/users/auth-with-password", "", `{"identity":"admin@gmail.com","password":"admin123$#"}`); status != 200 {
		t.Errorf("sign in to the restored clinic: %d %s", status, answer)
	}
	r.Stop(t)
}

// killed runs the program and kills it after a while.
func killed(t *testing.T, after time.Duration, args ...string) {
	t.Helper()
	c := polyclinic.Command(t, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = c.Process.Kill() }) // it may have ended
	defer timer.Stop()
	_ = c.Wait() // killed, or done
}
