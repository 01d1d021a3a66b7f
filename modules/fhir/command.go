package fhir

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/progress"
	"github.com/polyclinic-os/polyclinic/modules/fhir/bundle"
)

// options are what the command line says.
type options struct {
	dryRun  bool
	keepRaw bool
	source  string
}

// reSource is what a set of data may be called: it begins every key of the set.
var reSource = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$`)

func command(k *kernel.Kernel) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "fhir <file|folder>…",
		Short: "Import patients, doctors, visits, medical records and bills from FHIR R4",
		Long: `Import patients, doctors, visits, medical records and bills from FHIR R4 files:
bundles, single resources or NDJSON, each plain or gzipped.

A second import of the same files changes nothing. What changed at the source since is
changed in the clinic's record, except where the clinic itself changed it. What could not
be read or taken over is told with its file, its place in the file and the reason; the rest
goes in, and the command then ends with status 1.

Stop the server first: an import has the data folder for itself.`,
		Annotations: map[string]string{kernel.Alone: "yes"},
		Example:     "  polyclinic import fhir --dry-run export/\n  polyclinic import fhir export/ extra.ndjson.gz",
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			if ctx == nil {
				ctx = context.Background()
			}
			return o.run(ctx, k, args, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be done, on a copy of the data that is thrown away")
	c.Flags().BoolVar(&o.keepRaw, "keep-raw", true, "keep the text of every resource, with what no record has room for")
	c.Flags().StringVar(&o.source, "source", "fhir", "name of the system that the files are from: two systems may give the same ids")
	return c
}

func (o options) run(ctx context.Context, k *kernel.Kernel, args []string, out io.Writer) error {
	if !reSource.MatchString(o.source) {
		return fmt.Errorf("--source %q: want letters, digits and _ . -, at most 40", o.source)
	}
	files, missing, err := bundle.Files(args)
	if err != nil {
		return err
	}
	if o.dryRun {
		copied, end, err := rehearsal(k)
		if err != nil {
			return err
		}
		defer end()
		k = copied
	}
	p, err := newPlan(k)
	if err != nil {
		return err
	}
	r := &run{
		ctx: ctx, kernel: k, app: k.App, plan: p, source: o.source, keepText: o.keepRaw,
		files: files, missing: missing, problems: out, bar: progress.New(),
	}
	began := time.Now()
	err = r.do()
	r.bar.Clear()
	if err != nil {
		return err
	}
	if err := r.counts.print(out, p); err != nil {
		return err
	}
	total := r.counts.total()
	_, err = fmt.Fprintf(out, "%d resources from %d files in %s.\n", total.read, len(files), time.Since(began).Round(100*time.Millisecond))
	if err == nil && o.dryRun {
		_, err = fmt.Fprintln(out, "This was a dry run: nothing was written.")
	}
	if err != nil {
		return err
	}
	if refused := total.refused + r.counts.broken; refused > 0 {
		return fmt.Errorf("%d could not be taken over, as told above; everything else was", refused)
	}
	return nil
}
