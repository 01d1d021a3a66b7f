package auth_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// A mail server that takes the connection and says nothing used to hold a sign-in from a new
// device for 15 s.
func TestNobodyWaitsForAMailServerThatHangs(t *testing.T) {
	s := set.Start(t)
	asked, answer := make(chan string, 10), make(chan struct{})
	ended := make(chan struct{}, 10)
	s.App.OnMailerSend().BindFunc(func(e *core.MailerEvent) error {
		asked <- e.Message.Subject
		defer func() { ended <- struct{}{} }()
		select {
		case <-answer:
		case <-time.After(10 * time.Second): // PocketBase waits for 15 s:
			t.Errorf("somebody waited for %q", e.Message.Subject)
		}
		return nil
	})
	s.App.Settings().SMTP.Enabled = true
	users, err := s.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	users.AuthAlert.Enabled = true
	if err := s.App.Save(users); err != nil {
		t.Fatal(err)
	}
	signIn := func(device string) {
		t.Helper()
		r := s.Do(t, "POST", sdkPath, "", map[string]any{"identity": ada.Email, "password": ada.Password}, "User-Agent: "+device)
		want(t, "from the "+device, r, http.StatusOK)
	}
	signIn("first device")
	signIn("second device")
	want(t, "a link for a forgotten password", s.Do(t, "POST", "/api/collections/users/request-password-reset", "", map[string]any{"email": ada.Email}), http.StatusNoContent)
	want(t, "an invitation", s.As(t, alma, "POST", "/api/auth/invite", map[string]any{"email": "new@polyclinic.test", "name": "New", "role": "nurse"}), http.StatusCreated)
	mails := 3
	for range mails {
		<-asked // all of them hang by now
	}
	want(t, "a write", s.As(t, alma, "PUT", "/api/users/"+authapi.Grace.ID, map[string]any{"name": "Dr Grace A. Okafor"}), http.StatusOK)
	close(answer)
	for range mails {
		<-ended
	}
}

// Asking for another address is one request that waits for the mail server. It must not have
// the others wait: with an Idempotency-Key it was a transaction, and the only writer's.
func TestAMailThatIsWaitedForHoldsNoWrite(t *testing.T) {
	s := set.Start(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	s.App.OnMailerSend().BindFunc(func(*core.MailerEvent) error {
		close(asked)
		select {
		case <-answer:
		case <-time.After(10 * time.Second):
			t.Error("a write waited for the mail server")
		}
		return nil
	})
	path, body := "/api/collections/users/request-email-change", map[string]any{"newEmail": "ada@elsewhere.test"}
	token := s.Token(t, ada)
	done := make(chan int)
	go func() { done <- s.Do(t, "POST", path, token, body, "Idempotency-Key: c1").Status }()
	<-asked
	configure(t, s, map[string]any{"name": "Another"})
	close(answer)
	if status := <-done; status != http.StatusNoContent {
		t.Errorf("got %d", status)
	}
	want(t, "again", s.Do(t, "POST", path, token, body, "Idempotency-Key: c1"), http.StatusNoContent) // no second mail
}
