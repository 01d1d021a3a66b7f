package health

import (
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/notices/noticesapi"
)

// tellAgain is how long an alarm that lasts, or comes and goes, is not told again.
const tellAgain = 24 * time.Hour

// createTold makes the list of the alarms that admins were told of.
func createTold(tx core.App) error {
	_, err := tx.DB().NewQuery(`CREATE TABLE health_told (code TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID`).Execute()
	return err
}

// tell puts each alarm up on the admins' board, once a day while it lasts: a clinic without an IT
// person looks at its board and at no server's health.
func tell(app core.App, found []kernel.Finding, now time.Time) error {
	for _, f := range found {
		if f.Level != kernel.Alarm {
			continue
		}
		if err := app.RunInTransaction(func(tx core.App) error { return post(tx, f, now) }); err != nil {
			return fmt.Errorf("tell of %s: %w", f.Code, err)
		}
	}
	return nil
}

func post(tx core.App, f kernel.Finding, now time.Time) error {
	at := func(d time.Duration) string {
		t, _ := types.ParseDateTime(now.Add(d)) // a time.Time always parses
		return t.String()
	}
	// One of the future was written by a clock that was wrong.
	done, err := tx.NonconcurrentDB().NewQuery("INSERT INTO health_told (code, at) VALUES ({:code}, {:now}) ON CONFLICT (code) DO UPDATE SET at = excluded.at WHERE at <= {:before} OR at > excluded.at").
		Bind(dbx.Params{"code": f.Code, "now": at(0), "before": at(-tellAgain)}).Execute()
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return noticesapi.Post(tx, noticesapi.Notice{Title: "The server needs attention", Body: f.Text, Audience: []string{authapi.Admin.Name}})
}
