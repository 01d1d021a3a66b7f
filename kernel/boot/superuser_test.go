package boot_test

import (
	"path/filepath"
	"testing"
)

func TestTheCommandLineTakesNoWeakPasswordForASuperuser(t *testing.T) {
	served := filepath.Join(t.TempDir(), "served")
	polyclinic.Serve(t, served).Stop(t)
	for name, dir := range map[string]string{"a clinic": served, "a folder that no server has prepared": filepath.Join(t.TempDir(), "new")} {
		t.Run(name, func(t *testing.T) {
			for password, words := range map[string]string{"12345678": "at least 10 characters", "password123": "first that an attacker tries"} {
				for _, verb := range []string{"create", "upsert"} {
					said, status := polyclinic.Run(t, "superuser", verb, "root@polyclinic.test", password, "--dir", dir)
					wantWords(t, said, status, 1, words)
				}
			}
			said, status := polyclinic.Run(t, "superuser", "create", "root@polyclinic.test", "kettle-4711-bridge", "--dir", dir)
			wantWords(t, said, status, 0, "root@polyclinic.test")
			said, status = polyclinic.Run(t, "superuser", "update", "root@polyclinic.test", "password1", "--dir", dir)
			wantWords(t, said, status, 1, "at least 10 characters")
		})
	}
}
