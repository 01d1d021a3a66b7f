//go:build linux

package crash

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// TestReadingGoesOnOnAFullDisk runs a clinic on a disk of its own, fills it, and makes room again.
func TestReadingGoesOnOnAFullDisk(t *testing.T) {
	disk := t.TempDir()
	addr := program.FreeAddress(t)
	// A disk that only this server and what it starts can see, which needs no rights.
	c := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
		`mount -t tmpfs -o size=256m tmpfs "$0" && exec "$@"`, disk, polyclinic.Path, "serve", "--demo", "--http", addr, "--dir", filepath.Join(disk, "pb_data"))
	c.Dir = t.TempDir()
	s := program.Start(t, c, addr)
	cl := enter(t, s)
	patient := "/api/patients/" + cl.patient
	mark := func(n int) (status int, answer string) {
		return s.Do(t, "PUT", patient, cl.doctor, fmt.Sprintf(`{"notes":"note %d %s"}`, n, strings.Repeat("x", 15_000)))
	}
	if status, answer := mark(0); status != http.StatusOK {
		t.Fatalf("with room: %d %s", status, answer)
	}

	fill := filepath.Join("/proc", fmt.Sprint(s.Process.Pid), "root", disk, "fill")
	f, err := os.Create(fill)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 1<<20); len(block) > 0; {
		n, err := f.Write(block)
		if err != nil {
			block = block[:len(block)/2] // to the last byte
		} else if n == 0 {
			t.Fatal("nothing was written")
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	refused := 0
	for n := 1; n <= 300; n++ {
		if status, answer := s.Do(t, "GET", patient, cl.doctor, ""); status != http.StatusOK {
			t.Fatalf("reading, time %d: %d %s", n, status, answer)
		}
		status, answer := mark(n)
		switch status {
		case http.StatusInsufficientStorage:
			refused++
			if !strings.Contains(answer, "disk_full") {
				t.Errorf("writing, time %d: %s", n, answer)
			}
		case http.StatusOK: // in what room the files had left
			if refused > 0 {
				t.Fatalf("writing, time %d: it was refused before, and there is no more room", n)
			}
		default:
			t.Fatalf("writing, time %d: %d %s", n, status, answer)
		}
	}
	if refused < 100 {
		t.Errorf("%d of 300 writes were refused", refused)
	}
	if status, answer := s.Do(t, "GET", "/api/health", "", ""); !strings.Contains(answer, `"level":"alarm"`) {
		t.Errorf("health: %d %s", status, answer)
	}

	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(program.Patience); ; time.Sleep(50 * time.Millisecond) {
		if status, answer := mark(301); status == http.StatusOK {
			break
		} else if time.Now().After(until) {
			t.Fatalf("with room again: %d %s", status, answer)
		}
	}
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d: %s", status, s.Said())
	}
}

// TestAStepOnAFullDiskWritesNothing: the last room is the clinic's. With room again steps go on.
func TestAStepOnAFullDiskWritesNothing(t *testing.T) {
	dir, disk, to := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("POLYCLINIC_BACKUP_EVERY_TO", to)
	t.Setenv("POLYCLINIC_BACKUP_PASSPHRASE", "correct horse")
	polyclinic.Serve(t, dir, "--demo").Stop(t)
	c := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", `
		mount -t tmpfs -o size=300m tmpfs "$0"
		cp -r "$1" "$0/pb_data"
		"$2" backup step --dir "$0/pb_data"
		head -c $(($(df --output=avail -B1 "$0" | tail -n 1) - 50000000)) /dev/zero >"$0/fill"
		if "$2" backup step --dir "$0/pb_data"; then exit 3; fi
		ls -A "$0/pb_data"
		rm "$0/fill"
		"$2" backup step --dir "$0/pb_data"`, disk, dir, polyclinic.Path)
	said, status := program.Finish(t, c)
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, said)
	}
	if !strings.Contains(said, "nothing was written") || strings.Contains(said, ".backup-") {
		t.Errorf("it says %s", said)
	}
	files := names(t, to)
	if len(files) != 2 {
		t.Fatalf("there are %v", files)
	}
	for _, f := range files {
		if said, status := polyclinic.Run(t, "backup", "verify", f); status != 0 {
			t.Errorf("%s: %s", filepath.Base(f), said)
		}
	}
}
