package reports

import (
	"context"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// errDiffers is what the doctor command fails with.
var errDiffers = errors.New("the summaries differ from the rows: run `polyclinic doctor --repair`, and tell us how it came about")

// doctorCommand is `polyclinic doctor`.
func doctorCommand(k *kernel.Kernel) *cobra.Command {
	c := &cobra.Command{
		Use: "doctor", Short: "Recount the reports' summaries from the rows and name every difference", Args: cobra.NoArgs,
		Annotations: map[string]string{kernel.Migrates: "yes"},
	}
	repair := c.Flags().Bool("repair", false, "make the summaries equal to the rows again")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := k.App.RunAllMigrations(); err != nil {
			return err
		}
		found, err := Recount(k.App)
		if err != nil {
			return err
		}
		for _, d := range found {
			fmt.Fprintln(c.OutOrStdout(), d)
		}
		if len(found) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "Every summary agrees with the rows.")
			return nil
		}
		if !*repair {
			return errDiffers
		}
		if err := Repair(k.App); err != nil {
			return err
		}
		if found, err = Recount(k.App); err != nil || len(found) > 0 {
			return errors.Join(err, fmt.Errorf("%d differences cannot be repaired: a trigger is missing; restore a backup", len(found)))
		}
		fmt.Fprintln(c.OutOrStdout(), "Repaired.")
		return nil
	}
	return c
}

// nightly logs what Recount finds, and makes the reports ready from the summaries anew: what is
// in memory is never older than a day.
func nightly(app core.App) error {
	found, err := Recount(app)
	if err != nil {
		return err
	}
	for _, d := range found {
		app.Logger().Error("summary differs from the rows", "summary", d.Table, "key", d.Key, "kept", d.Kept, "counted", d.Counted)
	}
	reportsapi.Forget(app)
	return Ready(context.Background(), kernel.Of(app))
}

// Difference is one row of a summary that is not what the rows say. A missing trigger is
// reported with its name as Key. Kept and Counted are the figures in the order of the
// summary's Sums, separated by blanks.
type Difference struct{ Table, Key, Kept, Counted string }

func (d Difference) String() string {
	if d.Counted == "" {
		return fmt.Sprintf("%s: the trigger %s is missing", d.Table, d.Key)
	}
	return fmt.Sprintf("%s %s: kept %s, counted %s", d.Table, d.Key, d.Kept, d.Counted)
}

// Recount computes every summary that a module contributes from the rows, on one state of
// the data, and returns what differs: none is the expected answer.
func Recount(app core.App) (found []Difference, err error) {
	err = reportsapi.Snapshot(app, func(db dbx.Builder) error {
		for _, s := range kernel.All[reportsapi.Summary](kernel.Of(app)) {
			some, err := recount(db, s)
			if err != nil {
				return fmt.Errorf("recount %s: %w", s.Table, err)
			}
			found = append(found, some...)
		}
		return nil
	})
	return found, err
}

func recount(db dbx.Builder, s reportsapi.Summary) (found []Difference, err error) {
	for _, name := range s.Triggers {
		var n int
		if err := db.NewQuery("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name = {:name}").Bind(dbx.Params{"name": name}).Row(&n); err != nil {
			return nil, err
		}
		if n == 0 {
			found = append(found, Difference{Table: s.Table, Key: name})
		}
	}
	parts, err := s.Parts(db)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if s.Along == "" {
			p = nil
		}
		var rows []struct {
			Key     string `db:"key"`
			Kept    string `db:"kept"`
			Counted string `db:"counted"`
		}
		if err := db.NewQuery(compareSQL(s)).Bind(p).All(&rows); err != nil {
			return nil, err
		}
		for _, r := range rows {
			found = append(found, Difference{s.Table, r.Key, r.Kept, r.Counted})
		}
	}
	return found, nil
}
