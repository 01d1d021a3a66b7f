// Package boot turns a module list into the polyclinic command. A custom build calls it
// with its own list.
package boot

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/cmd"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/plugins/jsvm"
	"github.com/pocketbase/pocketbase/plugins/migratecmd"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Version of this build, set by the linker: -ldflags "-X …/kernel/boot.Version=v1.2.3".
var Version = "dev"

// Main runs the command line and returns what its command failed with.
func Main(mods []kernel.Module) error {
	k, err := kernel.New(mods, strings.Split(os.Getenv("POLYCLINIC_DISABLE"), ",")...)
	if err != nil {
		return err
	}
	app := pocketbase.NewWithConfig(pocketbase.Config{
		DefaultDataDir: defaultDataDir(),
		DBConnect:      kernel.Connect,
		// A third less CPU at 64 clients than PocketBase's 120 and 15.
		DataMaxOpenConns: 8, DataMaxIdleConns: 8,
	})
	app.RootCmd.Use = "polyclinic"
	app.RootCmd.Short = "Polyclinic: a hospital management system in one file"
	app.RootCmd.Version = Version
	app.RootCmd.SilenceErrors = true
	for _, m := range k.Migrations() {
		core.AppMigrations.Add(m)
	}
	if err := k.Attach(app); err != nil {
		return err
	}
	// After the modules: a site's hooks run last.
	site := filepath.Join(app.DataDir(), "..")
	jsvm.MustRegister(app, jsvm.Config{
		HooksDir: filepath.Join(site, "pb_hooks"), MigrationsDir: filepath.Join(site, "pb_migrations"), HooksWatch: true,
	})
	migratecmd.MustRegister(app, app.RootCmd, migratecmd.Config{TemplateLang: migratecmd.TemplateLangJS, Automigrate: false, Dir: filepath.Join(site, "pb_migrations")})
	app.RootCmd.AddCommand(serveCommand(k, app), cmd.NewSuperuserCommand(app), modulesCommand(k), configCommand(k))
	for _, m := range k.Modules {
		for _, c := range m.Commands {
			app.RootCmd.AddCommand(c(k))
		}
	}
	return run(app)
}

// run executes the command; PocketBase's own Execute drops its error.
func run(app *pocketbase.PocketBase) error {
	var failed error
	keepErrors(app.RootCmd, &failed)
	if c, _, err := app.RootCmd.Find(os.Args[1:]); err == nil && c.Annotations["offline"] != "" {
		return app.RootCmd.Execute()
	}
	if err := app.Execute(); err != nil {
		return explain(err, app.DataDir())
	}
	return explain(failed, app.DataDir())
}

// keepErrors notes what a command failed with.
func keepErrors(c *cobra.Command, failed *error) {
	if run := c.RunE; run != nil {
		c.SilenceUsage = true
		c.RunE = func(c *cobra.Command, args []string) error {
			*failed = run(c, args)
			return *failed
		}
	}
	for _, sub := range c.Commands() {
		keepErrors(sub, failed)
	}
}

// explain puts what a clinic without an IT person will meet into words.
func explain(err error, dir string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "address already in use"):
		return fmt.Errorf("the port is taken: another program, perhaps another Polyclinic, is listening there. End it or choose another with --http 127.0.0.1:PORT (%w)", err)
	case strings.Contains(text, "permission denied"), strings.Contains(text, "read-only"), strings.Contains(text, "readonly"), strings.Contains(text, "unable to open database file"):
		return fmt.Errorf("the data folder %s cannot be written: let the account that runs Polyclinic own it, or choose another with --dir (%w)", dir, err)
	}
	return err
}

// defaultDataDir is pb_data beside the binary, or in the working folder under "go run",
// whose binary lives in a temporary one.
func defaultDataDir() string {
	exe, err := os.Executable()
	if err != nil || strings.HasPrefix(exe, os.TempDir()) || strings.Contains(exe, "go-build") {
		return "pb_data"
	}
	return filepath.Join(filepath.Dir(exe), "pb_data")
}

func modulesCommand(k *kernel.Kernel) *cobra.Command {
	return &cobra.Command{
		Use: "modules", Short: "List the modules in this build", Annotations: map[string]string{"offline": "yes"},
		Run: func(c *cobra.Command, _ []string) {
			for _, m := range k.Modules {
				state := ""
				if k.Disabled[m.Name] {
					state = " (off)"
				}
				fmt.Fprintf(c.OutOrStdout(), "%-14s %s%s\n", m.Name, m.Doc, state)
			}
		},
	}
}

func configCommand(k *kernel.Kernel) *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "Print the environment variables that are read, and their values", Annotations: map[string]string{"offline": "yes"},
		Run: func(c *cobra.Command, _ []string) {
			for _, m := range k.Modules {
				for _, s := range m.Settings {
					v := s.Value()
					if s.Secret && v != "" {
						v = "(set)"
					}
					fmt.Fprintf(c.OutOrStdout(), "%s=%s\n    %s\n", s.Name, v, s.Doc)
				}
			}
		},
	}
}

// unknownSteps returns the migrations of ours that ran on the data but are not in this build.
func unknownSteps(k *kernel.Kernel, app core.App) ([]string, error) {
	var applied []string
	err := app.DB().Select("file").From("_migrations").Where(dbx.NewExp("file LIKE '17________\\_%\\_%.go' ESCAPE '\\'")).Column(&applied)
	if err != nil {
		return nil, nil // a new data folder has no such table yet
	}
	known := map[string]bool{}
	for _, m := range k.Migrations() {
		known[m.File] = true
	}
	var system core.MigrationsList
	system.Copy(core.SystemMigrations)
	for _, m := range system.Items() {
		known[m.File] = true
	}
	return slices.DeleteFunc(applied, func(f string) bool { return known[f] || f < "1780000000" }), nil
}
