package smoke

import (
	"net"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// On every address of the machine, which loopback is one of.
func TestPlainHTTPBeyondTheMachineHasToBeSaid(t *testing.T) {
	dir := t.TempDir()
	addr := program.FreeAddress(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	serve := func(dir string, more ...string) []string {
		return append([]string{"serve", "--http", "0.0.0.0:" + port, "--dir", dir}, more...)
	}
	said, status := polyclinic.Run(t, serve(dir)...)
	if status != 1 || !strings.Contains(said, "unencrypted") || !strings.Contains(said, "--behind-proxy") || !strings.Contains(said, "127.0.0.1") {
		t.Errorf("%d %s", status, said)
	}
	program.Start(t, polyclinic.Command(t, serve(dir, "--behind-proxy")...), addr).Stop(t)
	// Made up people may be shown to the next desk.
	program.Start(t, polyclinic.Command(t, serve(t.TempDir(), "--demo")...), addr).Stop(t)
	polyclinic.Serve(t, dir).Stop(t)
}
