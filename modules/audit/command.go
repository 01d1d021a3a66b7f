package audit

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

func auditCommand(k *kernel.Kernel) *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Verify, export and archive the audit trail", Args: cobra.NoArgs, Annotations: offline, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(verifyCommand(k), exportCommand(k), archiveCommand(k))
	return c
}

// offline annotates commands that need no data folder: an auditor may have none.
var offline = map[string]string{kernel.Offline: "yes"}

func verifyCommand(k *kernel.Kernel) *cobra.Command {
	var files []string
	var anchors, since string
	var known []int64
	c := &cobra.Command{
		Use: "verify", Short: "Recompute the audit trail and name the first entry that is not in order", Args: cobra.NoArgs, Annotations: offline,
		Long: "Recompute the audit trail and name the first entry that was edited, removed, written anew, cut off or forked. It works beside a running server, and with --file\n" +
			"on any machine, from what \"audit export\" or \"audit archive\" wrote; name the parts oldest first. In a data folder it also compares what data.db and the index know of\n" +
			"the trail. It exits with 1 when the trail is not whole, when there is none, and when an entry tells of a gap that --known-gaps does not name.",
	}
	c.Flags().StringSliceVar(&files, "file", nil, "exported file or archived segment, instead of the data folder's trail")
	c.Flags().StringVar(&anchors, "anchors", "", "file of anchors (default: those in POLYCLINIC_AUDIT_ANCHORS and in the warehouse)")
	c.Flags().StringVar(&since, "anchored-since", "", "leave out anchors set before this time (RFC 3339): after a backup was restored, those between the backup and the restore speak of entries that are gone")
	c.Flags().Int64SliceVar(&known, "known-gaps", nil, "numbers of the trail-lost entries that were accounted for, besides those in "+settingGaps.Name)
	c.RunE = func(c *cobra.Command, _ []string) error {
		var from time.Time
		if since != "" {
			var err error
			if from, err = time.Parse(time.RFC3339, since); err != nil {
				return fmt.Errorf("--anchored-since: %q is no time like 2026-11-29T08:00:00Z", since)
			}
		}
		list, unread, err := anchorsOf(k, anchors, len(files) == 0, from)
		if err != nil {
			return err
		}
		var v verified
		if len(files) > 0 {
			v, err = verifySource(chain.Files(files...), list)
		} else {
			v, err = verifyFolder(k.App.DataDir(), dir(k.App.DataDir()), list)
		}
		if err != nil {
			return err
		}
		accounted, err := knownGaps()
		if err != nil {
			return err
		}
		return errors.Join(v.tell(c.OutOrStdout(), append(known, accounted...)), unread)
	}
	return c
}

