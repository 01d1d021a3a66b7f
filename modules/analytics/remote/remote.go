// Package remote answers the reports from the warehouse, for ?source=postgres, by the
// definitions in docs/reports.md. The SQL here reads the site's rows alone.
package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// errUnavailable is answered while the warehouse does not; the reason is in the sync's state.
var errUnavailable = kernel.Fail(http.StatusServiceUnavailable, "analytics_unavailable",
	"The warehouse does not answer: see /api/analytics/status, or ask without source=postgres.")

// Reader says where reports are asked for.
type Reader struct {
	URL  func() string // "" while no warehouse is configured
	Site func(core.App) (string, error)
}

// line is an app's connection for reports, made when the first is asked for. Reports take
// turns.
type line struct {
	mu   sync.Mutex
	w    *warehouse.Warehouse
	used string // the URL it was made for
}

const lineKey = "polyclinic.analytics.reports"

func lineOf(app core.App) *line {
	return app.Store().GetOrSet(lineKey, func() any { return &line{} }).(*line)
}

// Reports lists the reports for a module's Provides.
func Reports(r Reader) []any {
	return []any{
		reportsapi.Remote{Report: "patient-summary", Run: r.run(patientSummary)},
		reportsapi.Remote{Report: "revenue-summary", Run: r.run(revenueSummary)},
		reportsapi.Remote{Report: "appointments", Run: r.run(appointments)},
		reportsapi.Remote{Report: "inventory", Run: r.run(inventory)},
		reportsapi.Remote{Report: "receivables", Run: r.run(receivables)},
	}
}

// report asks and works out one report.
type report func(ctx context.Context, c *reportsapi.Call, w *warehouse.Warehouse) (any, error)

func (r Reader) run(fn report) func(*reportsapi.Call) (any, error) {
	return func(c *reportsapi.Call) (any, error) {
		url := r.URL()
		if url == "" {
			return nil, reportsapi.ErrNoWarehouse.At("source")
		}
		site, err := r.Site(c.App)
		if err != nil {
			return nil, err
		}
		ctx := c.Context
		if ctx == nil {
			ctx = context.Background()
		}
		l := lineOf(c.App)
		l.mu.Lock()
		defer l.mu.Unlock()
		had := l.w != nil
		answer, err := l.try(ctx, c, url, site, fn)
		if err != nil && had && l.w == nil && ctx.Err() == nil { // it had broken since the last report
			answer, err = l.try(ctx, c, url, site, fn)
		}
		var known *warehouse.Error
		if errors.As(err, &known) {
			c.App.Logger().Warn("report from the warehouse", "error", known.Text)
			return nil, errUnavailable.At("source")
		}
		return answer, err
	}
}

func (l *line) try(ctx context.Context, c *reportsapi.Call, url, site string, fn report) (answer any, err error) {
	if l.w != nil && (l.used != url || l.w.Site() != site) {
		l.close(ctx)
	}
	if l.w == nil {
		if l.w, err = warehouse.Open(ctx, url, site); err != nil {
			l.w = nil
			return nil, err
		}
		l.used = url
	}
	if answer, err = fn(ctx, c, l.w); err != nil && l.w.IsLost(err) {
		l.close(ctx)
	}
	return answer, err
}

func (l *line) close(ctx context.Context) {
	_ = l.w.Close(ctx) // it is lost, or of no more use
	l.w = nil
}

// Close ends the app's connection, if it has one.
func Close(app core.App) {
	l := lineOf(app)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.w != nil {
		l.close(context.Background())
	}
}

// scan hands each row of an answer over: the texts of the first columns and the whole
// numbers of the rest.
func scan(a warehouse.Answer, texts, numbers int, row func(t []string, n []int64)) error {
	t, n := make([]string, texts), make([]int64, numbers)
	for i := range a.Len() {
		for j := range t {
			t[j] = a.Text(i, j)
		}
		for j := range n {
			var err error
			if n[j], err = a.Int(i, texts+j); err != nil {
				return fmt.Errorf("report from the warehouse: %w", err)
			}
		}
		row(t, n)
	}
	return nil
}

// names are all doctors of the site: figures are shown by doctor.
const namesSQL = "SELECT id, coalesce(name, '') FROM polyclinic.doctors WHERE site_id = $1"

func namesOf(a warehouse.Answer) (map[string]string, error) {
	names := map[string]string{}
	err := scan(a, 2, 0, func(t []string, _ []int64) { names[t[0]] = t[1] })
	return names, err
}
