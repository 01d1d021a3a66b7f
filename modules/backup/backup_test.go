package backup_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/backup"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/records"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var set = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(),
	appointments.Module(), records.Module(), backup.Module("v1.2.3"),
}}

var grace = kerneltest.Account{Email: authapi.Grace.Email, Password: authapi.Grace.Password}

// refused runs a command that has to fail with the words.
func refused(t *testing.T, k *kernel.Kernel, words string, args ...string) {
	t.Helper()
	if said, err := kerneltest.Run(t, k, args...); err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("%v: got %q, %v, want an error with %q", args, said, err, words)
	}
}

// sealed sets keys that cost less time than a passphrase, which TestKeys uses.
func sealed(t testing.TB) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", id.Recipient().String())
	t.Setenv("POLYCLINIC_BACKUP_IDENTITY", id.String())
}

// write makes a record with a file for Ada and returns the record's id and the file's name.
func write(s *kerneltest.Server, t testing.TB, token, text string) (id, name string) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for k, v := range map[string]string{"patientId": patientsapi.Ada, "diagnosis": "Cough", "notes": text} {
		if err := form.WriteField(k, v); err != nil {
			t.Error(err)
		}
	}
	part, err := form.CreateFormFile("attachments", "scan.txt")
	if err == nil {
		_, err = io.WriteString(part, text)
	}
	if err = errIf(err, form.Close()); err != nil {
		t.Error(err)
	}
	r := s.Do(t, "POST", "/api/medical-records", token, body.String(), "Content-Type: "+form.FormDataContentType())
	if r.Status != 201 {
		t.Errorf("got %d: %s", r.Status, r.Body)
		return "", ""
	}
	v := r.JSON(t)
	return v["id"].(string), v["attachments"].([]any)[0].(string)
}

func errIf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func TestDrillABackupUnderLoadRestoredElsewhereIsTheSame(t *testing.T) {
	sealed(t)
	s := set.Start(t)
	token := s.Token(t, grace)
	type written struct{ id, name, text string }
	var (
		before []written
		mu     sync.Mutex
		began  = make(chan struct{})
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
				if before = append(before, written{id, name, text}); len(before) == 12 {
					close(began)
				}
				mu.Unlock()
			}
		})
	}
	<-began
	mu.Lock()
	acknowledged := append([]written(nil), before...)
	mu.Unlock()
	file := filepath.Join(t.TempDir(), "clinic.age")
	kerneltest.MustRun(t, s.Kernel, "backup", "--to", file)
	close(stop)
	wg.Wait()

	if raw, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(raw, []byte("age-encryption.org/v1")) {
		t.Fatalf("it is not encrypted: %v", err)
	}
	if said := kerneltest.MustRun(t, s.Kernel, "backup", "verify", file); !strings.Contains(said, "whole: made ") || !strings.Contains(said, "Polyclinic v1.2.3") || strings.Contains(said, "lost") {
		t.Errorf("verify says %q", said)
	}
	dir := filepath.Join(t.TempDir(), "elsewhere")
	kerneltest.MustRun(t, s.Kernel, "restore", file, "--dir", dir)
	db, err := kernel.Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c, err := s.App.FindCollectionByNameOrId("medical_records")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range acknowledged {
		var notes string
		if err := db.Select("notes").From("medical_records").Where(dbx.HashExp{"id": w.id}).Row(&notes); err != nil || notes != w.text {
			t.Errorf("the record %s is %q, %v", w.id, notes, err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, "storage", c.Id, w.id, w.name))
		if err != nil || string(raw) != w.text {
			t.Errorf("the file of %s is %q, %v", w.id, raw, err)
		}
	}
	sameTables(t, s.App.DB(), db)
	if left, _ := filepath.Glob(filepath.Join(s.App.DataDir(), ".backup-*")); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

// sameTables compares the tables that nobody wrote to meanwhile, cell by cell.
func sameTables(t *testing.T, live, copied dbx.Builder) {
	t.Helper()
	for _, table := range []string{"patients", "users", "doctors", "appointments", "clinic", "_migrations"} {
		read := func(db dbx.Builder) string {
			rows := []dbx.NullStringMap{}
			if err := db.Select("*").From(table).OrderBy("rowid").All(&rows); err != nil || len(rows) == 0 && table != "appointments" {
				t.Fatalf("%s: %d rows, %v", table, len(rows), err)
			}
			return fmt.Sprint(rows)
		}
		if read(live) != read(copied) {
			t.Errorf("%s differs", table)
		}
	}
}

func TestARestoreWritesOverNothing(t *testing.T) {
	sealed(t)
	s := set.Start(t)
	file := filepath.Join(t.TempDir(), "clinic.age")
	kerneltest.MustRun(t, s.Kernel, "backup", "--to", file)
	refused(t, s.Kernel, "is not empty", "restore", file, "--dir", s.App.DataDir())
	refused(t, s.Kernel, "is there already", "backup", "--to", file)

	halfway := filepath.Join(t.TempDir(), "halfway")
	if err := os.MkdirAll(filepath.Join(halfway, kernel.Restoring), 0o700); err != nil {
		t.Fatal(err)
	}
	refused(t, s.Kernel, "was not finished", "restore", file, "--dir", halfway)

	empty := t.TempDir()
	if said := kerneltest.MustRun(t, s.Kernel, "restore", file, "--dir", empty); !strings.Contains(said, "Restrictions and withdrawn consents since 20") {
		t.Errorf("it does not say what a copy brings back: %s", said)
	}
	if _, err := os.Stat(filepath.Join(empty, kernel.Restoring)); err == nil {
		t.Error("a finished restore still says that it is not")
	}
}

func TestARestoreEndsEverySession(t *testing.T) {
	sealed(t)
	s := set.Start(t)
	file := filepath.Join(t.TempDir(), "clinic.age")
	kerneltest.MustRun(t, s.Kernel, "backup", "--to", file)
	dir := filepath.Join(t.TempDir(), "restored")
	kerneltest.MustRun(t, s.Kernel, "restore", file, "--dir", dir)
	secrets := func(db dbx.Builder) map[string]string {
		var rows []struct{ Name, Options string }
		if err := db.Select("name", "json_extract(options, '$.authToken.secret') || json_extract(options, '$.fileToken.secret') AS options").
			From("_collections").Where(dbx.HashExp{"type": "auth"}).All(&rows); err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, r := range rows {
			out[r.Name] = r.Options
		}
		return out
	}
	db, err := kernel.Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	old, now := secrets(s.App.DB()), secrets(db)
	if len(now) < 2 || len(now) != len(old) {
		t.Fatalf("kinds of accounts: %d and %d", len(old), len(now))
	}
	for name, secret := range now {
		if len(secret) != 100 || secret == old[name] {
			t.Errorf("the tokens of %s are still good", name)
		}
	}
	var note string
	if err := db.Select("value").From("_params").Where(dbx.HashExp{"id": kernel.RestoredParam}).Row(&note); err != nil || !strings.Contains(note, "restoredAt") {
		t.Errorf("it does not say that it was restored: %q, %v", note, err)
	}
}
