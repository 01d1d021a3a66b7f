package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// TestTheDiskDiesBetweenTwoSteps kills the server while clients write, throws its folder away, and
// restores the newest step from another disk: everything that was acknowledged ahead of it is there.
// Ahead of that, steps are killed at any moment, by which nothing but whole files is left.
func TestTheDiskDiesBetweenTwoSteps(t *testing.T) {
	dir, to := filepath.Join(t.TempDir(), "pb_data"), t.TempDir()
	t.Setenv("POLYCLINIC_BACKUP_EVERY_TO", to)
	t.Setenv("POLYCLINIC_BACKUP_PASSPHRASE", "correct horse")
	s := polyclinic.Serve(t, dir, "--demo")
	c := enter(t, s)
	step := func() string {
		t.Helper()
		said, status := polyclinic.Run(t, "backup", "step", "--dir", dir)
		if status != 0 {
			t.Fatal(said)
		}
		return filepath.Join(to, strings.TrimSpace(said))
	}
	began := time.Now()
	step()
	took := time.Since(began)
	const kills = 8
	for i := range kills {
		if status, answer := s.Do(t, "PUT", "/api/patients/"+c.patient, c.doctor, fmt.Sprintf(`{"notes":"note %d"}`, i)); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
		killed(t, took*time.Duration(i+1)/kills, "backup", "step", "--dir", dir)
	}
	// Clients write until the server dies; the step is made meanwhile.
	done, early := newAcks(), newAcks()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		load(t, s, c, done, 0, 400)
	}()
	for done.all.Load() < 100 {
		time.Sleep(time.Millisecond)
	}
	done.copyTo(early)
	file := step()
	<-gone
	s.Ended(t)
	for _, f := range names(t, to) {
		if said, status := polyclinic.Run(t, "backup", "verify", f); status != 0 {
			t.Errorf("%s: %s", filepath.Base(f), said)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".backup-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}

	back := filepath.Join(t.TempDir(), "restored")
	if said, status := polyclinic.Run(t, "restore", file, "--dir", back); status != 0 {
		t.Fatal(said)
	}
	r := polyclinic.Serve(t, back, "--demo")
	if status, answer := r.Do(t, "POST", "/api/collections/users/auth-with-password", "", `{"identity":"admin@gmail.com","password":"admin123$#"}`); status != 200 {
		t.Errorf("sign in to the restored clinic: %d %s", status, answer)
	}
	r.Stop(t)
	sound(t, back)
	look(t, back, early)
	t.Logf("%d writes were acknowledged ahead of the step, %d in all", early.all.Load(), done.all.Load())

	// Whatever the restore is killed at, the folder is none or is whole.
	began = time.Now()
	if said, status := polyclinic.Run(t, "restore", file, "--dir", filepath.Join(t.TempDir(), "again")); status != 0 {
		t.Fatal(said)
	}
	took = time.Since(began)
	for i := range 4 {
		half := filepath.Join(t.TempDir(), "half")
		killed(t, took*time.Duration(i+1)/4, "restore", file, "--dir", half)
		if _, err := os.Stat(filepath.Join(half, ".restoring")); err != nil {
			continue // not begun, or finished
		}
		said, status := polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dir", half)
		if status != 1 || !strings.Contains(said, "was not finished") {
			t.Errorf("a half restored folder is opened: %s", said)
		}
	}
}

// names returns the bases and steps that lie in the folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(found, func(f string) bool { return strings.HasSuffix(f, ".partial") })
}