// tell writes what was found, and returns what is wrong with it.
func (v verified) tell(out io.Writer, known []int64) error {
	if v.Problem != nil {
		return errors.New(v.Report.String())
	}
	if v.other != "" {
		return fmt.Errorf("the trail by itself is in order, up to entry %d, but %s", v.Last, v.other)
	}
	if err := v.unknown(known); err != nil {
		return err
	}
	lines := []string{v.Report.String()}
	for _, g := range v.gaps {
		lines = append(lines, "a known gap: "+g.String())
	}
	for _, n := range v.notes {
		lines = append(lines, "restored: "+n.String())
	}
	if v.older != "" {
		lines = append(lines, v.older)
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

// anchorsOf reads the anchors to verify by: those of the file, or else those of every place
// that is set up. Where one cannot be read the others are compared all the same.
func anchorsOf(k *kernel.Kernel, file string, here bool, since time.Time) (list []chain.Anchor, unread, err error) {
	switch {
	case file != "":
		list, err = chain.ReadAnchors(file)
	case here:
		list, unread = keptAnchors(k)
	}
	return slices.DeleteFunc(list, func(a chain.Anchor) bool { return a.At.Before(since) }), unread, err
}

func exportCommand(k *kernel.Kernel) *cobra.Command {
	var from, to int64
	c := &cobra.Command{
		Use: "export [FILE]", Short: "Write the audit trail to a file that can be verified alone, or to the terminal", Args: cobra.MaximumNArgs(1), Annotations: offline,
		Long: "Write the audit trail as text, one JSON object a line. A name that ends in .gz is packed. A file is readable for its owner only; one that exists is not overwritten.",
	}
	c.Flags().Int64Var(&from, "from", 0, "number of the first entry")
	c.Flags().Int64Var(&to, "to", 0, "number of the last entry")
	c.RunE = func(c *cobra.Command, args []string) error {
		trail := dir(k.App.DataDir())
		if err := noteExport(k.App); err != nil {
			return fmt.Errorf("nothing was exported, since it could not be entered into the trail of %s: run it as an account that may write there, or export a copy of the folder %s alone (%w)", k.App.DataDir(), trail, err)
		}
		if len(args) == 0 {
			_, err := chain.Export(trail, c.OutOrStdout(), from, to)
			return err
		}
		n, err := writeFile(args[0], func(out io.Writer) (int64, error) { return chain.Export(trail, out, from, to) })
		if err == nil {
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d entries in %s\n", n, args[0])
		}
		return err
	}
	return c
}

// noteExport says in the trail that it leaves, where its data folder is. It opens data.db alone,
// and nothing of the program's.
func noteExport(app core.App) (err error) {
	path := filepath.Join(app.DataDir(), "data.db")
	if _, err := os.Stat(path); err != nil {
		return nil // an auditor's machine
	}
	db, err := kernel.Connect(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	b, err := chain.Encode(chain.Entry{Request: random(8), Actor: process(false), Action: "export", Target: "audit trail", Outcome: "ok", Build: of(app).build})
	if err != nil {
		return err
	}
	_, err = db.Insert("audit_writes", dbx.Params{"body": string(b.Raw)}).Execute()
	return err
}

// writeFile leaves no half of a file behind.
func writeFile(name string, write func(io.Writer) (int64, error)) (n int64, err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	if strings.HasSuffix(name, ".gz") {
		z := gzip.NewWriter(f)
		n, err = write(z)
		err = errors.Join(err, z.Close())
	} else {
		n, err = write(f)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return n, err
}

func archiveCommand(k *kernel.Kernel) *cobra.Command {
	var before string
	c := &cobra.Command{
		Use: "archive FOLDER", Short: "Move old segments of the audit trail, verified, into another folder", Args: cobra.ExactArgs(1), Annotations: map[string]string{kernel.Alone: "yes"},
		Long: "Move the closed segments whose entries are all older than a day into another folder, such as one on a disk that is kept in a safe. The trail notes it, and stays\n" +
			"verifiable: the folder's files with --file, what is left by itself. The server must not run. Searches and access logs no longer show what was moved.",
	}
	c.Flags().StringVar(&before, "before", "", "first day that is kept, YYYY-MM-DD (default: six years ago)")
	c.RunE = func(c *cobra.Command, args []string) error {
		day := time.Now().UTC().AddDate(-keepYears, 0, 0)
		if before != "" {
			var err error
			if day, err = time.Parse(time.DateOnly, before); err != nil {
				return fmt.Errorf("--before %s: a day is written YYYY-MM-DD", before)
			}
		}
		moved, err := archive(dir(k.App.DataDir()), args[0], day)
		for _, s := range moved {
			fmt.Fprintf(c.OutOrStdout(), "entries %d to %d: %s (head %s)\n", s.First, s.Last, filepath.Join(args[0], filepath.Base(s.Path)), s.Head)
		}
		if err == nil && len(moved) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "no closed segment is that old")
		}
		return err
	}
	return c
}

// keepYears is how long HIPAA wants documentation kept: 45 CFR 164.316(b)(2)(i).
const keepYears = 6
