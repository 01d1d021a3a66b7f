package backup_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

func TestABackupThatWasTamperedWithIsRefused(t *testing.T) {
	sealed(t)
	s := set.Start(t)
	file := filepath.Join(t.TempDir(), "clinic.age")
	kerneltest.MustRun(t, s.Kernel, "backup", "--to", file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(t.TempDir(), "plain.tar.gz")
	key := os.Getenv("POLYCLINIC_BACKUP_RECIPIENT")
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", "")
	refused(t, s.Kernel, "to encrypt the backup", "backup", "--to", plain)
	kerneltest.MustRun(t, s.Kernel, "backup", "--plain", "--to", plain)
	open, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", key)
	for name, raw := range map[string][]byte{
		"cut in half": whole[:len(whole)/2], "cut at the end": whole[:len(whole)-1], "cut in the head": whole[:60], "cut in a file, not encrypted": open[:len(open)/2], "one byte changed": flip(whole, len(whole)/2),
		"one byte changed, not encrypted": spoiled(t, open), "cut, not encrypted": open[:len(open)-9], "empty": nil,
	} {
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "r")
		if said, err := kerneltest.Run(t, s.Kernel, "restore", file, "--dir", dir); err == nil {
			t.Errorf("%s: restored: %s", name, said)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: a folder is left", name)
		}
		if _, err := kerneltest.Run(t, s.Kernel, "backup", "verify", file); err == nil {
			t.Errorf("%s: called whole", name)
		} else if (strings.HasPrefix(name, "cut") || name == "one byte changed") && !strings.Contains(err.Error(), "damaged or cut off") {
			t.Errorf("%s: says only %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

// spoiled changes one byte of an archive about its middle: the first of which the contents depend,
// as they do not on the bits between two blocks of gzip, or on the code of a letter that does not occur.
func spoiled(t *testing.T, archive []byte) []byte {
	t.Helper()
	whole, err := contents(archive)
	if err != nil {
		t.Fatal(err)
	}
	for at := len(archive) / 2; at < len(archive); at++ {
		changed := flip(archive, at)
		if now, err := contents(changed); err != nil || !bytes.Equal(now, whole) {
			return changed
		}
	}
	t.Fatal("no byte matters")
	return nil
}

func contents(archive []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func flip(raw []byte, at int) []byte {
	c := bytes.Clone(raw)
	c[at] ^= 0x40
	return c
}

func TestKeys(t *testing.T) {
	s := set.Start(t)
	said := kerneltest.MustRun(t, s.Kernel, "backup", "key")
	var public, private string
	for line := range strings.Lines(said) {
		if _, v, ok := strings.Cut(line, "POLYCLINIC_BACKUP_RECIPIENT="); ok {
			public = strings.TrimSpace(v)
		}
		if _, v, ok := strings.Cut(line, "POLYCLINIC_BACKUP_IDENTITY="); ok {
			private = strings.TrimSpace(v)
		}
	}
	file := filepath.Join(t.TempDir(), "clinic.age")
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", public)
	kerneltest.MustRun(t, s.Kernel, "backup", "--to", file)
	refused(t, s.Kernel, "is encrypted", "backup", "verify", file)
	t.Setenv("POLYCLINIC_BACKUP_PASSPHRASE", "something else")
	refused(t, s.Kernel, "cannot be opened with this key", "backup", "verify", file)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(private+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("POLYCLINIC_BACKUP_IDENTITY_FILE", secret)
	kerneltest.MustRun(t, s.Kernel, "backup", "verify", file)
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", "age1nonsense")
	refused(t, s.Kernel, "POLYCLINIC_BACKUP_RECIPIENT", "backup", "--to", file+"2")
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", "")
	t.Setenv("POLYCLINIC_BACKUP_PASSPHRASE", "correct horse")
	word := filepath.Join(t.TempDir(), "word.age")
	kerneltest.MustRun(t, s.Kernel, "backup", "--to", word)
	kerneltest.MustRun(t, s.Kernel, "backup", "verify", word)
	t.Setenv("POLYCLINIC_BACKUP_PASSPHRASE", "")
	t.Setenv("POLYCLINIC_BACKUP_PASSPHRASE_FILE", filepath.Join(t.TempDir(), "gone"))
	refused(t, s.Kernel, "POLYCLINIC_BACKUP_PASSPHRASE_FILE", "backup", "--to", file+"3")
	for name, content := range map[string]string{"a.zip": "PK\x03\x04 and some more of it", "pre-v1.db": "SQLite format 3\x00 and more", "letter.txt": "Dear Sir or Madam, hello"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, s.Kernel, "no backup", "backup", "verify", path)
	}
}
