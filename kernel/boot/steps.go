package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindFolder looks at the data folder ahead of the first write to it, whatever the command:
// PocketBase's own steps run as soon as it is opened.
func bindFolder(k *kernel.Kernel, app *pocketbase.PocketBase) {
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{Id: "boot.folder", Priority: -10000, Func: func(e *core.BootstrapEvent) error {
		c, rest, err := app.RootCmd.Find(os.Args[1:])
		if err != nil {
			return err
		}
		if err := misspelt(c, rest); err != nil {
			return err
		}
		if err := lookAt(k, e.App.DataDir(), c); err != nil {
			return err
		}
		return e.Next()
	}})
}

// misspelt returns what the command will say of its flags and arguments: ahead of the first
// write, so that a slip of the finger leaves no folder.
func misspelt(c *cobra.Command, rest []string) error {
	c.InitDefaultHelpFlag()
	c.InheritedFlags() // joins them to its own
	if err := c.Flags().ParseAll(rest, func(*pflag.Flag, string) error { return nil }); err != nil {
		return err
	}
	return c.ValidateArgs(c.Flags().Args())
}

// What the annotation kernel.Makes says.
const (
	makesFolder = "yes"
	needsFolder = "in a folder" // it is for who was set up there ahead of the clinic
)

// mayMake annotates PocketBase's commands that make a folder, such as the one that sets the first
// superuser up. Those that change somebody who is there do not.
func mayMake(c *cobra.Command) {
	c.Annotations = map[string]string{kernel.Makes: makesFolder}
	if c.Name() == "migrate" || c.HasParent() && c.Parent().Name() == "migrate" {
		c.Annotations[kernel.Migrates] = "yes"
	}
	if c.HasParent() && c.Parent().Name() == "superuser" && c.Name() != "create" && c.Name() != "upsert" {
		c.Annotations[kernel.Makes] = needsFolder
	}
	for _, sub := range c.Commands() {
		mayMake(sub)
	}
}

// lookAt refuses data that this build must not open, and keeps a copy of those that it will
// change. It refuses one without a clinic, too, unless makes says that the command may make one: nothing is
// made there, and nobody is told that all is well with what is not there.
func lookAt(k *kernel.Kernel, dir string, c *cobra.Command) error {
	serving, makes := c.Name() == "serve", c.Annotations[kernel.Makes]
	if strings.ContainsRune(dir, '?') { // SQLite's driver takes what follows for its settings
		return fmt.Errorf("the data folder %s cannot be opened, since a ? is in its name: choose another with --dir", dir)
	}
	if _, err := os.Lstat(filepath.Join(dir, kernel.Restoring)); err == nil {
		return fmt.Errorf("a restore into the data folder %s was not finished: delete that folder and restore again", dir)
	}
	var none error
	if makes == "" {
		none = noClinic(dir)
	}
	path := filepath.Join(dir, "data.db")
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		if err := guardGone(k, dir); err != nil || makes == makesFolder {
			return err
		}
		return noClinic(dir) // a new data folder
	} else if err != nil {
		return err
	} else if uid, is := foreign(info); is {
		return errNotOwner(dir, uid)
	}
	db, err := kernel.Connect(path)
	if err != nil {
		return err
	}
	applied, err := appliedSteps(db)
	if err == nil && len(applied) > 0 && !serving {
		err = unsettled(db, dir)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if len(applied) == 0 {
		return none
	}
	known := knownSteps(k)
	// A site's own scripts are not ours to know.
	unknown := slices.DeleteFunc(slices.Clone(applied), func(f string) bool { return known[f] || !strings.HasSuffix(f, ".go") })
	if len(unknown) > 0 {
		return fmt.Errorf("the data folder was written by a newer Polyclinic, or by a build with other modules (%s): start that one, or restore a backup", strings.Join(unknown, ", "))
	}
	if !slices.ContainsFunc(k.Migrations(), func(m *core.Migration) bool { return slices.Contains(applied, m.File) }) {
		return none // only PocketBase's own ran: no clinic yet
	}
	for _, f := range applied {
		delete(known, f)
	}
	if len(known) == 0 || !serving && c.Annotations[kernel.Migrates] == "" && !runsAlways(known) {
		return nil
	}
	if pid := servedBy(dir); pid != "" {
		return fmt.Errorf("the data folder %s is in use: a Polyclinic of an earlier version, or from before a script was added, is serving it (process %s), and this one would change the data under it. End it, and start this one", dir, pid)
	}
	return snapshot(dir, len(applied))
}

// runsAlways reports whether one of the steps is PocketBase's own, which run as soon as the data are
// opened, whatever the command.
func runsAlways(steps map[string]bool) bool {
	return slices.ContainsFunc(core.SystemMigrations.Items(), func(m *core.Migration) bool { return steps[m.File] })
}

func noClinic(dir string) error {
	return fmt.Errorf("there is no clinic in the data folder %s: name its folder with --dir", dir)
}

// errNotOwner keeps root out of a clinic that runs as another account: what root leaves in its
// folder, such as that of backups, the clinic cannot write from then on.
func errNotOwner(dir string, uid uint32) error {
	name := strconv.FormatUint(uint64(uid), 10)
	as := "#" + name
	if account, err := user.LookupId(name); err == nil {
		name, as = account.Username, account.Username
	}
	return fmt.Errorf("the data folder %s is of the account %s, and what root leaves in it that one could not write: run this as that account, such as with sudo -u %s", dir, name, as)
}

// unsettled refuses restored data that no server has made fit for use yet.
func unsettled(db *dbx.DB, dir string) error {
	var n int
	if err := db.Select("count(*)").From("_params").Where(dbx.HashExp{"id": kernel.UnsettledParam}).Row(&n); err != nil || n == 0 {
		return err
	}
	return fmt.Errorf("the data folder %s was restored and has to be started once before anything else is done with it: polyclinic serve --dir %s", dir, dir)
}

// appliedSteps returns the migrations that ran on the data, none in a new folder.
func appliedSteps(db *dbx.DB) (applied []string, err error) {
	var tables int
	if err := db.Select("count(*)").From("sqlite_master").Where(dbx.HashExp{"type": "table", "name": core.DefaultMigrationsTable}).Row(&tables); err != nil {
		return nil, fmt.Errorf("read the data folder: %w", err)
	}
	if tables == 0 {
		return nil, nil
	}
	if err := db.Select("file").From(core.DefaultMigrationsTable).OrderBy("file").Column(&applied); err != nil {
		return nil, fmt.Errorf("read the steps of the data folder: %w", err)
	}
	return applied, nil
}

// knownSteps returns every migration that this build and the site's scripts would run.
func knownSteps(k *kernel.Kernel) map[string]bool {
	known := map[string]bool{}
	for _, m := range k.Migrations() {
		known[m.File] = true
	}
	for _, list := range []core.MigrationsList{core.SystemMigrations, core.AppMigrations} {
		for _, m := range list.Items() {
			known[m.File] = true
		}
	}
	return known
}
