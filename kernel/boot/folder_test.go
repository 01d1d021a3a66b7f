package boot_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestNoCommandMakesAClinicByMistake mistypes --dir: what is to read a clinic, or to change one,
// must neither make a folder nor call an empty one well.
func TestNoCommandMakesAClinicByMistake(t *testing.T) {
	began := filepath.Join(t.TempDir(), "began") // there is a superuser, but no clinic yet
	said, status := polyclinic.Run(t, "superuser", "create", "root@polyclinic.test", "kettle-4711-bridge", "--dir", began)
	wantWords(t, said, status, 0, "root@polyclinic.test")
	for _, args := range [][]string{
		{"doctor"}, {"doctor", "--repair"}, {"check"}, {"export", "csv", "patients"}, {"patient", "export", "patpia000000001"},
		{"analytics", "backfill", "patients"}, {"analytics", "reset"}, {"analytics", "status"}, {"analytics", "verify"},
		{"superuser", "sessions"}, {"superuser", "sessions", "end", "root@polyclinic.test"}, {"admin", "reset", "alma@polyclinic.test"},
		{"audit", "archive", t.TempDir()}, {"backup", "--plain", "--to", t.TempDir()},
	} {
		typo := filepath.Join(t.TempDir(), "typo")
		for _, dir := range []string{typo, began} {
			said, status := polyclinic.Run(t, append(args, "--dir", dir)...)
			wantWords(t, said, status, 1, "there is no clinic in the data folder "+dir, "--dir")
		}
		if _, err := os.Stat(typo); err == nil {
			t.Errorf("%v made a folder", args)
		}
	}
}

// TestWhatNeedsNoClinicMakesNoFolder has commands that only tell something.
func TestWhatNeedsNoClinicMakesNoFolder(t *testing.T) {
	for _, args := range [][]string{{"analytics"}, {"analytics", "schema"}, {"analytics", "views"}, {"audit"}, {"export"}, {"import"}, {"superuser"}, {"patient"}, {"admin"}} {
		dir := filepath.Join(t.TempDir(), "none")
		said, status := polyclinic.Run(t, append(args, "--dir", dir)...)
		if _, err := os.Stat(dir); err == nil || status != 0 || said == "" {
			t.Errorf("%v: status %d, a folder: %v\n%s", args, status, err == nil, said)
		}
	}
}

// TestWhatBeginsAClinicMakesItsFolder has the commands that a new clinic may begin with.
func TestWhatBeginsAClinicMakesItsFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "patients.csv")
	if err := os.WriteFile(file, []byte("name,age\nX One,12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"import", "csv", "patients", file}, {"migrate", "up"}, {"superuser", "upsert", "root@polyclinic.test", "kettle-4711-bridge"}} {
		dir := filepath.Join(t.TempDir(), "new")
		said, status := polyclinic.Run(t, append(args, "--dir", dir)...)
		if _, err := os.Stat(filepath.Join(dir, "data.db")); err != nil || status != 0 {
			t.Errorf("%v: status %d, %v\n%s", args, status, err, said)
		}
	}
}
