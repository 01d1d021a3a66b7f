package backup_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

func TestBackupsGoToAnS3(t *testing.T) {
	sealed(t)
	store, remote := kerneltest.NewBucket(t)
	s := set.Start(t)
	if err := os.MkdirAll(filepath.Join(s.App.DataDir(), "storage", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	scan := make([]byte, 13<<20) // a part of an upload is 6 MB
	if _, err := rand.Read(scan); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.App.DataDir(), "storage", "x", "scan"), scan, 0o600); err != nil {
		t.Fatal(err)
	}
	s.App.Settings().Backups.S3 = remote
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
	if err := s.App.CreateBackup(context.Background(), "@auto_pb_backup_a.zip"); err != nil {
		t.Fatal(err)
	}
	names := store.Names()
	if len(names) != 2 || !strings.HasPrefix(names[0], "@auto_pb_backup_a") || !strings.HasPrefix(names[1], "weekly_") || store.Whole() == 0 {
		t.Fatalf("the bucket has %v, %d in several parts", names, store.Whole())
	}
	if left, err := os.ReadDir(filepath.Join(s.App.DataDir(), core.LocalBackupsDirName)); err == nil && len(left) > 0 {
		t.Errorf("here stays %v", left)
	}
	// What is there is a backup: fetched as an admin would, it verifies.
	for _, name := range names {
		file := filepath.Join(t.TempDir(), "fetched.tar.gz.age")
		if err := os.WriteFile(file, store.Object(name), 0o600); err != nil {
			t.Fatal(err)
		}
		mustRun(t, s.Kernel, "backup", "verify", file)
	}
	list := s.Do(t, "GET", "/api/backups", s.Superuser(t), nil)
	if list.Status != http.StatusOK || !strings.Contains(string(list.Body), names[0]) {
		t.Errorf("the dashboard lists %d %s", list.Status, list.Body)
	}
	// The server opens it there by itself.
	wantFound(t, "opened on the S3", look(t, s), "")
	var at string
	if err := s.App.DB().Select("checkedAt").From("backup_runs").Row(&at); err != nil || at == "" {
		t.Errorf("opened at %q, %v", at, err)
	}
	// An S3 that is away is an alarm, and leaves nothing half done.
	store.Refuse("POST")
	if err := s.App.CreateBackup(context.Background(), "@auto_pb_backup_b.zip"); err == nil {
		t.Error("a backup that did not arrive was called made")
	}
	if got := store.Names(); len(got) != 2 {
		t.Errorf("the bucket has %v", got)
	}
	var failed []string
	for _, f := range ownCheck(s).Run(s.App) {
		failed = append(failed, f.Code)
	}
	if !slices.Contains(failed, "backup_failed") {
		t.Errorf("the check finds %v", failed)
	}
}
