package capture

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Refused notes why the shipper can do nothing until somebody acts, and when it saw that, in unix
// seconds: for commands, which run in another process. "" notes that it ships.
func Refused(app core.App, why string, at int64) error {
	if why == "" {
		return execute(app, `DELETE FROM _analytics_refusal`, nil)
	}
	return execute(app, `INSERT INTO _analytics_refusal (id, why, at) VALUES (1, {:why}, {:at}) ON CONFLICT (id) DO UPDATE SET why = excluded.why, at = excluded.at`,
		dbx.Params{"why": why, "at": at})
}

// Refusal returns what Refused noted last, "" for nothing.
func Refusal(app core.App) (why string, at int64, err error) {
	err = app.ConcurrentDB().NewQuery(`SELECT why, at FROM _analytics_refusal`).Row(&why, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("refusal of analytics: %w", err)
	}
	return why, at, nil
}
