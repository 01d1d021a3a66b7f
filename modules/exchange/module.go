// Package exchange is the hub of import and export: it reads and writes CSV for the tables
// that other modules contribute, and holds the commands that they add to.
package exchange

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

// Module declares the commands import and export.
func Module() kernel.Module {
	return kernel.Module{
		Name: "exchange", Doc: "Import and export of tables as CSV, and of what other modules add.",
		Commands: []func(*kernel.Kernel) *cobra.Command{importCommand, exportCommand},
		Provides: []any{
			exchangeapi.Command{Under: exchangeapi.Import, New: importCSVCommand},
			exchangeapi.Command{Under: exchangeapi.Export, New: exportCSVCommand},
		},
		Bind: checkTables,
	}
}

// checkTables stops the start, not an import, when a contribution is wrong.
func checkTables(k *kernel.Kernel) error {
	seen := map[string]bool{}
	for _, t := range kernel.All[exchangeapi.Table](k) {
		if _, owned := k.AccessOf(t.Collection); !owned || t.Name == "" || len(t.Columns) == 0 || seen[t.Name] {
			return fmt.Errorf("table %q of collection %q: it needs a name of its own, columns, and a module's collection", t.Name, t.Collection)
		}
		seen[t.Name] = true
	}
	for _, c := range kernel.All[exchangeapi.Command](k) {
		if c.New == nil || (c.Under != exchangeapi.Import && c.Under != exchangeapi.Export) {
			return fmt.Errorf("a command under %q: want %s or %s", c.Under, exchangeapi.Import, exchangeapi.Export)
		}
	}
	return nil
}
