package health_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// look runs the job of every minute, on what is so now.
func look(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	for _, m := range s.Kernel.Modules {
		for _, j := range m.Jobs {
			if m.Name == "health" && j.Name == "look" {
				if err := j.Run(s.App); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// board returns the bodies of the board's notices about the server, as the account sees them.
func board(t *testing.T, s *kerneltest.Server, who authapi.Account) (bodies []string) {
	t.Helper()
	for _, n := range s.As(t, as(who), "GET", "/api/notices?perPage=200", nil).Items(t) {
		if n["title"] == "The server needs attention" {
			bodies = append(bodies, n["body"].(string))
		}
	}
	return bodies
}

const lost = `INSERT INTO outbox (id, event, reaction, payload, state, attempts, dueAt, created, updated) VALUES ('outboxlost00001', 'auth.guessed.v1', 'auth.mail_alarm', '{}', 'dead', 12, '', '2026-01-02 03:04:05.678Z', '2026-01-02 03:04:05.678Z')`

func run(t *testing.T, s *kerneltest.Server, statement string) {
	t.Helper()
	if _, err := s.App.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
		t.Fatal(err)
	}
}

func TestAdminsAreToldOfAnAlarmOnceADay(t *testing.T) {
	s := set.Start(t)
	run(t, s, lost)
	for range 2 {
		look(t, s)
	}
	told := board(t, s, authapi.Alma)
	if len(told) != 1 || !strings.Contains(told[0], "1 × auth.mail_alarm") {
		t.Fatalf("admins are told %q", told)
	}
	if others := board(t, s, authapi.Grace); len(others) > 0 {
		t.Errorf("a doctor is told %q", others)
	}
	run(t, s, "UPDATE health_told SET at = '2026-01-02 03:04:05.678Z'")
	look(t, s)
	run(t, s, "UPDATE health_told SET at = '2999-01-02 03:04:05.678Z'") // by a clock that was wrong
	look(t, s)
	look(t, s)
	if told := board(t, s, authapi.Alma); len(told) != 3 {
		t.Errorf("after a day, and after the clock was set right, admins were told %d times, want 3", len(told))
	}
}

// TestWhatWasGivenUpIsTakenUpAgain does what the finding says.
func TestWhatWasGivenUpIsTakenUpAgain(t *testing.T) {
	s := set.Start(t)
	if level, is := findings(t, s)["outbox_given_up"]; is {
		t.Fatalf("found where it is not: %s", level)
	}
	run(t, s, lost)
	again := set.StartOn(t, s.App.DataDir())
	if level := findings(t, again)["outbox_given_up"]; level != kernel.Alarm {
		t.Errorf("got %q, want an alarm", level)
	}
	r := again.Do(t, "PATCH", "/api/collections/outbox/records/outboxlost00001", again.Superuser(t), `{"state":"waiting"}`)
	if r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var left int
		if err := again.App.DB().NewQuery("SELECT count(*) FROM outbox").Row(&left); err != nil || time.Now().After(until) {
			t.Fatal("it waits", left, err)
		}
		again.Kernel.Deliver()
		if left == 0 {
			return
		}
	}
}

// outermost tells when a mail was sent, or was not, and everybody knows.
func outermost(sent chan<- error) *hook.Handler[*core.MailerEvent] {
	return &hook.Handler[*core.MailerEvent]{Priority: -99999, Func: func(e *core.MailerEvent) error {
		err := e.Next()
		sent <- err
		return err
	}}
}

func TestMailThatCannotBeSentIsFound(t *testing.T) {
	var away atomic.Bool
	sent := make(chan error, 10)
	s := set.Start(t, func(app *tests.TestApp) {
		app.Settings().SMTP.Enabled, app.Settings().SMTP.Host = true, "127.0.0.1"
		app.OnMailerSend().BindFunc(func(e *core.MailerEvent) error {
			if away.Load() {
				return errors.New("connection refused")
			}
			return e.Next()
		})
		app.OnMailerSend().Bind(outermost(sent))
	})
	mail := func(who authapi.Account) {
		t.Helper()
		s.Do(t, "POST", "/api/collections/users/request-password-reset", "", map[string]any{"email": who.Email})
		<-sent
	}
	want := func(level kernel.Level) {
		t.Helper()
		if got := findings(t, s)["mail_failing"]; got != level {
			t.Errorf("got %q, want %q", got, level)
		}
	}
	mail(authapi.Grace)
	want("")
	away.Store(true)
	mail(authapi.Omar)
	want(kernel.Risk) // it may be the one address
	mail(authapi.Nia)
	mail(authapi.Rosa)
	want(kernel.Alarm)
	away.Store(false)
	mail(authapi.Alma)
	want("")
}
