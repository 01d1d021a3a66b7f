package health

import (
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/reach"
)

// Less room than this is worth acting on. A day of a busy clinic is some 100 MB.
const (
	littleRoom = 2 << 30
	hardlyAny  = 200 << 20
)

func finding(level kernel.Level, code, text string) []kernel.Finding {
	return []kernel.Finding{{Level: level, Code: code, Text: text}}
}

// checks are the platform's own.
var checks = []any{
	kernel.Check{Name: "storage", Doc: "Whether the data can be written.", Run: storage},
	kernel.Check{Name: "disk", Doc: "How much room is left on the disk of the data.", Run: disk},
	kernel.Check{Name: "folder", Doc: "Whether other accounts of the machine may read the data folder.", Run: folder},
	kernel.Check{Name: "clock", Doc: "Whether the clock of the machine went back.", Run: clock},
	kernel.Check{Name: "mail", Doc: "Whether e-mails leave encrypted, or at all.", Run: mail},
	kernel.Check{Name: "outbox", Doc: "Whether what follows on an event was given up.", Run: outbox},
	kernel.Check{Name: "superusers", Doc: "Whether a second factor guards the dashboard.", Run: superusers},
	kernel.Check{Name: "proxy", Doc: "Whether a proxy in front of the server is declared.", Run: proxy},
	kernel.Check{Name: "demo", Doc: "Whether people with public passwords can be reached.", Run: demo},
	kernel.Check{Name: "secrets", Doc: "Whether the settings' secrets are encrypted in the database.", Run: secrets},
	kernel.Check{Name: "transport", Doc: "Whether patients' data cross the network in the clear.", Run: transport},
	kernel.Check{Name: "settings", Doc: "Whether environment variables have values that do, and names that are read.", Run: settings},
	kernel.Check{Name: "rates", Doc: "Whether requests are limited.", Run: rates},
}

func storage(app core.App) []kernel.Finding {
	if !app.HasTable("health_probe") {
		return nil // a folder that no server of this version has prepared yet
	}
	if full := of(app).probe(app); full != nil {
		return finding(kernel.Alarm, full.Code, full.Text+" Make room, or see why the data folder cannot be written.")
	}
	return nil
}

func disk(app core.App) []kernel.Finding {
	free, size, known := kernel.DiskRoom(app.DataDir())
	switch {
	case !known:
		return nil
	case free < hardlyAny:
		return finding(kernel.Alarm, "disk_nearly_full", fmt.Sprintf("Only %d MB are left on the disk of the data: make room now.", free>>20))
	case free < littleRoom || free < size/20:
		return finding(kernel.Risk, "disk_low", fmt.Sprintf("%d MB are left on the disk of the data, %d %% of it: make room, or give it a larger one.", free>>20, free*100/size))
	}
	return nil
}

func folder(app core.App) []kernel.Finding {
	info, err := os.Stat(app.DataDir())
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return finding(kernel.Risk, "folder_readable", fmt.Sprintf("Other accounts of this machine may look into the data folder: chmod 700 %s.", app.DataDir()))
}

func clock(app core.App) []kernel.Finding {
	back := time.Duration(of(app).behindBy.Load())
	if back == 0 {
		return nil
	}
	return finding(kernel.Alarm, "clock_back", fmt.Sprintf("The clock of the machine is %s behind what it was: set it right, the times of what is written now are wrong.", back.Round(time.Minute)))
}

// unsentAlarm is how many e-mails in a row are no longer one address that the mail server does
// not know.
const unsentAlarm = 3

