// Package analytics keeps a warehouse in PostgreSQL up to date with what modules declare.
package analytics

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/remote"
)

// Module declares the sync to PostgreSQL, its status and its command.
func Module() kernel.Module {
	a := &anchors{}
	return kernel.Module{
		Name: "analytics", Doc: "Keeps an analytics warehouse in PostgreSQL up to date.",
		Requires: []string{"clinic", "auth"},
		Routes:   []kernel.Route{statusRoute},
		Settings: settings,
		Commands: []func(*kernel.Kernel) *cobra.Command{command},
		Provides: append(remote.Reports(remote.Reader{URL: urlSetting.Value, Site: Site, Holder: holder}), behind, a),
		Bind: func(k *kernel.Kernel) error {
			a.k = k
			return bind(k)
		},
	}
}

var errNotConfigured = kernel.Fail(http.StatusServiceUnavailable, "analytics_not_configured", "The analytics warehouse is not set up: set POLYCLINIC_ANALYTICS_URL.")
