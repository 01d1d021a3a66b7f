package kernel

import "github.com/pocketbase/pocketbase/core"

// Optimize has SQLite look again at tables that have grown a lot: it plans by counts that it
// took when they were small. To be called after an import, outside a transaction; for the
// rest PocketBase's own job does so every night. It returns within a second: SQLite samples.
func Optimize(app core.App) {
	// 0x10002: also tables that this connection has not asked.
	if _, err := app.NonconcurrentDB().NewQuery("PRAGMA optimize=0x10002").Execute(); err != nil {
		app.Logger().Warn("statistics not renewed", "error", err)
	}
}
