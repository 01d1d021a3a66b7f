package health

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// checkCommand runs every module's checks beside a server or without one, and adds what only
// the server can see. It fails when there is an alarm or a risk.
func checkCommand(k *kernel.Kernel) *cobra.Command {
	c := &cobra.Command{Use: "check", Short: "Look for what is set up badly or about to go wrong, and say what to do", Args: cobra.NoArgs}
	asJSON := c.Flags().Bool("json", false, "print the findings as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		askToLook(k.App.DataDir())
		kept, age, err := keptBy(k.App, time.Now())
		if err != nil {
			return err
		}
		found := addKept(runAll(k), kept, age)
		rank := []kernel.Level{kernel.Alarm, kernel.Risk, kernel.Note}
		slices.SortStableFunc(found, func(a, b kernel.Finding) int { return slices.Index(rank, a.Level) - slices.Index(rank, b.Level) })
		if err := show(c, found, *asJSON); err != nil {
			return err
		}
		bad := slices.DeleteFunc(slices.Clone(found), func(f kernel.Finding) bool { return f.Level == kernel.Note })
		if len(bad) > 0 {
			return fmt.Errorf("%d findings need somebody's attention", len(bad))
		}
		return nil
	}
	return c
}

func show(c *cobra.Command, found []kernel.Finding, asJSON bool) error {
	out := c.OutOrStdout()
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(found)
	}
	for _, f := range found {
		if _, err := fmt.Fprintf(out, "%-5s  %s  (%s)\n", strings.ToUpper(string(f.Level)), f.Text, f.Code); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(out, "Nothing found.")
		return err
	}
	return nil
}
