package exchange

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

func importCommand(k *kernel.Kernel) *cobra.Command {
	return parent(k, exchangeapi.Import, "Bring data in from files")
}

func exportCommand(k *kernel.Kernel) *cobra.Command {
	return parent(k, exchangeapi.Export, "Write data to files")
}

// parent collects what modules contribute under one command.
func parent(k *kernel.Kernel, under, short string) *cobra.Command {
	c := &cobra.Command{
		Use: under, Short: short, Args: cobra.NoArgs, Annotations: map[string]string{kernel.Offline: "yes"},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for _, contributed := range kernel.All[exchangeapi.Command](k) {
		if contributed.Under == under {
			sub := contributed.New(k)
			migrateFirst(k, sub)
			if under == exchangeapi.Import {
				mayMake(sub)
			}
			c.AddCommand(sub)
		}
	}
	return c
}

// mayMake lets a new clinic begin with what it brings from elsewhere.
func mayMake(c *cobra.Command) {
	annotate(c, kernel.Makes)
}

func annotate(c *cobra.Command, as string) {
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[as] = "yes"
}

// migrateFirst lets a command run on the data of an earlier release, an import on an empty folder.
func migrateFirst(k *kernel.Kernel, c *cobra.Command) {
	run := c.RunE
	if run == nil {
		return
	}
	annotate(c, kernel.Migrates)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := k.App.RunAllMigrations(); err != nil {
			return err
		}
		return run(c, args)
	}
}

func importCSVCommand(k *kernel.Kernel) *cobra.Command {
	var opt Options
	c := &cobra.Command{
		Use:   "csv " + strings.Join(names(k), "|") + " file.csv",
		Short: "Import a table from CSV",
		Long: "Import a table from CSV. The first line names the columns; \"export csv\" shows which there are. The file is UTF-8, separated by , or ;.\n" +
			"Every row is checked first: with a bad one nothing is written. An import may be repeated, also one that was interrupted: what is there already is not made twice.\n" +
			"The clinic works on meanwhile: it writes a few rows at a time and lets others write in between. Rows that are in stay when it is interrupted.\n\n" + docs(k),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("name a table and a file, such as: polyclinic import csv patients file.csv (tables: %s)", strings.Join(names(k), ", "))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&opt.DryRun, "dry-run", false, "check every row, say what would be done, and write nothing")
	c.Flags().BoolVar(&opt.SkipBad, "skip-bad", false, "leave bad rows out and import the others, without checking the file first")
	c.RunE = func(c *cobra.Command, args []string) error {
		t, err := tableOf(k, args[0])
		if err != nil {
			return err
		}
		file, size, err := open(args[1], c.InOrStdin())
		if err != nil {
			return err
		}
		defer file.Close()
		bar := progress{out: c.ErrOrStderr(), total: size}
		opt.Each = bar.show
		opt.Bad = func(b BadRow) { bar.clear(); fmt.Fprintln(c.OutOrStdout(), b) }
		sum, err := Import(k.App, t, file, opt)
		bar.clear()
		if err != nil {
			return err
		}
		if !opt.DryRun {
			kernel.Optimize(k.App)
		}
		fmt.Fprintln(c.OutOrStdout(), sum)
		if sum.Bad > 0 && !opt.SkipBad {
			return fmt.Errorf("%d bad rows: nothing was written (correct them, or leave them out with --skip-bad)", sum.Bad)
		}
		return nil
	}
	return c
}

func exportCSVCommand(k *kernel.Kernel) *cobra.Command {
	return &cobra.Command{
		Use:   "csv " + strings.Join(names(k), "|") + " [file.csv]",
		Short: "Export a table as CSV, to the terminal when no file is named",
		Long: "Export a table as CSV (UTF-8, separated by commas). Deleted records are left out. A file is made readable for its owner only; one that exists is not overwritten.\n" +
			"Values that a spreadsheet would run as a formula begin with an apostrophe, which an import takes off.\n\n" + docs(k),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 2 {
				return fmt.Errorf("name a table, such as: polyclinic export csv patients (tables: %s)", strings.Join(names(k), ", "))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			t, err := tableOf(k, args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				_, err := Export(k.App, t, c.OutOrStdout())
				return err
			}
			n, err := exportFile(k, t, args[1])
			if err == nil {
				fmt.Fprintf(c.OutOrStdout(), "%d rows in %s\n", n, args[1])
			}
			return err
		},
	}
}

// exportFile leaves no half of a file behind.
func exportFile(k *kernel.Kernel, t exchangeapi.Table, name string) (rows int, err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	rows, err = Export(k.App, t, f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return rows, err
}

// source is a file that can be read twice.
type source interface {
	io.ReadSeeker
	io.Closer
}

// held is what came through a pipe, in memory: it cannot be read from its start again.
type held struct{ *bytes.Reader }

func (held) Close() error { return nil }

func hold(in io.Reader) (source, int64, error) {
	raw, err := io.ReadAll(in)
	if err != nil {
		return nil, 0, fmt.Errorf("read the file: %w", err)
	}
	return held{bytes.NewReader(raw)}, int64(len(raw)), nil
}

// open returns the file, or standard input for "-", and its size.
func open(name string, stdin io.Reader) (source, int64, error) {
	if name == "-" {
		return hold(stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder, not a file", name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	if !info.Mode().IsRegular() {
		in, size, err := hold(f)
		return in, size, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// tables returns what can be imported and exported: tables of modules that are on.
func tables(k *kernel.Kernel) (list []exchangeapi.Table) {
	for _, t := range kernel.All[exchangeapi.Table](k) {
		if !k.Off(t.Collection) {
			list = append(list, t)
		}
	}
	return list
}

func names(k *kernel.Kernel) (list []string) {
	for _, t := range tables(k) {
		list = append(list, t.Name)
	}
	return list
}

func docs(k *kernel.Kernel) string {
	var b strings.Builder
	for _, t := range tables(k) {
		fmt.Fprintf(&b, "%s: %s\n  id, %s\n", t.Name, t.Doc, strings.Join(append(t.Columns[:len(t.Columns):len(t.Columns)], t.ImportOnly...), ", "))
		keys := []string{"id"}
		for _, k := range t.Keys {
			keys = append(keys, strings.Join(k, " with "))
		}
		fmt.Fprintf(&b, "  which record a row is: that of its %s, whichever is filled first; otherwise the one that was imported with the same %s\n", strings.Join(keys, ", "), strings.Join(t.Natural, ", "))
	}
	return b.String()
}

func tableOf(k *kernel.Kernel, name string) (exchangeapi.Table, error) {
	for _, t := range tables(k) {
		if t.Name == name {
			return t, nil
		}
	}
	return exchangeapi.Table{}, fmt.Errorf("there is no table %q: choose one of %s", name, strings.Join(names(k), ", "))
}
