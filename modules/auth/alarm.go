package auth

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

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
	at, what := "different accounts", alarmAddress
	if due.account {
		entry.Count, what = alarmAccount, alarmAccount
		at = accountText(app, t)
		if t.account != "" {
			entry.Items = []string{kernel.AccountsCollection + "/" + t.account}
		}
	}
	return app.RunInTransaction(func(tx core.App) error {
		if err := auditapi.Record(tx, entry); err != nil || !s.notices.ring(time.Now()) {
			return err
		}
		return noticesapi.Post(tx, noticesapi.Notice{
			Title:    "Somebody may be guessing passwords",
			Body:     fmt.Sprintf("%d attempts in a row at %s failed, the last from %s. Further ones have to wait. If it was nobody of the clinic, have the password changed. The audit trail has each attempt (action sign-in, outcome refused).", what, at, address),
			Audience: []string{authapi.Admin.Name},
		})
	})
}

// accountText names what is guessed at: staff by name, patients by number only.
func accountText(app core.App, t target) string {
	if strings.HasPrefix(t.key, core.CollectionNameSuperusers+"/") {
		return "a technical administrator's account"
	}
	r, err := app.FindRecordById(kernel.AccountsCollection, t.account)
	switch {
	case err != nil:
		return "an account that does not exist"
	case authapi.Patient.Has(r):
		return "a patient's account (" + r.Id + ")"
	}
	return "the account of " + r.GetString("name")
}
