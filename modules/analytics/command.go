package analytics

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/progress"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

func command(k *kernel.Kernel) *cobra.Command {
	c := &cobra.Command{Use: "analytics", Short: "Look after the analytics warehouse in PostgreSQL"}
	c.AddCommand(
		&cobra.Command{
			Use: "status", Short: "Tell how far the warehouse is behind", Args: cobra.NoArgs,
			Long: "Tell how far the warehouse is behind: what this data folder knows, then what the warehouse says. It works beside a running server.\nIt ends with status 1 if the warehouse cannot be reached, or refuses the server.",
			RunE: func(c *cobra.Command, _ []string) error {
				return tool{k, c.OutOrStdout(), progress.New()}.status(within(c))
			},
		},
		&cobra.Command{
			Use: "backfill [table…]", Short: "Read tables in full again, all when none is named",
			Long: "Read tables in full again, all when none is named, comparing with what the warehouse has.\nBeside a running server that server does it; without one this command does.",
			RunE: func(c *cobra.Command, args []string) error {
				return tool{k, c.OutOrStdout(), progress.New()}.backfill(within(c), args)
			},
		},
		verifyCommand(k), schemaCommand(k), viewsCommand(k),
		&cobra.Command{
			Use: "reset", Short: "Forget what was shipped: the next start compares every table anew", Args: cobra.NoArgs,
			Long:        "Forget what was shipped: the next start compares every table with the warehouse anew. Nothing is deleted there. Stop the server first.",
			Annotations: map[string]string{kernel.Alone: "yes"},
			RunE: func(c *cobra.Command, _ []string) error {
				if err := capture.Remove(k.App); err != nil {
					return err
				}
				_, err := fmt.Fprintln(c.OutOrStdout(), "The change log and its triggers are gone. The next start of the server makes them again and compares every table with the warehouse.")
				return err
			},
		},
	)
	return c
}

func verifyCommand(k *kernel.Kernel) *cobra.Command {
	repair, quick := false, false
	c := &cobra.Command{
		Use: "verify [table…]", Short: "Compare every row with the warehouse",
		Long: "Compare counts and checksums of every value of every table with the warehouse, and where they differ row by row.\nIt works beside a running server; what is under way counts as no difference. It ends with status 1 if something differs.",
		RunE: func(c *cobra.Command, args []string) error {
			return tool{k, c.OutOrStdout(), progress.New()}.verify(within(c), args, repair, quick)
		},
	}
	c.Flags().BoolVar(&repair, "repair", false, "have the rows that differ shipped again, and only those")
	c.Flags().BoolVar(&quick, "quick", false, "compare the rows' stored hashes alone: what was changed by hand in a column of the warehouse goes unnoticed")
	return c
}

func within(c *cobra.Command) context.Context {
	if ctx := c.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

// tool is one run of a command.
type tool struct {
	k   *kernel.Kernel
	out io.Writer
	bar *progress.Bar
}

func (t tool) say(format string, args ...any) {
	t.bar.Clear()
	fmt.Fprintf(t.out, format+"\n", args...) // a terminal that is gone must not end the work
}

// ready reads the settings and makes the log complete.
func (t tool) ready() (ship.Config, error) {
	c, err := config(t.k)
	if err == nil {
		_, err = capture.Ensure(t.k.App, c.Tables)
	}
	return c, err
}

// open connects to the warehouse, to look.
func (t tool) open(ctx context.Context) (ship.Config, *warehouse.Warehouse, error) {
	c, err := t.ready()
	if err == nil {
		err = t.sameSite(c.Site)
	}
	if err != nil {
		return c, nil, err
	}
	w, err := warehouse.Open(ctx, c.URL(), c.Site)
	if err == nil {
		w.History = c.History
	}
	return c, w, err
}

// named checks the names of tables on the command line; none are all.
func named(c ship.Config, names []string) ([]string, error) {
	var all []string
	for _, t := range c.Tables {
		all = append(all, t.Name)
	}
	for _, n := range names {
		if !slices.Contains(all, n) {
			return nil, fmt.Errorf("there is no table %q in the warehouse: want one of %s", n, strings.Join(all, ", "))
		}
	}
	if len(names) == 0 {
		return all, nil
	}
	return names, nil
}

func (t tool) backfill(ctx context.Context, names []string) error {
	c, w, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer closing(w)
	if names, err = named(c, names); err != nil {
		return err
	}
	if _, err := sameKey(ctx, c, w); err != nil {
		return err
	}
	if err := capture.Mark(t.k.App, capture.Asked, names...); err != nil {
		return err
	}
	if err := t.settle(ctx, c, w); err != nil {
		return err
	}
	t.say("%s: read in full, nothing waits.", strings.Join(names, ", "))
	return nil
}

func closing(w *warehouse.Warehouse) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = w.Close(ctx) // the server notices a connection that is gone
}
