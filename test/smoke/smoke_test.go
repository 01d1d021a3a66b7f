// Package smoke tries what the README and the Dockerfile tell people to type, with the real
// program. Only addresses and folders are others, so that tests can run side by side.
package smoke

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// root is the repository.
const root = "../.."

// documented is the address that the README and the Dockerfile speak of.
const documented = "127.0.0.1:8090"

var polyclinic program.Program

func TestMain(m *testing.M) {
	os.Exit(program.Test(m, root, func(p program.Program) { polyclinic = p }))
}

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
