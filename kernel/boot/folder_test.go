package boot_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
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
	for _, args := range [][]string{{"serve", "--demoo"}, {"superuser", "otp", "root@polyclinic.test", "--nosuch"}, {"audit", "archive"}, {"superuser", "update", "root@polyclinic.test", "kettle-4711-bridge"},
		{"superuser", "delete", "root@polyclinic.test"}, {"superuser", "otp", "root@polyclinic.test"}, {"superuser", "ips", "127.0.0.1"}} {
		dir := filepath.Join(t.TempDir(), "typo")
		said, status := polyclinic.Run(t, append(args, "--dir", dir)...)
		if _, err := os.Stat(dir); err == nil || status != 1 || said == "" {
			t.Errorf("%v: status %d, a folder: %v\n%s", args, status, err == nil, said)
		}
	}
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

// TestATrailIsVerifiedWhereNothingCanBeWritten looks at a folder as an auditor does who was given
// a disk that is mounted to read only.
func TestATrailIsVerifiedWhereNothingCanBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if status := polyclinic.Serve(t, dir, "--demo").Stop(t); status != 0 {
		t.Fatal(status)
	}
	closed(t, dir)
	c := polyclinic.Command(t, "audit", "verify", "--dir", dir)
	asSomebodyElse(t, c, dir)
	said, status := program.Finish(t, c)
	wantWords(t, said, status, 0, "whole: ")
}

// closed lets everybody read what is in dir, and nobody write it.
func closed(t *testing.T, dir string) {
	t.Helper()
	set := func(file, folder fs.FileMode) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				return os.Chmod(path, folder)
			}
			return os.Chmod(path, file)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set(0o444, 0o555)
	t.Cleanup(func() { set(0o600, 0o700) })
}

// TestOddNamesOfFolders has signs that mean something where SQLite is told which file to open.
func TestOddNamesOfFolders(t *testing.T) {
	for _, name := range []string{"Clinic #1", "50%41", "a & b"} {
		dir := filepath.Join(t.TempDir(), name, "data")
		if status := polyclinic.Serve(t, dir, "--demo").Stop(t); status != 0 {
			t.Fatal(name, status)
		}
		said, status := polyclinic.Run(t, "audit", "verify", "--dir", dir)
		wantWords(t, said, status, 0, "whole: ")
		to := filepath.Join(t.TempDir(), "b.tar.gz")
		said, status = polyclinic.Run(t, "backup", "--plain", "--to", to, "--dir", dir)
		wantWords(t, said, status, 0, to)
		said, status = polyclinic.Run(t, "restore", to, "--dir", filepath.Join(filepath.Dir(dir), "restored"))
		wantWords(t, said, status, 0, "restored into")
	}
	dir := filepath.Join(t.TempDir(), "why?")
	said, status := polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dir", dir)
	wantWords(t, said, status, 1, "a ? is in its name", "--dir")
}

// TestRootLeavesNothingInAClinicOfAnotherAccount makes the folder as nobody. Who is not root could
// leave nothing there in the first place.
func TestRootLeavesNothingInAClinicOfAnotherAccount(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "clinic", "data")
	if err := os.Mkdir(filepath.Dir(dir), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o777); err != nil { // whatever the umask
		t.Fatal(err)
	}
	addr := program.FreeAddress(t)
	c := polyclinic.Command(t, "serve", "--demo", "--http", addr, "--dir", dir)
	asSomebodyElse(t, c, filepath.Dir(dir))
	if os.Getuid() == 0 {
		if err := os.Chown(filepath.Dir(dir), 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	program.Start(t, c, addr).Stop(t)
	for _, args := range [][]string{{"backup", "--plain"}, {"backup", "step"}, {"check"}, {"serve", "--http", program.FreeAddress(t)}} {
		if os.Getuid() != 0 {
			continue
		}
		said, status := polyclinic.Run(t, append(args, "--dir", dir)...)
		wantWords(t, said, status, 1, "is of the account ", "sudo -u ")
	}
	for _, name := range []string{"backups", ".copies"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was made", name)
		}
	}
}
