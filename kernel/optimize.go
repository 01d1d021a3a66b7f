package kernel

import (
	"path/filepath"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Optimize has SQLite look again at tables that have grown a lot: it plans by counts that it
// took when they were small. To be called after an import, outside a transaction; for the
// rest PocketBase's own job does so every night. It returns within a second: SQLite samples.
func Optimize(app core.App) {
	// 0x10002: also tables that this connection has not asked.
	if _, err := app.NonconcurrentDB().NewQuery("PRAGMA optimize=0x10002").Execute(); err != nil {
		app.Logger().Warn("statistics not renewed", "error", err)
	}
}

// EmptyLog moves what the log of the data holds into data.db and cuts it off, so that rows as
// they were before they were changed or deleted are nowhere on the disk: data.db itself keeps
// none, by secure_delete. It waits for nobody and keeps nobody waiting: false where somebody
// reads or writes at that moment, a backup for one. PocketBase's nightly job does the same.
func EmptyLog(app core.App) (emptied bool, err error) {
	db, err := dbx.Open("sqlite", filepath.Join(app.DataDir(), "data.db")+"?_pragma=busy_timeout(0)")
	if err != nil {
		return false, err
	}
	defer db.Close()
	var busy, frames, moved int
	err = db.NewQuery("PRAGMA wal_checkpoint(TRUNCATE)").Row(&busy, &frames, &moved)
	return err == nil && busy == 0, err
}
