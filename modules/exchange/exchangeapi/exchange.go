// Package exchangeapi is what siblings contribute to import and export: the tables that
// can be read from and written to CSV, and further subcommands of the two commands.
package exchangeapi

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Table lets a collection be imported from and exported to CSV. A module lists it in
// Provides:
//
//	exchangeapi.Table{
//		Name: "inventory", Collection: "inventory", Doc: "The stock.",
//		Columns: []string{"itemName", "quantity", "expiryDate", "batch", "sourceId"},
//		Keys:    [][]string{{"sourceId"}},
//		Natural: []string{"itemName", "batch", "expiryDate"},
//	}
//
// Every row is saved through the collection's own hooks, so what a client may not do to a
// value no file can do either. The collection has a hidden text field "sourceId" with a
// unique partial index. A column of the record's id is always there.
type Table struct {
	Name       string   // what the command line calls it: "patients"
	Collection string   // whose fields the columns are
	Doc        string   // one sentence for --help
	Columns    []string // fields that are written and read, in the order of an export
	ImportOnly []string // fields that are read where a file has them, and not written

	// Where, where it is set, is the SQL condition of the records that an export has.
	Where string

	// Keys are the columns that say which record a row means, in order of preference:
	// the first that a row fills completely decides. The id comes ahead of them all.
	Keys [][]string
	// Natural are the columns that together mean a record where no key is filled: the hub
	// keeps a digest of them as sourceId, so that a second import finds the record again.
	Natural []string

	// Counted, where it is set, keeps the numbers that a file brings from being given to its
	// other rows.
	Counted *Counted

	// Prepare, where it is set, sees each record with its row's values in it, ahead of
	// saving. row has the cells by column.
	Prepare func(r *core.Record, row map[string]string)
}

// Counted is a column whose numbers the server gives where a row has none.
type Counted struct {
	Column string
	Number func(cell string) int                // its place in the count, 0 for none
	Pass   func(tx core.App, highest int) error // moves the count on, never back
}

// The two commands that Command adds to.
const (
	Import = "import"
	Export = "export"
)

// Command adds a subcommand to `polyclinic import` or `polyclinic export`. A module lists
// it in Provides:
//
//	exchangeapi.Command{Under: exchangeapi.Import, New: fhirCommand}
type Command struct {
	Under string                                // Import or Export
	New   func(k *kernel.Kernel) *cobra.Command // k.App is ready and migrated when RunE runs
}
