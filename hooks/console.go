package hooks

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindConsole switches off those of PocketBase's routes for which no hook exists: the SQL
// console (runs no hooks, so no rule holds), the trial run of a view, which is one,
// impersonation (a token of up to three years that looks like the user's own), and restore
// and upload of backups (a restore killed midway left an empty database; restoring is done
// on a stopped server).
func bindConsole(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.console", Func: func(se *core.ServeEvent) error {
		se.InstallerFunc = nil // it prints a token of a superuser to the terminal
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "platform.console", Priority: kernel.PriorityGuard, Func: func(e *core.RequestEvent) error {
			p := strings.ToLower(strings.TrimSuffix(e.Request.URL.Path, "/"))
			if p == "/api/sql" || strings.Contains(p, "/impersonate/") {
				return k.APIError(kernel.ErrNotFound)
			}
			if p == "/api/collections/meta/dry-run-view" {
				return k.APIError(errView)
			}
			if p == "/api/backups/upload" || (strings.HasPrefix(p, "/api/backups/") && strings.HasSuffix(p, "/restore")) {
				return k.APIError(kernel.ErrNotFound.Saying("A backup is put back on a stopped server, into a new folder: polyclinic restore FILE --dir NEW."))
			}
			if strings.HasSuffix(p, "/truncate") {
				return k.APIError(errSchema.Saying("Collections are not emptied: delete what is wrong, one by one."))
			}
			return e.Next()
		}})
		return se.Next()
	}})
}
