// Package dashboard adds one page to PocketBase's dashboard: the clinic's numbers, the state
// of its Postgres sync and what the server finds wrong. It asks the documented API alone.
package dashboard

import (
	"embed"
	"io/fs"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

//go:embed page
var files embed.FS

// Module declares the page.
func Module() kernel.Module {
	return kernel.Module{
		Name: "dashboard", Doc: "A page in PocketBase's dashboard with the clinic's numbers and the server's state.",
		Requires: []string{"reports"},
		Bind:     extend,
	}
}

// extend hands PocketBase the page as an extension of its dashboard, which is an interface
// that it calls experimental: the page uses as little of it as it can.
func extend(k *kernel.Kernel) error {
	page, err := fs.Sub(files, "page")
	if err != nil {
		return err
	}
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "dashboard: the clinic's page", Func: func(se *core.ServeEvent) error {
		if k.Enabled("dashboard") {
			se.UIExtensions = append(se.UIExtensions, core.UIExtension{Name: "clinic", FS: page})
		}
		return se.Next()
	}})
	return nil
}
