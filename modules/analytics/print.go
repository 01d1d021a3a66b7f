package analytics

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/views"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// schemaCommand prints the tables for whoever may make them where the sync's role may not.
func schemaCommand(k *kernel.Kernel) *cobra.Command {
	citus := false
	c := &cobra.Command{
		Use: "schema", Short: "Print the SQL that makes the warehouse's tables", Args: cobra.NoArgs, Annotations: map[string]string{kernel.Offline: "yes"},
		Long: "Print the SQL that makes the warehouse's tables and describes them, for an administrator to run:\n  polyclinic analytics schema | psql \"$ADMIN_URL\"\n" +
			"It may be run again, and adds what a later version declares. The sync makes all of it itself where its role may.",
		RunE: func(c *cobra.Command, _ []string) error {
			history, err := onOff(historySetting)
			if err != nil {
				return err
			}
			statements := warehouse.DDL(Tables(k), history)
			if citus {
				statements = append(statements, warehouse.Distribute(Tables(k), history)...)
			}
			return printSQL(c, statements)
		},
	}
	c.Flags().BoolVar(&citus, "citus", false, "also spread the tables over a Citus cluster; run it once, before the first row")
	return c
}

// viewsCommand prints the views, or makes them.
func viewsCommand(k *kernel.Kernel) *cobra.Command {
	apply := false
	c := &cobra.Command{
		Use: "views", Short: "Print the SQL that makes the warehouse's views, or make them", Args: cobra.NoArgs, Annotations: map[string]string{kernel.Offline: "yes"},
		Long: "Print the SQL that makes the views to look at the warehouse with: facts, dimensions and the chain's sums.\nIt may be run again after an update.",
		RunE: func(c *cobra.Command, _ []string) error {
			if !apply {
				return printSQL(c, views.SQL())
			}
			if !configured() {
				return errUnset
			}
			url, err := urlSetting.Read()
			if err != nil {
				return err
			}
			w, err := warehouse.Open(within(c), url, "") // the views are of no site
			if err != nil {
				return err
			}
			defer closing(w)
			if err := w.EnsureSchema(within(c), Tables(k)); err != nil {
				return err
			}
			if err := w.Define(within(c), views.SQL()); errors.Is(err, warehouse.ErrRights) {
				return fmt.Errorf("the role of %s may make no views: let somebody who may run what `polyclinic analytics views` prints", urlSetting.Name)
			} else if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d views are there.\n", len(views.All()))
			return err
		},
	}
	c.Flags().BoolVar(&apply, "apply", false, "make them, with the role of POLYCLINIC_ANALYTICS_URL")
	return c
}

func printSQL(c *cobra.Command, statements []string) error {
	// What is there already is no news, and would bury what is.
	for _, sql := range append([]string{"SET client_min_messages = warning"}, statements...) {
		if _, err := fmt.Fprintln(c.OutOrStdout(), sql+";"); err != nil {
			return err
		}
	}
	return nil
}
