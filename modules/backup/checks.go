package backup

import (
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// tooOld is two nights and a morning: one may fail unnoticed, two may not.
const tooOld = 50 * time.Hour

var checks = []any{kernel.Check{
	Name: "backups", Doc: "Whether backups are made, encrypted, kept elsewhere and not too old.",
	Run: func(app core.App) []kernel.Finding { return look(app, time.Now()) },
}}

func look(app core.App, now time.Time) (found []kernel.Finding) {
	say := func(level kernel.Level, code, text string) {
		found = append(found, kernel.Finding{Level: level, Code: code, Text: text})
	}
	last, good, err := latest(app)
	if err != nil {
		return nil // the folder is not prepared, or cannot be read: that is another check's
	}
	scheduled := app.Settings().Backups.Cron != ""
	switch {
	case good == nil && !scheduled:
		say(kernel.Risk, "backup_none", "There is no backup and none is scheduled: set a time in the dashboard (Settings, Backups), or run `polyclinic backup` every night.")
	case good == nil:
		say(kernel.Risk, "backup_none", "There is no backup yet: run `polyclinic backup` now rather than wait for the night.")
	case good.age(now) > tooOld:
		say(kernel.Risk, "backup_old", fmt.Sprintf("The newest backup is %d hours old: see why the schedule does not run, or run `polyclinic backup`.", int(good.age(now).Hours())))
	}
	if last != nil && last.Error != "" {
		say(kernel.Alarm, "backup_failed", "The last backup failed: run `polyclinic backup` to see why.")
	}
	to, err := sealer()
	switch {
	case err != nil:
		say(kernel.Alarm, "backup_key", "The key for backups cannot be used, so none is made: see "+passphrase.Name+" and "+recipients.Name+".")
	case len(to) == 0 && app.Settings().Backups.S3.Enabled:
		say(kernel.Alarm, "backup_plain", "Backups go to an S3 and have no key, so none is made: set "+passphrase.Name+" or "+recipients.Name+".")
	case len(to) == 0:
		say(kernel.Risk, "backup_plain", "Backups are not encrypted: set "+passphrase.Name+" or "+recipients.Name+".")
	}
	if !app.Settings().Backups.S3.Enabled {
		say(kernel.Note, "backup_same_disk", "Backups lie on the disk that they are to survive: copy the folder backups to another place, or set an S3 in the dashboard.")
	}
	return found
}
