package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

func (m maker) restoreCommand(k *kernel.Kernel) *cobra.Command {
	c := &cobra.Command{
		Use: "restore FILE --dir NEW", Short: "Put a backup into a new, empty data folder; everybody signs in anew", Args: cobra.ExactArgs(1),
		Annotations: map[string]string{kernel.Offline: "yes"},
	}
	erasures := c.Flags().String("erasures", "", "who was erased since: a list ("+privacyapi.ErasuresList+"), a former data folder, or none (default: the list beside FILE)")
	c.RunE = func(c *cobra.Command, args []string) error {
		dir, err := filepath.Abs(c.Flag("dir").Value.String())
		if err != nil {
			return err
		}
		manifest, outlived, err := restore(k, args[0], dir, *erasures)
		wrong, isFlaw := errors.AsType[*flaw](err)
		if err != nil && !isFlaw {
			return err
		}
		said := errors.Join(describeTo(c, manifest, "restored into "+dir), tellNeeds(c, k, dir))
		_, err = fmt.Fprintf(c.OutOrStdout(), "%sRestrictions and withdrawn consents since %s are not in it: do them again, see the former folder's trail.\n", outlived, manifest.At.Format(time.RFC3339))
		if err := errors.Join(said, err); err != nil || !isFlaw {
			return err
		}
		_, err = fmt.Fprintf(c.ErrOrStderr(), "WARNING: the data are restored as they were, and this was wrong with them when the backup was made:\n%v\n", wrong)
		return err
	}
	return c
}

// restore puts the backup into dir, which is new or empty. It unpacks and verifies in the
// folder kernel.Restoring inside it and moves what is there up, data.db last. Killed at any
// step it leaves kernel.Restoring, and no command opens a folder that has it.
//
// Who was erased since is noted for the first start, see outlive; said is what to tell of it.
//
// A flaw does not stop it, and is returned once the data are there: a clinic whose audit trail was
// cut off needs its patients' data all the same.
func restore(k *kernel.Kernel, path, dir, erasures string) (m Manifest, said string, err error) {
	made := false
	switch have, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
		made = true
	case err != nil:
		return m, "", err
	case slices.ContainsFunc(have, func(e fs.DirEntry) bool { return e.Name() == kernel.Restoring }):
		return m, "", fmt.Errorf("an earlier restore into %s was not finished: delete that folder and start over", dir)
	case len(have) > 0:
		return m, "", fmt.Errorf("the folder %s is not empty, and a restore writes over nothing: name a new one with --dir", dir)
	}
	stage := filepath.Join(dir, kernel.Restoring)
	if err := os.MkdirAll(stage, 0o700); err != nil {
		return m, "", err
	}
	if err := errors.Join(kernel.SyncFile(dir), kernel.SyncFile(filepath.Dir(dir))); err != nil {
		return m, "", err
	}
	m, err = read(k, path, stage)
	wrong, isFlaw := errors.AsType[*flaw](err)
	if err == nil || isFlaw {
		said, err = outlive(k, path, stage, erasures, m.At)
	}
	if err == nil {
		err = refresh(filepath.Join(stage, database), m)
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(stage)) // nothing else is in dir yet
		if made {
			err = errors.Join(err, os.Remove(dir))
		}
		return m, "", err
	}
	if err := moveUp(stage, dir); err != nil || !isFlaw {
		return m, said, err
	}
	return m, said, wrong
}

// noErasures, as --erasures, restores without a list, as somebody must whose list is damaged.
const noErasures = "none"

// outlive sees to it that who was erased after the backup stays so, and returns what to tell of
// it: by what --erasures names, or the list beside the backup.
func outlive(k *kernel.Kernel, path, stage, from string, at time.Time) (said string, err error) {
	all := kernel.All[privacyapi.Restored](k)
	if len(all) == 0 {
		return "", nil // a build in which nobody is erased
	}
	back := fmt.Sprintf("Patients who were erased since %s are back in these data.", at.Format(time.RFC3339))
	if from == noErasures {
		return back + " Erase them again: the former folder's trail names them, or the letters by which they asked.\n", nil
	}
	if from == "" {
		from = filepath.Join(filepath.Dir(path), privacyapi.ErasuresList)
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) && filepath.Base(filepath.Dir(path))+"/" == copiesKey {
			from = filepath.Join(filepath.Dir(filepath.Dir(path)), privacyapi.ErasuresList) // backups lie above copies
		}
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			return "NO LIST OF ERASURES was found: there is no " + from + ". " + back + " Before anybody uses them, take " + privacyapi.ErasuresList +
				" from where backups are, or the former data folder, and restore again with --erasures. Without either, erase them by the letters by which they asked.\n", nil
		}
	}
	for _, r := range all {
		text, err := r.Outlive(stage, from, at)
		if err != nil {
			return "", err
		}
		said += text + "\n"
	}
	return said, nil
}

// moveUp makes dir what stage is.
func moveUp(stage, dir string) error {
	if err := syncFolders(stage); err != nil {
		return err
	}
	entries, err := os.ReadDir(stage)
	if err != nil {
		return err
	}
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int { // data.db last
		switch database {
		case a.Name():
			return 1
		case b.Name():
			return -1
		}
		return 0
	})
	for _, e := range entries {
		if err := os.Rename(filepath.Join(stage, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := kernel.SyncFile(dir); err != nil {
		return err
	}
	if err := os.Remove(stage); err != nil {
		return err
	}
	return kernel.SyncFile(dir)
}

// refresh gives every kind of token a new secret, so that nobody who was signed in when the
// backup was made still is, and notes that the data were restored.
func refresh(path string, m Manifest) error {
	db, err := open(path)
	if err != nil {
		return err
	}
	err = db.Transactional(func(tx *dbx.Tx) error {
		if err := newSecrets(tx); err != nil {
			return err
		}
		now := types.NowDateTime().String()
		note, err := json.Marshal(map[string]string{"restoredAt": now, "backupOf": m.At.Format(time.RFC3339)})
		if err != nil {
			return err
		}
		if _, err := tx.Delete("_params", dbx.HashExp{"id": kernel.RestoredParam}).Execute(); err != nil {
			return err
		}
		_, err = tx.Insert("_params", dbx.Params{"id": kernel.RestoredParam, "value": string(note), "created": now, "updated": now}).Execute()
		return err
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("end the sessions of the backup: %w", err)
	}
	return kernel.SyncFile(path)
}

func newSecrets(tx *dbx.Tx) error {
	var collections []struct{ ID, Options string }
	if err := tx.Select("id", "options").From("_collections").Where(dbx.HashExp{"type": core.CollectionTypeAuth}).All(&collections); err != nil {
		return err
	}
	for _, c := range collections {
		var options map[string]any
		if err := json.Unmarshal([]byte(c.Options), &options); err != nil {
			return err
		}
		for _, token := range []string{"authToken", "fileToken", "passwordResetToken", "verificationToken", "emailChangeToken"} {
			if t, ok := options[token].(map[string]any); ok {
				t["secret"] = security.RandomString(50)
			}
		}
		raw, err := json.Marshal(options)
		if err != nil {
			return err
		}
		if _, err := tx.Update("_collections", dbx.Params{"options": string(raw)}, dbx.HashExp{"id": c.ID}).Execute(); err != nil {
			return err
		}
	}
	return nil
}
