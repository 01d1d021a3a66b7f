// Package migrations holds the steps that belong to no one module. A site's own
// scripts (*.js) share the folder: PocketBase's loader reads only those.
package migrations

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Module brings the steps into the module list.
func Module() kernel.Module {
	return kernel.Module{
		Name: "platformdata", Doc: "Settings of PocketBase as a clinic needs them.",
		Migrations: []kernel.Migration{{ID: "1780000010_settings", Up: settings}},
	}
}

func settings(tx core.App) error {
	s := tx.Settings()
	s.Meta.AppName = "Polyclinic"
	s.Batch.Enabled, s.Batch.MaxRequests, s.Batch.Timeout, s.Batch.MaxBodySize = true, 100, 10, 8<<20
	s.Logs.MaxDays, s.Logs.LogIP = 5, true
	s.RateLimits.Enabled = true
	s.RateLimits.Rules = []core.RateLimitRule{
		{Label: "*:auth", MaxRequests: 60, Duration: 10},
		{Label: "POST /api/auth/login", MaxRequests: 60, Duration: 10},
		{Label: "POST /api/auth/register", MaxRequests: 60, Duration: 60},
		{Label: "POST /api/batch", MaxRequests: 300, Duration: 10},
		{Label: "/api/", MaxRequests: 3000, Duration: 10},
	}
	return tx.Save(s)
}
