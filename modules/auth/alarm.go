package auth

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/mailer"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/notices/noticesapi"
)

// How many failures in a row, none half an hour after another, admins hear of. A clinic may
// be behind one address, so that needs more.
// Source: 45 CFR 164.308(a)(5)(ii)(C), log-in monitoring.
const (
	alarmAccount = 10
	alarmAddress = 30
)

// alarm says which counters have just got there.
type alarm struct{ account, address bool }

// bell bounds the notices: who guesses at everybody's passwords must not bury the board. The
// trail has every alarm.
type bell struct {
	mu    sync.Mutex
	since time.Time
	rung  int
}

const noticesAnHour = 5

// ring reports whether there may be a notice now.
func (b *bell) ring(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.since) > time.Hour {
		b.since, b.rung = now, 0
	}
	b.rung++
	return b.rung <= noticesAnHour
}

// raise puts an alarm into the trail and up on the admins' board, whether or not there is an
// account that the guesses are at: how long it takes must not tell. In a transaction it does
// so after that, for a refusal rolls back what is written in it.
func (s *state) raise(e *core.RequestEvent, t target, due alarm) {
	app, address := kernel.Of(e.App).App, e.RealIP()
	post := func() {
		if err := s.post(app, t, address, due); err != nil {
			app.Logger().Error("alarm of guesses at passwords not raised", "error", err)
		}
	}
	if info := e.App.TxInfo(); info != nil {
		info.OnComplete(func(error) error { post(); return nil })
		return
	}
	post()
}

func (s *state) post(app core.App, t target, address string, due alarm) error {
	entry := auditapi.Entry{Action: "sign-in-alarm", Target: "from " + network(address), Marks: []string{"guesses"}, Count: alarmAddress}
	a := GuessedV1{Attempts: alarmAddress, Address: address}
	if due.account {
		a = GuessedV1{Attempts: alarmAccount, Address: address, OneAccount: true, AccountID: t.account, Superuser: strings.HasPrefix(t.key, core.CollectionNameSuperusers+"/")}
		entry.Count = alarmAccount
		if t.account != "" {
			entry.Items = []string{kernel.AccountsCollection + "/" + t.account}
		}
	}
	return app.RunInTransaction(func(tx core.App) error {
		if err := auditapi.Record(tx, entry); err != nil || !s.notices.ring(time.Now()) {
			return err
		}
		if err := kernel.Emit(tx, guessed, a); err != nil {
			return err
		}
		return noticesapi.Post(tx, noticesapi.Notice{Title: alarmTitle, Body: a.text(tx), Audience: []string{authapi.Admin.Name}})
	})
}

// GuessedV1 says that attempts at passwords failed in a row, of which admins are told.
type GuessedV1 struct {
	Attempts   int    `json:"attempts"`
	Address    string `json:"address"`    // from which the last came
	OneAccount bool   `json:"oneAccount"` // false: the attempts have the address in common
	AccountID  string `json:"accountId"`  // "" when there is no such account, or none of the clinic's
	Superuser  bool   `json:"superuser"`
}

// guessed is emitted with the notice, and so no more often.
var guessed = kernel.Event[GuessedV1]{Name: "auth.guessed.v1"}

const alarmTitle = "Somebody may be guessing passwords"

func (a GuessedV1) text(app core.App) string {
	return fmt.Sprintf("%d attempts in a row at %s failed, the last from %s. Further ones have to wait. If it was nobody of the clinic, have the password changed. The audit trail has each attempt (action sign-in, outcome refused).",
		a.Attempts, a.target(app), a.Address)
}

// target names what is guessed at: staff by name, patients by number only.
func (a GuessedV1) target(app core.App) string {
	switch {
	case !a.OneAccount:
		return "different accounts"
	case a.Superuser:
		return "a technical administrator's account"
	}
	r, err := app.FindRecordById(kernel.AccountsCollection, a.AccountID)
	switch {
	case err != nil:
		return "an account that does not exist"
	case authapi.Patient.Has(r):
		return "a patient's account (" + r.Id + ")"
	}
	return "the account of " + r.GetString("name")
}

// mailAlarm tells each active admin by a mail of their own, where the clinic has a mail server:
// that refuses a mail as a whole for one address that it does not know. The outbox tries again
// when nobody could be told.
func mailAlarm(app core.App, a GuessedV1) error {
	if !app.Settings().SMTP.Enabled {
		return nil
	}
	admins, err := app.FindAllRecords(kernel.AccountsCollection, dbx.HashExp{"role": authapi.Admin.Name, "status": authapi.Active})
	if err != nil || len(admins) == 0 {
		return err
	}
	meta := app.Settings().Meta
	var failed []error
	for _, r := range admins {
		err := app.NewMailClient().Send(&mailer.Message{
			From: mail.Address{Name: meta.SenderName, Address: meta.SenderAddress}, To: []mail.Address{{Name: r.GetString("name"), Address: r.Email()}},
			Subject: alarmTitle + " at " + meta.AppName, Text: a.text(app) + "\n",
		})
		if err != nil {
			failed = append(failed, err)
			app.Logger().Warn("an admin was not mailed of guesses at passwords", "account", r.Id)
		}
	}
	if len(failed) == len(admins) {
		return errors.Join(failed...)
	}
	return nil
}
