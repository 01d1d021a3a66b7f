// Package remote answers the reports from the warehouse, for ?source=postgres, by the
// definitions in docs/reports.md. The SQL here reads the site's rows alone.
package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// Reader says where reports are asked for.
type Reader struct {
	URL      func() string // "" while no warehouse is configured
	Site     func(core.App) (string, error)
	Holder   func(core.App) (string, error) // names this data folder, see warehouse.Warehouse.Holder
	Patience time.Duration                  // how long a report may take, its turn included, 0: 12 s
}

// patience is shorter than what most clients wait for an answer.
const patience = 12 * time.Second

// line is an app's connection for reports, made when the first is asked for. Reports take
// turns.
type line struct {
	turn chan struct{} // full while somebody has it
	w    *warehouse.Warehouse
	used string // the URL it was made for
}

const lineKey = "polyclinic.analytics.reports"

func lineOf(app core.App) *line {
	return app.Store().GetOrSet(lineKey, func() any { return &line{turn: make(chan struct{}, 1)} }).(*line)
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

// ask runs queries on one state of the site's rows.
type ask func(queries ...warehouse.Query) ([]warehouse.Answer, error)

// report asks and works out one report.
type report func(c *reportsapi.Call, read ask) (any, error)

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
		ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Patience, patience))
		defer cancel()
		l := lineOf(c.App)
		if !l.take(ctx) {
			return nil, reportsapi.ErrUnavailable.At("source")
		}
		defer l.give()
		had := l.w != nil
		answer, err := r.try(ctx, l, c, url, site, fn)
		if err != nil && had && l.w == nil && ctx.Err() == nil { // it had broken since the last report
			answer, err = r.try(ctx, l, c, url, site, fn)
		}
		var known *warehouse.Error
		if errors.As(err, &known) {
			c.App.Logger().Warn("report from the warehouse", "error", known.Text)
			return nil, reportsapi.ErrUnavailable.At("source")
		}
		return answer, err
	}
}

func (r Reader) try(ctx context.Context, l *line, c *reportsapi.Call, url, site string, fn report) (answer any, err error) {
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
	answer, err = fn(c, func(queries ...warehouse.Query) ([]warehouse.Answer, error) {
		at, answers, err := l.w.Read(ctx, queries...)
		if err != nil {
			return nil, err
		}
		return answers, r.judge(c, at)
	})
	if err != nil && l.w.IsLost(err) {
		l.close(ctx)
	}
	return answer, err
}

// judge refuses rows that are not this data folder's own, or not all of them: a site whose
// first copy is under way, a column that is empty as it was made again, a second clinic with
// the same site id, a copy of a data folder, a restored one that has not been compared yet. at is of the state that was read.
func (r Reader) judge(c *reportsapi.Call, at warehouse.Position) error {
	if at.Epoch == "" {
		return reportsapi.ErrIncomplete.At("source")
	}
	holder, err := r.Holder(c.App)
	if err != nil {
		return err
	}
	// Read behind the warehouse: a token is noted here before it is there.
	ours, err := capture.Ours(c.App, at.Epoch, at.Token)
	switch {
	case err != nil:
		return err
	case !ours || at.Holder != holder:
		return reportsapi.ErrForeign.At("source")
	case at.Snapshot != "" || at.Remade:
		return reportsapi.ErrIncomplete.At("source")
	}
	n, all, err := capture.Behind(c.App, at.Seq)
	if err != nil || c.Header == nil {
		return err
	}
	c.Header.Set(setAsideHeader, strconv.FormatInt(at.SetAside, 10))
	c.Header.Set(behindHeader, strconv.FormatInt(n, 10))
	if !all {
		c.Header.Set(behindHeader, "unknown")
	}
	return nil
}

const (
	behindHeader   = "Analytics-Behind"    // how many changes of the clinic the figures lack
	setAsideHeader = "Analytics-Set-Aside" // how many values and rows the warehouse never took, see sync_reject
)

// take waits for the turn and reports whether it came before ctx ended.
func (l *line) take(ctx context.Context) bool {
	select {
	case l.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *line) give() { <-l.turn }

func (l *line) close(ctx context.Context) {
	_ = l.w.Close(ctx) // it is lost, or of no more use
	l.w = nil
}

// Close ends the app's connection, if it has one. One that a report still waits on ends with
// the process.
func Close(app core.App) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	l := lineOf(app)
	if !l.take(ctx) {
		return
	}
	defer l.give()
	if l.w != nil {
		l.close(ctx)
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
