package backup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/backup/backupapi"
)

// nightly makes a backup as the schedule does and returns its file.
func nightly(t testing.TB, s *kerneltest.Server, name string) string {
	t.Helper()
	if err := s.App.CreateBackup(context.Background(), "@auto_pb_backup_"+name+".zip"); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(s.App.DataDir(), "backups", "@auto_pb_backup_"+name+".tar.gz*"))
	if err != nil {
		t.Fatal(err)
	}
	found = slices.DeleteFunc(found, func(n string) bool { return strings.HasSuffix(n, ".attrs") })
	if len(found) != 1 {
		t.Fatalf("found %v", found)
	}
	return found[0]
}

// look runs the job that opens the newest backup and returns what the check then says of it.
func look(t testing.TB, s *kerneltest.Server) string {
	t.Helper()
	for _, m := range s.Kernel.Modules {
		for _, j := range m.Jobs {
			if m.Name != "backup" || j.Name != "look" {
				continue
			}
			if err := j.Run(s.App); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(s.App.DataDir(), ".look")); err == nil {
		t.Error("it left what it unpacked")
	}
	return found(s)
}

func found(s *kerneltest.Server) string {
	var codes []string
	for _, c := range kernel.All[kernel.Check](s.Kernel) {
		for _, f := range c.Run(s.App) {
			if c.Name == "backups" && f.Code != "backup_same_disk" && f.Code != "backup_plain" {
				codes = append(codes, string(f.Level)+" "+f.Code)
			}
		}
	}
	return strings.Join(codes, ", ")
}

func flipFile(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, flip(raw, len(raw)/2), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func wantFound(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: found %q, want %q", what, got, want)
	}
}

func TestEveryBackupIsOpenedByItself(t *testing.T) {
	for name, keys := range map[string]func(){"encrypted": func() { sealed(t) }, "in the clear": func() { t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", "") }} {
		keys()
		s := set.Start(t)
		write(s, t, s.Token(t, grace), "a file of a patient")
		first := nightly(t, s, "a")
		wantFound(t, name+", at once", found(s), "")
		wantFound(t, name+", whole", look(t, s), "")
		var at string
		if err := s.App.DB().Select("checkedAt").From("backup_runs").Row(&at); err != nil || at == "" {
			t.Errorf("%s: opened at %q, %v", name, at, err)
		}
		flipFile(t, first)
		wantFound(t, name+", once each", look(t, s), "")
		flipFile(t, nightly(t, s, "b"))
		wantFound(t, name+", damaged", look(t, s), "alarm backup_not_whole")
		if r := s.As(t, grace, "GET", "/api/patients", nil); r.Status != 200 {
			t.Errorf("the clinic stands still: %d", r.Status)
		}
		nightly(t, s, "c")
		wantFound(t, name+", whole again", look(t, s), "")
	}
}

func TestABackupThatIsNotOpenedForLongIsTold(t *testing.T) {
	sealed(t)
	s := set.Start(t)
	nightly(t, s, "a")
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE backup_runs SET at = strftime('%Y-%m-%d %H:%M:%fZ', 'now', '-7 hours')").Execute(); err != nil {
		t.Fatal(err)
	}
	wantFound(t, "seven hours later", found(s), "risk backup_not_opened")
	huge := filepath.Join(s.App.DataDir(), "huge")
	f, err := os.Create(huge)
	if err == nil {
		err = errors.Join(f.Truncate(1<<43), f.Close()) // eight terabytes that take no room
	}
	if err != nil {
		t.Fatal(err)
	}
	nightly(t, s, "b")
	unpacked := filepath.Join(s.App.DataDir(), ".look") // by a server that was killed: it takes the room
	if err := errors.Join(os.Mkdir(unpacked, 0o700), os.WriteFile(filepath.Join(unpacked, "data.db"), []byte("patients"), 0o600)); err != nil {
		t.Fatal(err)
	}
	wantFound(t, "without room", look(t, s), "risk backup_not_opened")
	if err := os.Remove(huge); err != nil {
		t.Fatal(err)
	}
	wantFound(t, "with room again", look(t, s), "")
}

func TestABackupThatOnlyAnotherMachineOpensIsLookedThroughBefore(t *testing.T) {
	sealed(t)
	t.Setenv("POLYCLINIC_BACKUP_IDENTITY", "")
	sound := true
	part := kernel.Module{Name: "ward", Doc: "Keeps a book.", Provides: []any{backupapi.Part{
		Name: "ward", Copy: func(core.App, string) error { return nil },
		Verify: func(string) error {
			if !sound {
				return os.ErrInvalid
			}
			return nil
		},
	}}}
	own := &kerneltest.Set{Modules: append(slices.Clone(set.Modules), part)}
	s := own.Start(t)
	nightly(t, s, "a")
	wantFound(t, "whole", look(t, s), "note backup_sealed")
	flipFile(t, nightly(t, s, "b"))
	wantFound(t, "not what was written", look(t, s), "alarm backup_not_whole")
	sound = false
	nightly(t, s, "c")
	wantFound(t, "it was not whole when it was made", look(t, s), "alarm backup_not_whole")
	sound = true
	nightly(t, s, "d")
	wantFound(t, "whole again", look(t, s), "note backup_sealed")
}
