package boot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindRefuseNewer keeps every command, not only serve, away from data that it does not know.
func bindRefuseNewer(k *kernel.Kernel, app core.App) {
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{Id: "boot.newer", Func: func(e *core.BootstrapEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		return refuseNewer(k, e.App)
	}})
}

// refuseNewer returns an error when steps ran on the data that are not in this build.
func refuseNewer(k *kernel.Kernel, app core.App) error {
	unknown, err := unknownSteps(k, app)
	if err != nil || len(unknown) == 0 {
		return err
	}
	return fmt.Errorf("the data folder was written by a newer Polyclinic, or by a build with other modules (%s): start that one, or restore a backup", strings.Join(unknown, ", "))
}

// unknownSteps returns the migrations that ran on the data and are not in this build. A
// site's own scripts are not ours to know.
func unknownSteps(k *kernel.Kernel, app core.App) ([]string, error) {
	if !app.HasTable(core.DefaultMigrationsTable) {
		return nil, nil // a new data folder
	}
	var applied []string
	if err := app.DB().Select("file").From(core.DefaultMigrationsTable).OrderBy("file").Column(&applied); err != nil {
		return nil, fmt.Errorf("read the steps of the data folder: %w", err)
	}
	known := map[string]bool{}
	for _, m := range k.Migrations() {
		known[m.File] = true
	}
	for _, m := range core.SystemMigrations.Items() {
		known[m.File] = true
	}
	return slices.DeleteFunc(applied, func(f string) bool { return known[f] || !strings.HasSuffix(f, ".go") }), nil
}
