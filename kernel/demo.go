package kernel

import (
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// DemoMark remembers, in the data folder, that its people are made up. One module provides it.
type DemoMark interface {
	IsDemo(app core.App) (bool, error)
	MarkDemo(tx core.App) error
}

// People names a collection whose rows are people. Modules list theirs in Provides; a data
// folder with one of them is nobody's demo.
type People string

// ErrHoldsPeople is why a data folder is refused as a demo.
var ErrHoldsPeople = errors.New("this data folder already holds people: a demo clinic is only put into an empty one (choose another with --dir)")

// Seed puts the cast and, when full, the rest of the demo clinic into an empty data
// folder, in one transaction. A folder that is a demo already is left as it is.
func (k *Kernel) Seed(app core.App, full bool) error {
	mark, err := One[DemoMark](k)
	if err != nil {
		return err
	}
	if is, err := mark.IsDemo(app); err != nil || is {
		return err
	}
	for _, collection := range append(All[People](k), AccountsCollection) {
		people, err := app.CountRecords(string(collection))
		if err != nil {
			return err
		}
		if people > 0 {
			return ErrHoldsPeople
		}
	}
	if full {
		app.Store().Set(seedingKey, true)
		defer app.Store().Remove(seedingKey)
	}
	return app.RunInTransaction(func(tx core.App) error {
		if err := mark.MarkDemo(tx); err != nil {
			return err
		}
		for _, m := range k.Modules {
			if m.Cast != nil {
				if err := m.Cast(tx); err != nil {
					return fmt.Errorf("cast of %s: %w", m.Name, err)
				}
			}
		}
		for _, m := range k.Modules {
			if full && m.Demo != nil {
				if err := m.Demo(tx); err != nil {
					return fmt.Errorf("demo of %s: %w", m.Name, err)
				}
			}
		}
		return nil
	})
}

const seedingKey = "kernel.seeding"

// Seeding reports whether a whole demo clinic is being made up right now, ahead of the first
// request: nobody did what its records tell.
func Seeding(app core.App) bool { return app.Store().Get(seedingKey) == true }
