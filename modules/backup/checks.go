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
}, kernel.Check{
	Name: "copies", Doc: "Whether the copies of every few minutes are made, and lie on another disk.",
	Run: func(app core.App) []kernel.Finding { return copyChecks(app, time.Now()) },
}}

// lookedSoon is when a backup should have been opened.
const lookedSoon = 6 * time.Hour

// lookedThrough says what came of opening a backup. It does not say what is wrong, which may name
// an upload.
func lookedThrough(r run, now time.Time) []kernel.Finding {
	finding := func(level kernel.Level, code, text string) []kernel.Finding {
		return []kernel.Finding{{Level: level, Code: code, Text: text}}
	}
	switch {
	case r.CheckError != "":
		return finding(kernel.Alarm, "backup_not_whole", "The newest backup was looked through and is not whole: `polyclinic backup verify` says why. Make another with `polyclinic backup`; if that is not whole either, see to the disk and to what the other findings say.")
	case r.CheckNote == "sealed":
		return finding(kernel.Note, "backup_sealed", "Backups cannot be opened on this machine, by intent: each is looked through before it is encrypted, and compared with what was written. Open one where its secret key is now and then: polyclinic backup verify.")
	case r.Sum == "" || !r.CheckedAt.IsZero():
		return nil
	case r.CheckNote != "":
		return finding(kernel.Risk, "backup_not_opened", "The newest backup was not opened to see whether it is whole: "+r.CheckNote+". Make room, or run `polyclinic backup verify` on another machine.")
	case r.age(now) > lookedSoon && r.age(now) <= tooOld:
		return finding(kernel.Risk, "backup_not_opened", "The newest backup was not opened to see whether it is whole: the server does so by itself while it runs, see its log, or run `polyclinic backup verify`.")
	}
	return nil
}

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
	if good != nil {
		found = append(found, lookedThrough(*good, now)...)
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
