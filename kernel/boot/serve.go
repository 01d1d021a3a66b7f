package boot

import (
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/cmd"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// serveCommand is PocketBase's serve with --demo and the checks of a data folder.
func serveCommand(k *kernel.Kernel, app *pocketbase.PocketBase) *cobra.Command {
	c := cmd.NewServeCommand(app, false) // its banner names a dashboard that may not be there
	mayMake(c)
	demo := c.Flags().Bool("demo", false, "put a demo clinic with known passwords into an empty data folder")
	proxied := c.Flags().Bool("behind-proxy", false, "serve plain HTTP beyond this machine: a proxy brings the encryption, on another machine or in another container")
	dashboard := c.Flags().String("dashboard", "", "address, such as 127.0.0.1:8091, at which alone the dashboard and superusers are answered")
	serve := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := guardAddresses(c); err != nil {
			return err
		}
		if err := guardPlain(c, args, *demo || *proxied); err != nil {
			return err
		}
		var own string
		if *dashboard != "" {
			if err := bindDashboard(k, app, *dashboard, *proxied, &own); err != nil {
				return err
			}
		}
		bindBanner(app, served(c, args), &own)
		folder, err := hold(app.DataDir())
		if err != nil {
			return err
		}
		// Until the process ends: requests under way go on after serve has returned.
		app.Store().Set("polyclinic.folder", folder)
		if _, err := fmt.Fprintln(folder, served(c, args)); err != nil {
			return err
		}
		if err := app.RunAllMigrations(); err != nil {
			return err
		}
		if *demo {
			err := k.Seed(app, true)
			if err != nil && !errors.Is(err, kernel.ErrHoldsPeople) {
				return fmt.Errorf("%w (where a script refused what the demo has: make the demo first, and put the scripts into pb_hooks then)", err)
			}
			if err != nil {
				return err
			}
		}
		if err := guardDemo(k, app, *demo, isReachable(c, args)); err != nil {
			return err
		}
		return serve(c, args)
	}
	return c
}