func mail(app core.App) (found []kernel.Finding) {
	m := app.Settings().SMTP
	if !m.Enabled {
		return finding(kernel.Note, "mail_off", "No mail server is set: nobody gets a link for a forgotten password. Set one in the dashboard (Settings, Mail).")
	}
	if n := of(app).unsent.Load(); n > 0 {
		level := kernel.Risk
		if n >= unsentAlarm {
			level = kernel.Alarm
		}
		found = finding(level, "mail_failing", fmt.Sprintf("E-mails cannot be sent, the last %d were not: send a test e-mail in the dashboard (Settings, Mail), which says why.", n))
	}
	if !m.TLS && !reach.Loopback(m.Host) {
		found = append(found, finding(kernel.Risk, "mail_plain", "E-mails may leave unencrypted: set TLS for the mail server in the dashboard (Settings, Mail).")...)
	}
	return found
}

// noteMail remembers whether e-mails can be sent. A change makes the next question be looked into.
func (w *watch) noteMail(err error) {
	before := w.unsent.Load()
	if err != nil {
		w.unsent.Add(1)
	} else {
		w.unsent.Store(0)
	}
	if before > 0 || err != nil {
		w.forget()
	}
}

// outbox names the reactions that were tried so often that nothing tries them any more.
func outbox(app core.App) []kernel.Finding {
	dead, err := kernel.GivenUp(app)
	if err != nil || len(dead) == 0 {
		return nil // what cannot be read is told by storage
	}
	var names []string
	for _, d := range dead {
		names = append(names, fmt.Sprintf("%d × %s", d.Count, d.Reaction))
	}
	return finding(kernel.Alarm, "outbox_given_up", "What was to follow on an event failed for half an hour and was given up ("+strings.Join(names, ", ")+
		"): the page Logs of the dashboard says why. Once that is set right, change the state of these rows of the collection outbox to waiting there, or delete them.")
}

func superusers(app core.App) []kernel.Finding {
	c, err := app.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil || c.MFA.Enabled {
		return nil
	}
	n, err := app.CountRecords(c)
	if err != nil || n == 0 {
		return nil
	}
	return finding(kernel.Risk, "superuser_mfa", "The dashboard opens with a password alone: turn on OTP and MFA for _superusers in it.")
}

func proxy(app core.App) []kernel.Finding {
	if len(app.Settings().TrustedProxy.Headers) > 0 || !of(app).proxied.Load() {
		return nil
	}
	return finding(kernel.Risk, "proxy_undeclared", "Requests come through a proxy that is not declared, so all callers count as one: set its header in the dashboard (Settings, Application, Trusted proxy), or take the header away.")
}

func demo(app core.App) []kernel.Finding {
	mark, err := kernel.One[kernel.DemoMark](kernel.Of(app))
	if err != nil {
		return nil
	}
	if is, err := mark.IsDemo(app); err != nil || !is {
		return nil
	}
	if at := kernel.ServedAt(app.DataDir()); at != "" && !reach.Loopback(hostOf(at)) || of(app).byOthers.Load() {
		return finding(kernel.Risk, "demo_reachable", "This is a demo whose passwords are public, and others can reach it: put no real patient into it, or serve another folder.")
	}
	return finding(kernel.Note, "demo", "This is a demo: its people are made up and their passwords public.")
}

func secrets(app core.App) []kernel.Finding {
	if name := app.EncryptionEnv(); name != "" && os.Getenv(name) != "" {
		return nil
	}
	return finding(kernel.Note, "settings_plain", "Passwords of the mail server and S3 lie unencrypted in the database: start with --encryptionEnv NAME, a variable of 32 characters.")
}

func transport(app core.App) []kernel.Finding {
	at := kernel.ServedAt(app.DataDir())
	if at == "" || strings.HasPrefix(at, "https://") || reach.Loopback(hostOf(at)) || len(app.Settings().TrustedProxy.Headers) > 0 {
		return nil
	}
	return finding(kernel.Risk, "plain_http", "The server is reached over the network without encryption: serve a domain with https, or stand behind a proxy that does and declare it.")
}

func rates(app core.App) []kernel.Finding {
	if app.Settings().RateLimits.Enabled {
		return nil
	}
	return finding(kernel.Risk, "rates_off", "Requests are not limited, so passwords can be tried without end: turn the rate limits on in the dashboard (Settings, Application).")
}

func hostOf(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
