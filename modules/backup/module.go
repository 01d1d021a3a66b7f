// Package backup copies a clinic's data while it works, and brings it back into a new folder.
package backup

import (
	"strconv"
	"sync"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Module declares the backups. version is this build's, which each backup names.
func Module(version string) kernel.Module {
	m := maker{version: version, checking: &sync.Mutex{}, copying: &copying{}}
	return kernel.Module{
		Name: "backup", Doc: "Encrypted backups while the clinic works, and restoring them into a new folder.",
		Migrations: []kernel.Migration{
			{ID: "1790000000_runs", Up: createRuns},
			{ID: "1790000010_daily", Up: daily},
			{ID: "1790000020_checks", Up: addChecks},
		},
		Settings: settings,
		Errors:   []*kernel.Error{errBeside},
		Commands: []func(*kernel.Kernel) *cobra.Command{m.backupCommand, m.restoreCommand},
		Jobs: []kernel.Job{{
			Name: "look", Spec: "*/10 * * * *", Doc: "Opens the newest backup, and a step with its base, once, and looks whether they are whole.", Run: m.lookAll,
		}, {
			Name: "step", Spec: "* * * * *", Doc: "Copies what changed, as often as the setting says.", Run: m.copyNow,
		}},
		Provides: checks,
		Bind:     m.bind,
	}
}

var (
	passphrase = kernel.Setting{Name: "POLYCLINIC_BACKUP_PASSPHRASE", Secret: true, Doc: "Encrypts backups, and opens them. Keep it where the server is not: without it they cannot be read.", Wrong: guessable}
	recipients = kernel.Setting{Name: "POLYCLINIC_BACKUP_RECIPIENT", Doc: "Encrypts backups to public keys (age1…, separated by commas) instead: the server then cannot read them itself. Wins over the passphrase."}
	identity   = kernel.Setting{Name: "POLYCLINIC_BACKUP_IDENTITY", Secret: true, Doc: "The secret key (AGE-SECRET-KEY-1…) that opens backups made to its public one: for verify and restore only."}
	weekly     = kernel.Setting{Name: "POLYCLINIC_BACKUP_WEEKLY", Default: "4", Doc: "How many weekly backups are kept beside the scheduled ones, of which the dashboard's setting says how many.", Wrong: noCount}
	every      = kernel.Setting{Name: "POLYCLINIC_BACKUP_EVERY", Doc: "How often what changed is copied, such as 5m: a disk that fails then takes no more than that with it. Unset, only the nightly backups are made."}
	everyTo    = kernel.Setting{Name: "POLYCLINIC_BACKUP_EVERY_TO", Doc: "Folder on another disk for those copies. Unset, they go where the dashboard's settings have backups."}
	settings   = []kernel.Setting{passphrase, recipients, identity, weekly, every, everyTo}
)

// guessable is for a word that whoever has a backup finds by trying.
func guessable(word string) string {
	if len(word) < 16 {
		return "is too short to keep anybody out of a backup: take 16 characters or more, such as six words"
	}
	return ""
}

func noCount(text string) string {
	if n, err := strconv.Atoi(text); err != nil || n < 0 {
		return "must be a whole number, 0 for none: as it is, no weekly backup is kept"
	}
	return ""
}

// createRuns makes the list of backups that were made. It is no collection: clients do not see it.
func createRuns(tx core.App) error {
	_, err := tx.DB().NewQuery(`CREATE TABLE backup_runs (
		at TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, encrypted INTEGER NOT NULL, error TEXT NOT NULL
	)`).Execute()
	return err
}

// daily makes a backup every night, and keeps seven, until somebody says otherwise in the dashboard.
func daily(tx core.App) error {
	b := &tx.Settings().Backups
	if b.Cron != "" {
		return nil
	}
	b.Cron, b.CronMaxKeep = "10 1 * * *", 7
	return tx.Save(tx.Settings())
}
