// Package backupapi is what other modules may contribute to a backup.
package backupapi

import "github.com/pocketbase/pocketbase/core"

// Part is data of a module that lies in the data folder outside data.db and storage, such as
// the segments of the audit trail. The module lists it in Provides.
type Part struct {
	Name string // the module's own folder or file in the data folder: "audit"
	// Copy writes it into dir, as it is to lie in a data folder: dir/Name. dir holds the copy
	// of data.db already, so the part may be newer than the database, never older. Writers go
	// on meanwhile. Nil where the part is all in data.db.
	Copy func(app core.App, dir string) error
	// Databases returns the SQLite databases that Copy copies: the file of each by its path in a
	// copied data folder, with slashes. The copies every few minutes read of them which pages
	// changed, in place of calling Copy. A database with no log (-wal) beside it whose time and
	// size are as before is taken to be as before. Nil where Copy is quick enough each time.
	Databases func(app core.App) (map[string]string, error)
	// Verify looks whether what lies in the data folder dir, data.db included, is whole. It
	// runs without a server, on another machine too. Nil where there is nothing to say.
	Verify func(dir string) error
	// Secret says that the part is a key, which goes into encrypted backups alone.
	Secret bool
	// Needs returns what a restore of the data folder dir needs that is not in it, one sentence
	// for whoever restores; "" when it has everything. Nil where that is always so.
	Needs func(dir string) (string, error)
}
