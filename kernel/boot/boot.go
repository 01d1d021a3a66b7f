// Package boot turns a module list into the polyclinic command. A custom build calls it
// with its own list.
package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

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
	keepPrivate()
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
	app.RootCmd.SilenceErrors, app.RootCmd.SilenceUsage = true, true // main prints the error
	for _, m := range k.Migrations() {
		core.AppMigrations.Add(m)
	}
	if err := k.Attach(app); err != nil {
		return err
	}
	bindFolder(k, app)
	bindStop(app)
	superuser := cmd.NewSuperuserCommand(app)
	mayMake(superuser)
	app.RootCmd.AddCommand(serveCommand(k, app), superuser, modulesCommand(k), versionCommand(k), configCommand(k), healthCommand())
	for _, m := range k.Modules {
		for _, c := range m.Commands {
			addCommand(app.RootCmd, c(k))
		}
	}
	for _, c := range app.RootCmd.Commands() {
		refuseMistyped(c)
	}
	if c, _, err := app.RootCmd.Find(os.Args[1:]); err == nil && (c.Annotations[kernel.Offline] != "" || c != app.RootCmd && !c.Runnable()) {
		return app.RootCmd.Execute()
	}
	if err := loadSite(app); err != nil {
		return explain(err, app.DataDir())
	}
	return run(app)
}

// refuseMistyped has a group of commands, which by itself prints what there is, refuse a name that
// is none of them: a nightly "analytics verfiy" ended with 0 and had looked at nothing.
func refuseMistyped(c *cobra.Command) {
	if !c.Runnable() && c.HasSubCommands() {
		c.Args, c.RunE = cobra.NoArgs, func(c *cobra.Command, _ []string) error { return c.Help() }
		if c.Annotations == nil {
			c.Annotations = map[string]string{}
		}
		c.Annotations[kernel.Offline] = "yes"
	}
	for _, sub := range c.Commands() {
		refuseMistyped(sub)
	}
}

// addCommand adds a module's command, and those of a group that is there already to it.
func addCommand(root, c *cobra.Command) {
	for _, there := range root.Commands() {
		if there.Name() == c.Name() && c.HasSubCommands() {
			there.AddCommand(c.Commands()...)
			return
		}
	}
	root.AddCommand(c)
}

// loadSite reads the clinic's own scripts beside the data folder. It comes after the modules:
// a site's hooks run last. A script that cannot be read stops the start: without it a rule of
// the clinic would be missing. Only with --dev does a change restart the server by itself.
func loadSite(app *pocketbase.PocketBase) (err error) {
	defer func() {
		if p := recover(); p != nil { // PocketBase's loader panics over a broken script
			err = fmt.Errorf("the scripts beside the data folder: %v", p)
		}
	}()
	site := filepath.Join(app.DataDir(), "..")
	migrations := filepath.Join(site, "pb_migrations")
	if err := jsvm.Register(app, jsvm.Config{HooksDir: filepath.Join(site, "pb_hooks"), MigrationsDir: migrations, HooksWatch: app.IsDev()}); err != nil {
		return fmt.Errorf("the scripts beside the data folder: %w", err)
	}
	if err := migratecmd.Register(app, app.RootCmd, migratecmd.Config{TemplateLang: migratecmd.TemplateLangJS, Dir: migrations}); err != nil {
		return err
	}
	migrate, _, err := app.RootCmd.Find([]string{"migrate"})
	if err == nil {
		mayMake(migrate)
	}
	return err
}

// run executes the command; PocketBase's own Execute drops its error.
func run(app *pocketbase.PocketBase) error {
	var kept failure
	holdForAlone(app.RootCmd, app.DataDir())
	kept.watch(app.RootCmd)
	app.RootCmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return kept.keep(err) })
	if _, _, err := app.RootCmd.Find(os.Args[1:]); err != nil {
		return app.RootCmd.Execute()
	}
	if err := app.Execute(); err != nil {
		return explain(err, app.DataDir())
	}
	if kept.cutOff() {
		return errCutOff
	}
	return explain(kept.get(), app.DataDir())
}

// errCutOff is what a command ends with that was told to, by Ctrl-C for instance, and had not done yet:
// PocketBase closes the data under its feet and ends as if all were well.
var errCutOff = errors.New("it was interrupted, and is not done: what it did until then stays. Run it again")

// failure keeps what a command failed with. Commands run in a goroutine of PocketBase's.
type failure struct {
	mu      sync.Mutex
	err     error
	running bool
}

// cutOff reports whether the command had not done, or failed because the data were closed. A server
// is only ever ended so.
func (f *failure) cutOff() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running || f.err != nil && strings.Contains(f.err.Error(), "sql: database is closed")
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *failure) run(is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = is
}

func (f *failure) keep(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	return err
}

func (f *failure) watch(c *cobra.Command) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			f.run(c.Name() != "serve")
			defer f.run(false)
			return f.keep(run(c, args))
		}
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error { return f.keep(check(c, args)) }
	}
	for _, sub := range c.Commands() {
		f.watch(sub)
	}
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
