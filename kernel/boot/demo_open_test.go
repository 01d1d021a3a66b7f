package boot_test

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

func TestADemoIsServedBeyondThisMachineOnlyWhenSaid(t *testing.T) {
	dir := t.TempDir()
	polyclinic.Serve(t, dir).Stop(t)
	db, err := kernel.Connect(filepath.Join(dir, "data.db"))
	if err == nil {
		_, err = db.NewQuery("UPDATE clinic SET demo = TRUE").Execute()
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(program.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	said, status := polyclinic.Run(t, "serve", "--http", "0.0.0.0:"+port, "--behind-proxy", "--dir", dir)
	wantWords(t, said, status, 1, "is a demo", "--demo", "127.0.0.1")
	polyclinic.Serve(t, dir).Stop(t)
}
