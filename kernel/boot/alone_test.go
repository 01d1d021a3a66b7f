package boot

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

func TestAloneCommandsWaitForNoServer(t *testing.T) {
	dir := t.TempDir()
	ran := 0
	newCommand := func() *cobra.Command {
		root := &cobra.Command{Use: "polyclinic", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(&cobra.Command{
			Use: "import", Annotations: map[string]string{kernel.Alone: "yes"},
			RunE: func(*cobra.Command, []string) error { ran++; return nil },
		}, &cobra.Command{Use: "export", RunE: func(*cobra.Command, []string) error { ran++; return nil }})
		holdForAlone(root, dir)
		return root
	}
	server, err := hold(dir)
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string) error {
		c := newCommand()
		c.SetArgs([]string{name})
		return c.Execute()
	}
	if err := run("import"); err == nil || !strings.Contains(err.Error(), "is in use") || ran != 0 {
		t.Errorf("beside a server: %v, ran %d", err, ran)
	}
	if err := run("export"); err != nil || ran != 1 {
		t.Errorf("a command that needs no folder of its own: %v, ran %d", err, ran)
	}
	server.Close()
	for range 2 {
		if err := run("import"); err != nil {
			t.Error(err)
		}
	}
	if ran != 3 {
		t.Errorf("ran %d, want 3", ran)
	}
}
