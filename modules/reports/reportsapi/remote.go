package reportsapi

import (
	"fmt"
	"net/http"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Where a report's figures come from: the parameter source, and the field of the answer.
const (
	Local    = "local"    // the clinic's own data
	Postgres = "postgres" // the warehouse
)

// Errors of the parameter source.
var (
	ErrSource      = kernel.Fail(http.StatusBadRequest, "validation_invalid_source", "Must be local or postgres.")
	ErrNoWarehouse = kernel.Fail(http.StatusServiceUnavailable, "analytics_not_configured", "There is no warehouse to ask: set POLYCLINIC_ANALYTICS_URL.")

	// What keeps a warehouse from answering; the reason is in the sync's state.
	ErrUnavailable = kernel.Fail(http.StatusServiceUnavailable, "analytics_unavailable",
		"The warehouse does not answer: see /api/analytics/status, or ask without source=postgres.")
	ErrIncomplete = kernel.Fail(http.StatusServiceUnavailable, "analytics_incomplete",
		"The warehouse does not have all of this clinic's rows: see /api/analytics/status, or ask without source=postgres.")
	ErrForeign = kernel.Fail(http.StatusServiceUnavailable, "analytics_foreign",
		"What the warehouse has under this POLYCLINIC_SITE_ID was not shipped from this data folder: see /api/analytics/status, or ask without source=postgres.")
)

// Remote is one report computed elsewhere, for ?source=postgres. A module lists one for each
// report in Provides once a warehouse is configured, and may leave it out, or return
// ErrNoWarehouse, while none is.
//
// Run gets a Call without a DB and returns the report's own answer type, such as
// *reportsapi.PatientSummary, by the definitions in docs/reports.md, with Source Postgres.
// It should end when c.Context does. An error that it returns is answered as it is when
// it is a *kernel.Error, and otherwise as a fault.
type Remote struct {
	Report string // as in the path: patient-summary
	Run    func(c *Call) (any, error)
}

func remote[A Answer](c *Call, name string) (none A, err error) {
	for _, r := range kernel.All[Remote](c.K) {
		if r.Report != name {
			continue
		}
		found, err := r.Run(c)
		if err != nil {
			return none, err
		}
		answer, ok := found.(A)
		if !ok {
			return none, fmt.Errorf("remote report %s answers %T, want %T", name, found, none)
		}
		return answer, nil
	}
	return none, ErrNoWarehouse.At("source")
}
