// Package health says whether the server can do its work, and what a person should see to.
package health

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Module declares /api/health, the checks of the platform and the command that runs them all.
func Module() kernel.Module {
	return kernel.Module{
		Name: "health", Doc: "Whether the server can work, what is set up badly, and clear answers when it cannot write.",
		Requires:   []string{"auth"},
		Migrations: []kernel.Migration{{ID: "1790000000_probe", Up: createProbe}, {ID: "1790000010_found", Up: createFound}, {ID: "1795040001_told", Up: createTold}},
		Errors:     []*kernel.Error{kernel.ErrDiskFull, kernel.ErrStorage, kernel.ErrWriting},
		Jobs:       jobs,
		Commands:   []func(*kernel.Kernel) *cobra.Command{checkCommand},
		Provides:   checks,
		Bind:       bind,
	}
}

// createProbe makes the row that is written to see whether writing works.
func createProbe(tx core.App) error {
	_, err := tx.DB().NewQuery(`CREATE TABLE health_probe (id INTEGER PRIMARY KEY CHECK (id = 1), at TEXT NOT NULL, room BLOB NOT NULL)`).Execute()
	return err
}
