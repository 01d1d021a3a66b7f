package backup_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// beginFactor has Grace ask for an authenticator's secret, which is stored.
func beginFactor(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	r := s.As(t, grace, "POST", "/api/auth/second-factor", map[string]any{"password": authapi.Grace.Password})
	if r.Status != 200 {
		t.Fatalf("got %d: %s", r.Status, r.Body)
	}
}

func TestTheKeyOfSecondFactorsIsInEncryptedBackupsAlone(t *testing.T) {
	sealed(t)
	s := set.Start(t)
	beginFactor(t, s)
	key, err := os.ReadFile(filepath.Join(s.App.DataDir(), "secrets.key"))
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	encrypted, plain := filepath.Join(to, "encrypted"), filepath.Join(to, "plain")
	kerneltest.MustRun(t, s.Kernel, "backup", "--to", encrypted)
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", "")
	kerneltest.MustRun(t, s.Kernel, "backup", "--plain", "--to", plain)

	const lacks = "NOT IN IT: the key of the second factors of 1 accounts"
	for file, complete := range map[string]bool{encrypted: true, plain: false} {
		dir := filepath.Join(to, filepath.Base(file)+"-restored")
		for _, args := range [][]string{{"backup", "verify", file}, {"restore", file, "--dir", dir}} {
			if said := kerneltest.MustRun(t, s.Kernel, args...); strings.Contains(said, lacks) == complete {
				t.Errorf("%v says %q", args, said)
			}
		}
		if raw, err := os.ReadFile(filepath.Join(dir, "secrets.key")); (err == nil && bytes.Equal(raw, key)) != complete {
			t.Errorf("%s: the key's file is %q, %v", filepath.Base(file), raw, err)
		}
	}
}

func TestARestoreAsksForAKeyThatTheSettingHas(t *testing.T) {
	sealed(t)
	t.Setenv("POLYCLINIC_SECRETS_KEY", strings.Repeat("k", 32))
	s := set.Start(t)
	beginFactor(t, s)
	file := filepath.Join(t.TempDir(), "clinic.age")
	kerneltest.MustRun(t, s.Kernel, "backup", "--to", file)
	if said := kerneltest.MustRun(t, s.Kernel, "backup", "verify", file); strings.Contains(said, "NOT IN IT") {
		t.Errorf("where the key is set, verify says %q", said)
	}
	t.Setenv("POLYCLINIC_SECRETS_KEY", "")
	if said := kerneltest.MustRun(t, s.Kernel, "restore", file, "--dir", filepath.Join(t.TempDir(), "new")); !strings.Contains(said, "Set POLYCLINIC_SECRETS_KEY as the clinic has it") {
		t.Errorf("elsewhere, restore says %q", said)
	}
}
