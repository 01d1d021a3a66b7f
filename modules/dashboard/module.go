// Package dashboard adds two pages to PocketBase's dashboard: the clinic's numbers, the state
// of its Postgres sync and what the server finds wrong; and the search of the audit trail. Its
// Logout also ends the session. All of it asks the documented API alone.
package dashboard

import (
	"embed"
	"io/fs"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

//go:embed clinic audit session
var files embed.FS

// Module declares the pages.
func Module() kernel.Module {
	return kernel.Module{
		Name: "dashboard", Doc: "Pages in PocketBase's dashboard: the clinic's numbers, the server's state and the audit trail.",
		Requires: []string{"reports"},
		Bind:     extend,
	}
}

// pages are the folders of the pages, and the modules that answer them. Each puts its link ahead
// of those that are there: the last comes first.
var pages = []struct{ name, module string }{{"session", "auth"}, {"audit", "audit"}, {"clinic", "dashboard"}}

// extend hands PocketBase the pages as extensions of its dashboard, which is an interface
// that it calls experimental: the pages use as little of it as they can.
func extend(k *kernel.Kernel) error {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "dashboard: the clinic's pages", Func: func(se *core.ServeEvent) error {
		for _, p := range pages {
			if !k.Enabled("dashboard") || !k.Enabled(p.module) {
				continue
			}
			page, err := fs.Sub(files, p.name)
			if err != nil {
				return err
			}
			se.UIExtensions = append(se.UIExtensions, core.UIExtension{Name: p.name, FS: page})
		}
		return se.Next()
	}})
	return nil
}
