package smoke

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// signIn returns an administrator's token of a demo clinic.
func signIn(t *testing.T, s *program.Server) string {
	t.Helper()
	_, answer := s.Do(t, "POST", "/api/auth/login", "", `{"email":"admin@gmail.com","password":"admin123$#"}`)
	var in struct{ Token string }
	if err := json.Unmarshal([]byte(answer), &in); err != nil || in.Token == "" {
		t.Fatalf("%v: %s", err, answer)
	}
	return in.Token
}

// docs/backup.md: what a restore does with patients who were erased since.
func TestARestoredClinicServesNobodyBeforeErasedPatientsAreErasedAgain(t *testing.T) {
	dir := t.TempDir()
	s := polyclinic.Serve(t, dir, "--demo")
	token := signIn(t, s)
	status, answer := s.Do(t, "POST", "/api/patients", token, `{"name":"Zebulon Quirke","dateOfBirth":"1970-01-01","gender":"male","address":"9 Vanishing Row"}`)
	var p struct{ ID string }
	if err := json.Unmarshal([]byte(answer), &p); err != nil || status != 201 {
		t.Fatalf("%d %s", status, answer)
	}
	file := filepath.Join(t.TempDir(), "clinic.tar.gz")
	if said, status := polyclinic.Run(t, "backup", "--plain", "--to", file, "--dir", dir); status != 0 {
		t.Fatal(said)
	}
	if status, answer := s.Do(t, "POST", "/api/patients/"+p.ID+"/erase", token, `{"reason":"Asked to be forgotten"}`); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	said, status := polyclinic.Run(t, "restore", file, "--erasures", dir, "--dir", filepath.Join(t.TempDir(), "early"))
	if status != 1 || !strings.Contains(said, "is serving that folder") {
		t.Errorf("beside a server: %d %s", status, said)
	}
	s.Stop(t)

	back := filepath.Join(t.TempDir(), "new")
	said, status = polyclinic.Run(t, "restore", file, "--erasures", dir, "--dir", back)
	if status != 0 || !strings.Contains(said, "1 erasures are done again by the first start") {
		t.Fatalf("%d %s", status, said)
	}
	for _, args := range [][]string{{"export", "csv", "patients"}, {"patient", "export", p.ID}, {"backup", "--plain"}, {"superuser", "upsert", "root@polyclinic.test", "a long Password 1"}} {
		said, status := polyclinic.Run(t, append(args, "--dir", back)...)
		if status != 1 || !strings.Contains(said, "has to be started once") || strings.Contains(said, "Quirke") {
			t.Errorf("%v: %d %s", args, status, said)
		}
	}
	r := polyclinic.Serve(t, back, "--demo")
	if status, answer := r.Do(t, "GET", "/api/patients/"+p.ID, signIn(t, r), ""); status != 404 {
		t.Errorf("%d %s", status, answer)
	}
	r.Stop(t)
	if !strings.Contains(r.Said(), "were erased again: 1") {
		t.Errorf("it says:\n%s", r.Said())
	}
	if said, status := polyclinic.Run(t, "export", "csv", "patients", "--dir", back); status != 0 || strings.Contains(said, "Quirke") {
		t.Errorf("%d %s", status, said)
	}
	err := filepath.WalkDir(back, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, text := range []string{"Quirke", "quirke", "Vanishing"} {
			if bytes.Contains(raw, []byte(text)) {
				t.Errorf("%s has %q", path, text)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
