// Package reports is the hub of the clinic's reports: it serves the one that is put
// together from several modules' numbers, and recounts what they all keep. It knows no
// module: each contributes through reportsapi.
package reports

import (
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Module declares the reports.
func Module() kernel.Module {
	return kernel.Module{
		Name: "reports", Doc: "Reports that the modules contribute to, exact against the rows.",
		Requires: []string{"auth", "clinic"},
		Routes:   []kernel.Route{patientReport.Route},
		Provides: []any{patientReport},
		Jobs: []kernel.Job{{
			Name: "recount", Spec: "40 2 * * *", Doc: "Recounts the reports' summaries from the rows and logs every difference.", Run: nightly,
		}},
		Bind:     bindReady,
		Commands: []func(*kernel.Kernel) *cobra.Command{doctorCommand},
	}
}
