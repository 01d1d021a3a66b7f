package fhir

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// rehearsals is what the folders of dry runs are called, within the data folder: a copy of
// patients' data has no place in a folder that others share.
const rehearsals = "dry_run_"

// rehearsal returns a kernel on a copy of the data, and what throws the copy away. A dry
// run there does exactly what the import would do, batch by batch, in as little memory; one
// big transaction to roll back would hold every record until its end.
//
// The scripts of a site (pb_hooks) are not loaded for the copy.
func rehearsal(k *kernel.Kernel) (copied *kernel.Kernel, end func(), err error) {
	if err := sweep(k.App); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp(k.App.DataDir(), rehearsals)
	if err != nil {
		return nil, nil, fmt.Errorf("folder for the dry run: %w", err)
	}
	var app *core.BaseApp
	end = func() {
		if app != nil {
			_ = app.ResetBootstrapState() // closes the copy, which is thrown away
		}
		_ = os.RemoveAll(dir) // what is left over goes with the next dry run
	}
	k.App.OnTerminate().BindFunc(func(e *core.TerminateEvent) error {
		end()
		return e.Next()
	})
	_, err = k.App.NonconcurrentDB().NewQuery("VACUUM INTO {:file}").Bind(dbx.Params{"file": filepath.Join(dir, "data.db")}).Execute()
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("copy the data for the dry run: %w", err)
	}
	app = core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: kernel.Connect, EncryptionEnv: k.App.EncryptionEnv()})
	copied, err = open(k, app)
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("open the copy for the dry run: %w", err)
	}
	return copied, end, nil
}

func open(k *kernel.Kernel, app core.App) (*kernel.Kernel, error) {
	if err := app.Bootstrap(); err != nil {
		return nil, err
	}
	copied, err := k.Again()
	if err != nil {
		return nil, err
	}
	return copied, copied.Attach(app)
}

// sweep removes what a dry run left that was killed. Nobody else is in the data folder.
func sweep(app core.App) error {
	left, err := filepath.Glob(filepath.Join(app.DataDir(), rehearsals+"*"))
	if err != nil {
		return fmt.Errorf("look for earlier dry runs: %w", err)
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove an earlier dry run: %w", err)
		}
	}
	return nil
}
