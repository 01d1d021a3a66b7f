package health

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// foundFor is how long `polyclinic check` believes what a server has found. The server looks
// every minute.
const foundFor = 5 * time.Minute

// jobs keep what a server finds out while it runs, which no other process can see.
var jobs = []kernel.Job{{Name: "look", Spec: "* * * * *", Doc: "keeps what the checks find for polyclinic check, and tells the admins of new alarms", Run: func(app core.App) error {
	storage, found := of(app).state(kernel.Of(app))
	if storage != nil {
		return nil // no notice could be put up either
	}
	return tell(app, found, time.Now())
}}}

// createFound makes the row that holds what the running server found last.
func createFound(tx core.App) error {
	_, err := tx.DB().NewQuery(`CREATE TABLE health_found (id INTEGER PRIMARY KEY CHECK (id = 1), at TEXT NOT NULL, findings TEXT NOT NULL)`).Execute()
	return err
}

// keep writes the findings down.
func keep(app core.App, found []kernel.Finding) error {
	ctx, cancel := context.WithTimeout(context.Background(), probePatience)
	defer cancel()
	raw, err := json.Marshal(found)
	if err != nil {
		return err
	}
	_, err = app.NonconcurrentDB().NewQuery("INSERT OR REPLACE INTO health_found (id, at, findings) VALUES (1, {:at}, {:findings})").
		Bind(dbx.Params{"at": types.NowDateTime().String(), "findings": string(raw)}).WithContext(ctx).Execute()
	if ctx.Err() != nil {
		return nil // a long import holds the writer: the next minute will do
	}
	return err
}

// keptBy returns what a server on the data folder found of late, and how long ago, nothing
// when none did.
func keptBy(app core.App, now time.Time) (found []kernel.Finding, age time.Duration, err error) {
	if !app.HasTable("health_found") {
		return nil, 0, nil
	}
	var row struct {
		At       types.DateTime `db:"at"`
		Findings string         `db:"findings"`
	}
	err = app.DB().Select("at", "findings").From("health_found").One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	age = now.Sub(row.At.Time())
	if age.Abs() > foundFor {
		return nil, 0, nil
	}
	return found, max(age, 0), json.Unmarshal([]byte(row.Findings), &found)
}

// addKept returns own with what only the server found, saying when.
func addKept(own, kept []kernel.Finding, age time.Duration) []kernel.Finding {
	for _, f := range kept {
		if slices.ContainsFunc(own, func(o kernel.Finding) bool { return o.Code == f.Code }) {
			continue
		}
		f.Text += fmt.Sprintf(" (The server found this %d seconds ago.)", int(age.Seconds()))
		own = append(own, f)
	}
	return own
}

// askToLook has a server on the folder look now, so that what was set right a moment ago is
// not told. One that has a domain is not asked: that could be another machine.
func askToLook(dir string) {
	at, err := url.Parse(kernel.ServedAt(dir))
	if err != nil || at.Scheme != "http" {
		return
	}
	host := at.Hostname()
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // listening everywhere is listening here
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*probePatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, at.Port())+"/api/health", nil)
	if err != nil {
		return
	}
	if res, err := http.DefaultClient.Do(req); err == nil { // one that has ended does not answer
		res.Body.Close()
	}
}
