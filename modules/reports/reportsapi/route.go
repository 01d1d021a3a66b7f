// Package reportsapi is what modules contribute reports with: the parameters and formats
// that every report has, the numbers that the patient summary is put together from, and
// the tables that triggers keep in step with the rows.
//
// A module adds a report by listing its route, and by providing it, so that the hub makes it
// ready when the server starts:
//
//	var stock = reportsapi.New("stock", "Read the stock's value", kernel.Allow(authapi.Admin.Always()), addUp)
//
//	Routes: []kernel.Route{stock.Route}, Provides: []any{stock},
package reportsapi

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// Call is one report being made. DB is one state of the data for all its queries: what is
// written meanwhile is in all of them or in none.
type Call struct {
	Range
	K      *kernel.Kernel
	App    core.App
	DB     dbx.Builder // nil for a Remote
	Clinic clinicapi.Settings
	Now    time.Time

	// Context ends when the caller goes away.
	Context context.Context
	// Header is of the answer, nil where there is none.
	Header http.Header

	stamped map[string][]stampedMonth // by table, as DB has them
}

// GeneratedAt is the instant of the report, RFC 3339 in UTC with milliseconds, as every instant.
func (c *Call) GeneratedAt() string { return c.Now.UTC().Format("2006-01-02T15:04:05.000Z") }

// Answer is a report: a struct that is answered as JSON and can be laid out as a sheet.
type Answer interface{ Sheet() Sheet }

// query is the parameters of every report.
type query struct {
	From   string `query:"from" doc:"first day, YYYY-MM-DD in the clinic's time zone; by default the first day of the month eleven months before to"`
	To     string `query:"to" doc:"last day, included; by default today"`
	Format string `query:"format" doc:"json (default) or csv"`
	Source string `query:"source" doc:"local (default): the clinic's own data; postgres: the warehouse"`
}

// Validate names a format or a source that there is not.
func (q query) Validate() error {
	var bad kernel.Invalid
	if !slices.Contains([]string{"", "json", "csv"}, q.Format) {
		bad = append(bad, ErrFormat.At("format"))
	}
	if !slices.Contains([]string{"", Local, Postgres}, q.Source) {
		bad = append(bad, ErrSource.At("source"))
	}
	return bad.OrNil()
}

// Report is one report: its route, and what makes it ready.
type Report struct {
	Name  string
	Route kernel.Route
	ready func(app core.App, days Range, now time.Time) error
}

// Ready makes the report of the range and keeps what it read in memory, so that the first
// to ask for it waits no longer than others.
func (r Report) Ready(app core.App, days Range, now time.Time) error { return r.ready(app, days, now) }

// New returns the report GET /api/reports/{name}. report computes the report from the clinic's own
// data; it may not write. While the module reports is switched off the route answers 404.
func New[A Answer](name, summary string, allow kernel.Policy, report func(*Call) (A, error)) Report {
	ready := func(app core.App, days Range, now time.Time) error {
		_, err := Make(app, days.From, days.To, now, report)
		return err
	}
	return Report{name, route(name, summary, allow, report), ready}
}

func route[A Answer](name, summary string, allow kernel.Policy, report func(*Call) (A, error)) kernel.Route {
	return kernel.Op(kernel.Route{
		Method: http.MethodGet, Path: "/api/reports/" + name, Allow: allow, Summary: summary, Raw: "text/csv",
		Errors: []*kernel.Error{ErrDay, ErrOrder, ErrLong, ErrFormat, ErrSource, ErrNoWarehouse, ErrUnavailable, ErrIncomplete, ErrForeign},
	}, func(c *kernel.Call, in query) (answer A, err error) {
		var none A
		if !c.K.Enabled("reports") {
			return none, kernel.ErrNotFound
		}
		call, err := begin(c.Request.Context(), c.App, in.From, in.To, time.Now())
		if err != nil {
			return none, err
		}
		call.Header = c.Response.Header()
		if in.Source == Postgres {
			answer, err = remote[A](call, name)
		} else {
			answer, err = local(call, report)
		}
		if err != nil {
			return none, err
		}
		if in.Format == "csv" {
			return none, answer.Sheet().write(c.RequestEvent, name)
		}
		return answer, nil
	})
}

// Make computes a report of the range that from and to mean now, see ParseRange, from the
// clinic's own data.
func Make[A Answer](app core.App, from, to string, now time.Time, report func(*Call) (A, error)) (answer A, err error) {
	c, err := begin(context.Background(), app, from, to, now)
	if err != nil {
		return answer, err
	}
	return local(c, report)
}

func begin(ctx context.Context, app core.App, from, to string, now time.Time) (*Call, error) {
	clinic, err := clinicapi.Current(app)
	if err != nil {
		return nil, err
	}
	days, err := ParseRange(from, to, clinic.Today(now))
	if err != nil {
		return nil, err
	}
	return &Call{Range: days, K: kernel.Of(app), App: app, Clinic: clinic, Now: now, Context: ctx}, nil
}

func local[A Answer](c *Call, report func(*Call) (A, error)) (answer A, err error) {
	err = Snapshot(c.App, func(db dbx.Builder) error {
		c.DB = db
		answer, err = report(c)
		return err
	})
	return answer, err
}

// Snapshot runs fn on one state of the data. It takes no lock: writers go on. In a
// transaction that state is the transaction's.
func Snapshot(app core.App, fn func(db dbx.Builder) error) error {
	pool, ok := app.ConcurrentDB().(*dbx.DB)
	if !ok || app.IsTransactional() {
		return fn(app.DB())
	}
	tx, err := pool.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return fn(tx)
}
