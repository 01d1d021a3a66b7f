package kerneltest

import (
	"bytes"
	"testing"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Run runs a command of the modules as the terminal does, in this process and beside a server,
// and returns what it said.
func Run(t testing.TB, k *kernel.Kernel, args ...string) (said string, err error) {
	t.Helper()
	root := &cobra.Command{Use: "polyclinic", SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().String("dir", "", "")
	for _, m := range k.Modules {
		for _, c := range m.Commands {
			root.AddCommand(c(k))
		}
	}
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err = root.Execute()
	return out.String(), err
}

// MustRun runs a command that has to succeed.
func MustRun(t testing.TB, k *kernel.Kernel, args ...string) (said string) {
	t.Helper()
	said, err := Run(t, k, args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, said)
	}
	return said
}
