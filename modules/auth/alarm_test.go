package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/mailer"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/exchange"
	"github.com/polyclinic-os/polyclinic/modules/notices"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var watched = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), exchange.Module(), staff.Module(), patients.Module(), audit.Module("test"), notices.Module(),
}}

func TestAdminsHearOfTenFailuresInARow(t *testing.T) {
	s := watched.Start(t, func(app *tests.TestApp) { app.Settings().TrustedProxy.Headers = []string{"X-Forwarded-For"} })
	guess := func(who authapi.Account, from int) {
		t.Helper()
		r := s.Do(t, "POST", loginPath, "", map[string]any{"email": who.Email, "password": "wrong-wrong"}, fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", from))
		want(t, "a guess", r, http.StatusBadRequest)
	}
	heard := func(who kerneltest.Account) []map[string]any {
		t.Helper()
		return s.As(t, who, "GET", "/api/notices", nil).Items(t)
	}
	for i := range 9 {
		guess(authapi.Grace, i)
	}
	if n := heard(alma); len(n) != 0 {
		t.Fatalf("after nine: %v", n)
	}
	for i := range 11 {
		guess(authapi.Grace, 9+i)
	}
	n := heard(alma)
	if len(n) != 1 || !strings.Contains(n[0]["body"].(string), authapi.Grace.Name) || !strings.Contains(n[0]["body"].(string), "198.51.100.9") {
		t.Errorf("after twenty: %v", n)
	}
	if n := heard(ada); len(n) != 0 {
		t.Errorf("a patient reads it: %v", n)
	}
	trail := s.As(t, alma, "GET", "/api/audit?action=sign-in-alarm", nil).Items(t)
	if len(trail) != 1 || fmt.Sprint(trail[0]["items"]) != "[users/"+authapi.Grace.ID+"]" {
		t.Errorf("the trail has %v", trail)
	}
	// Of a patient the notice has no name.
	for i := range 10 {
		guess(authapi.Bob, 40+i)
	}
	for _, n := range heard(alma) {
		if strings.Contains(n["body"].(string), authapi.Bob.Name) {
			t.Errorf("a notice names a patient: %v", n)
		}
	}
	// Whoever guesses at everybody's buries no other notice.
	for account := range 6 {
		for i := range 10 {
			guess(authapi.Account{Email: fmt.Sprintf("nobody%d@example.com", account)}, 60+i+10*account)
		}
	}
	if n := heard(alma); len(n) != 5 {
		t.Errorf("%d notices within the hour, want 5", len(n))
	}
	if trail := s.As(t, alma, "GET", "/api/audit?action=sign-in-alarm", nil).Items(t); len(trail) != 8 {
		t.Errorf("the trail has %d alarms, want 8", len(trail))
	}
}

// The mail goes the way of the outbox: a mail server that is away holds nobody up, and it is
// tried again.
func TestAdminsAreMailedOfTenFailuresInARow(t *testing.T) {
	s := watched.Start(t, func(app *tests.TestApp) { app.Settings().TrustedProxy.Headers = []string{"X-Forwarded-For"} })
	mails, away := make(chan *mailer.Message, 10), atomic.Bool{}
	s.App.OnMailerSend().BindFunc(func(e *core.MailerEvent) error {
		if away.Load() {
			return errors.New("no mail server")
		}
		mails <- e.Message
		return nil
	})
	fails := func(email string, from int) {
		t.Helper()
		for i := range 10 {
			r := s.Do(t, "POST", loginPath, "", map[string]any{"email": email, "password": "wrong-wrong"}, fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", from+i))
			want(t, "a guess", r, http.StatusBadRequest)
		}
		for range 2 { // the server's own worker may have been at it: the second waits for it
			s.Kernel.Deliver()
		}
	}
	waiting := func() (n int) {
		t.Helper()
		if err := s.App.DB().Select("COUNT(*)").From("outbox").Where(dbx.HashExp{"event": "auth.guessed.v1"}).Row(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	fails("nobody@example.com", 0)
	if len(mails) != 0 || waiting() != 0 {
		t.Errorf("without a mail server: %d mails, %d wait", len(mails), waiting())
	}
	s.App.Settings().SMTP.Enabled = true
	want(t, "a second admin", s.As(t, alma, "PUT", "/api/users/"+authapi.Nia.ID, `{"role":"admin"}`), http.StatusOK)
	want(t, "who is closed", s.As(t, alma, "PUT", "/api/users/"+authapi.Nia.ID, `{"status":"disabled"}`), http.StatusOK)
	for from, who := range map[int]authapi.Account{20: authapi.Grace, 40: authapi.Bob} {
		fails(who.Email, from)
		if len(mails) != 1 {
			t.Fatalf("%d mails", len(mails))
		}
		m := <-mails
		if len(m.To) != 1 || m.To[0].Address != authapi.Alma.Email || len(m.Cc)+len(m.Bcc) != 0 {
			t.Errorf("it is sent to %v", m.To)
		}
		if text := m.Subject + m.Text + m.HTML; strings.Contains(text, who.Name) != (who.Role != "patient") || strings.Contains(text, who.Email) || !strings.Contains(text, "10 attempts in a row") {
			t.Errorf("it says %q", text)
		}
	}
	away.Store(true)
	fails(authapi.Omar.Email, 60)
	if n := waiting(); n != 1 {
		t.Errorf("%d wait for the mail server, want 1", n)
	}
}

// A mail server refuses a mail as a whole for one address that it does not know.
func TestAnAdminWithoutAMailboxKeepsNoAlarmFromTheOthers(t *testing.T) {
	s := watched.Start(t, func(app *tests.TestApp) { app.Settings().TrustedProxy.Headers = []string{"X-Forwarded-For"} })
	mails := make(chan *mailer.Message, 10)
	s.App.OnMailerSend().BindFunc(func(e *core.MailerEvent) error {
		for _, to := range e.Message.To {
			if to.Address == authapi.Grace.Email {
				return errors.New("550 no such mailbox")
			}
		}
		mails <- e.Message
		return nil
	})
	s.App.Settings().SMTP.Enabled = true
	want(t, "a second admin", s.As(t, alma, "PUT", "/api/users/"+authapi.Grace.ID, `{"role":"admin"}`), http.StatusOK)
	for i := range 10 {
		s.Do(t, "POST", loginPath, "", map[string]any{"email": authapi.Bob.Email, "password": "wrong-wrong"}, fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i))
	}
	for range 2 { // the server's own worker may have been at it: the second waits for it
		s.Kernel.Deliver()
	}
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	if m := <-mails; len(m.To) != 1 || m.To[0].Address != authapi.Alma.Email {
		t.Errorf("it is sent to %v", m.To)
	}
	var n int
	if err := s.App.DB().Select("COUNT(*)").From("outbox").Where(dbx.HashExp{"event": "auth.guessed.v1"}).Row(&n); err != nil || n != 0 {
		t.Errorf("%d wait, who was told would be told again: %v", n, err)
	}
}

// A refused change of the own password is rolled back; its alarm is not.
func TestAnAlarmOutlivesWhatWasRolledBack(t *testing.T) {
	s := watched.Start(t, func(app *tests.TestApp) { app.Settings().TrustedProxy.Headers = []string{"X-Forwarded-For"} })
	token := s.Token(t, ada)
	for i := range 10 {
		inner := map[string]any{"method": "PATCH", "url": "/api/collections/users/records/" + authapi.Ada.ID, "body": map[string]any{
			"oldPassword": "wrong-wrong", "password": "another-good-one", "passwordConfirm": "another-good-one",
		}}
		r := s.Do(t, "POST", "/api/batch", token, map[string]any{"requests": []any{inner}}, fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i))
		want(t, "a guess in a batch", r, http.StatusBadRequest)
	}
	if trail := s.As(t, alma, "GET", "/api/audit?action=sign-in-alarm", nil).Items(t); len(trail) != 1 {
		t.Errorf("the trail has %v", trail)
	}
}

func TestSignInsBeyondTheQueueComeAgainAndNobodyElseWaits(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, alma)
	auth.Crowd(s.App)
	for _, path := range []string{loginPath, sdkPath, "/api/collections/_superusers/auth-with-password"} {
		for range 8 { // none counts as a failure
			r := s.Do(t, "POST", path, "", map[string]any{"email": ada.Email, "identity": ada.Email, "password": ada.Password})
			want(t, path, r, http.StatusTooManyRequests, "too_many_sign_ins")
			if r.Header.Get("Retry-After") == "" {
				t.Error("it is not said when to come again")
			}
		}
	}
	want(t, "who is signed in", s.Do(t, "GET", "/api/auth/me", token, nil), http.StatusOK)
}
