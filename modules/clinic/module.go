// Package clinic owns the clinic's own settings: name, currency, time zone, hours.
package clinic

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// Module declares the clinic's settings.
func Module() kernel.Module {
	return kernel.Module{
		Name: "clinic", Doc: "The clinic's own settings: name, currency, time zone, hours.",
		Migrations: migrations,
		Access:     []kernel.Access{{Collection: "clinic", Doc: "The clinic's settings, one row."}},
		Hooks:      rules,
		Routes:     routes,
		Errors:     []*kernel.Error{clinicapi.ErrNoDay, clinicapi.ErrNotWhole},
		Provides:   []any{demoMark{}, strictSwitch{}, webRules{}, warehouse},
	}
}

// demoMark is the clinic's field "demo".
type demoMark struct{}

var _ kernel.DemoMark = demoMark{}

func (demoMark) IsDemo(app core.App) (bool, error) {
	s, err := clinicapi.Current(app)
	return s.Demo, err
}

func (demoMark) MarkDemo(tx core.App) error {
	// The examples of the user's own API document have short passwords, and whoever looks
	// around in made-up data is not signed out over a cup of tea.
	_, err := clinicapi.Change(tx, map[string]any{
		"demo": true, "name": "Polyclinic Demo", "passwordMinLength": 8, "passwordRefuseCommon": false,
		"sessionLimits": map[string]any{}, "allowedOrigins": devServers(),
	})
	return err
}

// devServers are the addresses at which the development servers of the usual web tools show
// a page (Next.js, Vite, Angular, Vue): somebody who writes a front end begins with the demo.
func devServers() (origins []string) {
	for _, port := range []string{"3000", "4200", "5173", "8080"} {
		origins = append(origins, "http://localhost:"+port, "http://127.0.0.1:"+port)
	}
	return origins
}
