package fhir

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// rehearsal returns a kernel on a copy of the data, and what throws the copy away. A dry
// run there does exactly what the import would do, batch by batch, in as little memory; one
// big transaction to roll back would hold every record until its end.
//
// The scripts of a site (pb_hooks) are not loaded for the copy.
func rehearsal(k *kernel.Kernel) (copied *kernel.Kernel, end func(), err error) {
	dir, err := os.MkdirTemp("", "polyclinic_dry_run_*")
	if err != nil {
		return nil, nil, fmt.Errorf("folder for the dry run: %w", err)
	}
	// Best effort: what is left over is in the system's folder for such.
	remove := func() { _ = os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			remove()
		}
	}()
	_, err = k.App.NonconcurrentDB().NewQuery("VACUUM INTO {:file}").Bind(dbx.Params{"file": filepath.Join(dir, "data.db")}).Execute()
	if err != nil {
		return nil, nil, fmt.Errorf("copy the data for the dry run: %w", err)
	}
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: kernel.Connect, EncryptionEnv: k.App.EncryptionEnv()})
	if err := app.Bootstrap(); err != nil {
		return nil, nil, fmt.Errorf("open the copy for the dry run: %w", err)
	}
	copied, err = k.Again()
	if err == nil {
		err = copied.Attach(app)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("start the dry run: %w", err)
	}
	return copied, func() {
		_ = app.ResetBootstrapState() // closes the copy, which is thrown away
		remove()
	}, nil
}
