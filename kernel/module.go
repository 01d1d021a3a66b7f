// Package kernel is the contract between the hospital platform and its modules.
//
// A module is data: a value that says which collections it owns, who may touch
// them, which routes, jobs and reactions it adds. The kernel checks the whole
// set before the server starts, then binds it to one PocketBase app.
package kernel

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

// Module is everything one folder under modules/ declares.
// Only Name and Doc are required. Building a Module has no side effects.
type Module struct {
	Name       string                         // folder, migration prefix and OpenAPI tag: ^[a-z][a-z0-9]*$
	Doc        string                         // one sentence for `polyclinic modules` and the docs
	Requires   []string                       // modules whose collections or contracts this one uses
	Migrations []Migration                    // forward-only, oldest first
	Access     []Access                       // one policy table per owned collection
	Resources  []Resource                     // documented paths that run along PocketBase's CRUD
	Hooks      []Hook                         // the named rules of the owned collections
	Routes     []Route                        // verbs that CRUD cannot express
	Errors     []*Error                       // errors that database triggers raise, see RaiseSQL
	Emits      []EventDoc                     // events other modules may react to
	On         []Subscription                 // reactions to events: after commit, at least once
	Jobs       []Job                          // cron
	Settings   []Setting                      // environment variables it reads
	Commands   []func(*Kernel) *cobra.Command // subcommands of the polyclinic command
	Provides   []any                          // contracts and contributions, found by type with One and All
	Cast       func(core.App) error           // its part of the small fixed cast of tests, docs and demo
	Demo       func(core.App) error           // what the demo clinic has beyond the cast
	Bind       func(*Kernel) error            // escape hatch: look up contracts, bind other PocketBase hooks
}

// Alone annotates a command that must have the data folder for itself: it is refused while
// a server is running on it.
const Alone = "alone"

// Offline annotates a command that opens no data folder of a clinic.
const Offline = "offline"

// Makes annotates a command that may make a data folder, or a clinic in one. Every other one is
// refused where there is no clinic: --dir was forgotten, or mistyped.
const Makes = "makes"

// Migrates annotates a command that brings the data up to date before it works on them, as a
// server's start does. It is refused while a server of an earlier version runs.
const Migrates = "migrates"

// Migration is one forward-only step. ID is "<unix seconds>_<what>"; the kernel
// inserts the module name, so two modules can never claim the same history row.
type Migration struct {
	ID string
	Up func(tx core.App) error
}

// Job is a cron task. Spec is a five-field UTC cron expression.
type Job struct {
	Name, Spec, Doc string
	Run             func(core.App) error
}

// Setting is one environment variable. A Secret is never printed; where NAME is
// unset, the content of the file that NAME_FILE names is used.
type Setting struct {
	Name, Default, Doc string
	Secret             bool
	Wrong              func(value string) string // what the value must be, "" when it is; nil: anything
}

// Value returns the variable, the content of its _FILE twin without the final
// line break, or the default.
func (s Setting) Value() string {
	if v := os.Getenv(s.Name); v != "" {
		return v
	}
	if path := os.Getenv(s.Name + "_FILE"); path != "" {
		if raw, err := os.ReadFile(path); err == nil {
			return strings.TrimRight(string(raw), "\r\n")
		}
	}
	return s.Default
}

// Read is Value, but an error where NAME_FILE names a file that cannot be read, or is empty: for a
// key, without which something would be done in the clear, or not at all.
func (s Setting) Read() (string, error) {
	if path := os.Getenv(s.Name + "_FILE"); path != "" && os.Getenv(s.Name) == "" {
		raw, err := os.ReadFile(path)
		if err == nil && strings.TrimSpace(string(raw)) == "" {
			err = fmt.Errorf("%s is empty", path)
		}
		if err != nil {
			return "", fmt.Errorf("%s_FILE: %w", s.Name, err)
		}
	}
	return s.Value(), nil
}

var (
	reName      = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	reMigration = regexp.MustCompile(`^\d{10}_[a-z0-9_]+$`)
)
