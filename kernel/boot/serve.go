package boot

import (
	"github.com/fatih/color"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/cmd"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// serveCommand is PocketBase's serve with --demo and the checks of a data folder.
func serveCommand(k *kernel.Kernel, app *pocketbase.PocketBase) *cobra.Command {
	c := cmd.NewServeCommand(app, true)
	demo := c.Flags().Bool("demo", false, "put a demo clinic with known passwords into an empty data folder")
	serve := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		folder, err := hold(app.DataDir())
		if err != nil {
			return err
		}
		// Until the process ends: requests under way go on after serve has returned.
		app.Store().Set("polyclinic.folder", folder)
		if err := app.RunAllMigrations(); err != nil {
			return err
		}
		if *demo {
			if err := k.Seed(app, true); err != nil {
				return err
			}
		}
		if err := warnDemo(k, app); err != nil {
			return err
		}
		return serve(c, args)
	}
	return c
}

// warnDemo says on every start that the passwords are known.
func warnDemo(k *kernel.Kernel, app *pocketbase.PocketBase) error {
	mark, err := kernel.One[kernel.DemoMark](k)
	if err != nil {
		return err
	}
	is, err := mark.IsDemo(app)
	if err == nil && is {
		color.New(color.FgYellow, color.Bold).Println("DEMO: the people in this data folder are made up and their passwords are public. Never put real patients into it.")
	}
	return err
}
