package exchange_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

func TestCommands(t *testing.T) {
	s := set.Start(t)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.csv"), filepath.Join(dir, "out.csv")
	if err := os.WriteFile(in, []byte("name,age\nX One,12\nX Two,-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args string
		fail bool
		say  string
	}{
		{"import csv patients " + in + " --dry-run", true, "line 3: age: Must be 0 to 150."},
		{"import csv patients " + in, true, "2 rows: 1 new, 0 changed, 0 unchanged, 1 bad; nothing was written"},
		{"import csv patients " + in + " --skip-bad", false, "2 rows: 1 new, 0 changed, 0 unchanged, 1 bad\n"},
		{"import csv patients " + in + " --skip-bad", false, "2 rows: 0 new, 0 changed, 1 unchanged, 1 bad\n"},
		{"import", false, "Available Commands"},
		{"import xml " + in, true, ""},
		{"import csv patients", true, ""},
		{"export csv", true, ""},
		{"import csv visitors " + in, true, ""},
		{"import csv patients " + in + "x", true, ""},
		{"import csv patients " + dir, true, ""},
		{"export csv patients", false, "X One"},
		{"export csv patients " + out, false, "3 rows in "},
		{"export csv patients " + out, true, ""},
	} {
		got, err := kerneltest.Run(t, s.Kernel, strings.Fields(step.args)...)
		if (err != nil) != step.fail || !strings.Contains(got, step.say) {
			t.Errorf("%s: %v\n%s\nwant … %s …", step.args, err, got, step.say)
		}
		if strings.Contains(step.args, "import") && strings.Contains(got, "X Two") {
			t.Errorf("%s: the report repeats a patient's name: %s", step.args, got)
		}
	}
	info, err := os.Stat(out)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("an export is for its owner's eyes only: %v %v", info.Mode(), err)
	}
}

func TestWrongContributionsStopTheStart(t *testing.T) {
	for name, bad := range map[string]any{
		"a collection of nobody's": exchangeapi.Table{Name: "x", Collection: "nothing", Columns: []string{"a"}},
		"a name that is taken":     exchangeapi.Table{Name: "patients", Collection: "patients", Columns: []string{"name"}},
		"a command for nothing":    exchangeapi.Command{Under: "erase", New: func(*kernel.Kernel) *cobra.Command { return nil }},
	} {
		mods := append(slices.Clone(set.Modules), kernel.Module{Name: "odd", Doc: "Odd.", Provides: []any{bad}})
		k, err := kernel.New(mods)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Attach(set.Start(t).App); err == nil {
			t.Errorf("%s: the start went on", name)
		}
	}
}
