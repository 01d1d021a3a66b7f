package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/backup/backupapi"
)

func (m maker) backupCommand(k *kernel.Kernel) *cobra.Command {
	c := &cobra.Command{Use: "backup", Short: "Copy the clinic's data, while it works or not, into one encrypted file", Args: cobra.NoArgs}
	to := c.Flags().String("to", "", "folder or file to write to (default: where the dashboard's settings have backups)")
	plain := c.Flags().Bool("plain", false, "write it unencrypted where no key is set")
	logs := c.Flags().Bool("logs", false, "include the request log (auxiliary.db), only with --to")
	c.RunE = func(c *cobra.Command, _ []string) error {
		key, err := sealer()
		if err != nil {
			return err
		}
		if len(key) == 0 && !*plain {
			return errors.New("set " + passphrase.Name + " or " + recipients.Name + " to encrypt the backup, or say --plain")
		}
		where, err := m.make(c, k.App, *to, key, *logs)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), where)
		return err
	}
	c.AddCommand(verifyCommand(k), m.stepCommand(k), keyCommand())
	return c
}

// make makes a backup and returns where it is.
func (m maker) make(c *cobra.Command, app core.App, to string, key []age.Recipient, logs bool) (string, error) {
	if to == "" {
		return m.store(c.Context(), app, "")
	}
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		to = filepath.Join(to, fullName("polyclinic_"+time.Now().UTC().Format("20060102150405"), len(key) > 0))
	}
	if _, err := os.Lstat(to); err == nil {
		return "", fmt.Errorf("%s is there already: name another file", to)
	}
	r := run{Name: filepath.Base(to), Encrypted: len(key) > 0}
	b, err := m.file(app, order{to: key, logs: logs})
	if err != nil {
		record(app, r, err)
		return "", err
	}
	defer b.done()
	err = settle(b.path, to)
	r.Bytes = b.bytes
	record(app, r, err)
	return to, err
}

func verifyCommand(k *kernel.Kernel) *cobra.Command {
	return &cobra.Command{
		Use: "verify FILE", Short: "Look whether a backup can be opened and is whole, on any machine", Args: cobra.ExactArgs(1),
		Annotations: map[string]string{kernel.Offline: "yes"},
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := os.MkdirTemp("", "polyclinic_verify_*")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			m, err := read(k, args[0], dir)
			if err != nil {
				return err
			}
			return errors.Join(describeTo(c, m, "whole"), tellNeeds(c, k, dir))
		},
	}
}

// read unpacks the backup, or the step and its base, into the empty folder dir and looks whether it is whole.
func read(k *kernel.Kernel, path, dir string) (Manifest, error) {
	m, err := unpackAt(path, dir)
	if err != nil {
		return m, err
	}
	return m, inspect(k, dir, m)
}

func describeTo(c *cobra.Command, m Manifest, verb string) error {
	var rows, bytes int64
	for _, n := range m.Rows {
		rows += n
	}
	for _, f := range m.Files {
		bytes += f.Size
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s: made %s by Polyclinic %s, %d tables with %d rows, %d files, %d MB\n",
		verb, m.At.Format(time.RFC3339), m.Version, len(m.Rows), rows, len(m.Files), bytes>>20)
	if err == nil && len(m.Missing) > 0 {
		_, err = fmt.Fprintf(c.OutOrStdout(), "%d uploaded files were lost before the backup was made, the first is %s\n", len(m.Missing), m.Missing[0])
	}
	if err == nil && m.Outside {
		_, err = fmt.Fprintln(c.OutOrStdout(), "uploaded files lie on an S3 and are not in the backup")
	}
	return err
}

// tellNeeds says what whoever restores has to bring besides the backup.
func tellNeeds(c *cobra.Command, k *kernel.Kernel, dir string) error {
	for _, p := range kernel.All[backupapi.Part](k) {
		if p.Needs == nil {
			continue
		}
		text, err := p.Needs(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		if text == "" {
			continue
		}
		if _, err := fmt.Fprintln(c.OutOrStdout(), "NOT IN IT: "+text); err != nil {
			return err
		}
	}
	return nil
}

func keyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Make a pair of keys: a public one that the server encrypts backups to, and the secret one to keep elsewhere", Args: cobra.NoArgs,
		Annotations: map[string]string{kernel.Offline: "yes"},
		RunE: func(c *cobra.Command, _ []string) error {
			id, err := age.GenerateX25519Identity()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "On the server: %s=%s\nKeep away from it, on paper too: %s=%s\n", recipients.Name, id.Recipient(), identity.Name, id)
			return err
		},
	}
}
