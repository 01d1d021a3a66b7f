package backup_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
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
		kerneltest.MustRun(t, s.Kernel, "backup", "verify", file)
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

func TestCopiesGoToAnS3(t *testing.T) {
	sealed(t)
	store, at := kerneltest.NewBucket(t)
	s := set.Start(t)
	token := s.Token(t, grace)
	s.App.Settings().Backups.S3 = at
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
	kerneltest.MustRun(t, s.Kernel, "backup", "step")
	for i := range 5 {
		write(s, t, token, fmt.Sprint("entry ", i))
		kerneltest.MustRun(t, s.Kernel, "backup", "step")
		grow(t, s, time.Hour)
	}
	names := store.Names()
	if len(names) != 4 || slices.ContainsFunc(names, func(n string) bool { return !strings.HasPrefix(n, "copies/copy_") }) {
		t.Fatalf("the bucket has %v", names)
	}
	// Nightly ones are made, listed, rotated and opened as if there were no copies.
	if err := s.App.CreateBackup(context.Background(), "@auto_pb_backup_a.zip"); err != nil {
		t.Fatal(err)
	}
	wantFound(t, "a nightly one beside copies", look(t, s), "")
	// Both files fetched, the step verifies and holds what was written ahead of it.
	dir := t.TempDir()
	var step string
	for _, name := range names {
		file := filepath.Join(dir, filepath.Base(name))
		overwrite(t, file, store.Object(name))
		if strings.Contains(name, "_step_") {
			step = file
		}
	}
	kerneltest.MustRun(t, s.Kernel, "backup", "verify", step)
	var n int
	if err := connect(t, restored(t, s, step)).Select("count(*)").From("medical_records").Where(dbx.Like("notes", "entry ")).Row(&n); err != nil || n != 5 {
		t.Errorf("it has %d of 5 records, %v", n, err)
	}
	// An S3 that is away fails the step, and costs nothing that is there.
	store.Refuse("PUT")
	write(s, t, token, "while it is away")
	refused(t, s.Kernel, "put the copy to", "backup", "step")
	store.Refuse("")
	kerneltest.MustRun(t, s.Kernel, "backup", "step")
	if got := store.Names(); len(got) != 6 || slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "_base") && !slices.Contains(got, n) }) {
		t.Errorf("the bucket has %v", got)
	}
}
