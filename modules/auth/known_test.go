package auth_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// Strangers who guess from many addresses must not keep somebody out who signs in from
// where they always do, also when the server was started again meanwhile.
func TestAKnownAddressIsLetInWhateverStrangersDo(t *testing.T) {
	s := set.Start(t, func(app *tests.TestApp) { app.Settings().TrustedProxy.Headers = []string{"X-Forwarded-For"} })
	from := func(address, password string) int {
		t.Helper()
		return s.Do(t, "POST", loginPath, "", map[string]any{"email": ada.Email, "password": password}, "X-Forwarded-For: "+address).Status
	}
	if got := from("203.0.113.7", ada.Password); got != http.StatusOK {
		t.Fatalf("first sign-in: %d", got)
	}
	auth.ForgetAttempts(s.App) // as a restart does
	for i := range 35 {
		if got := from(fmt.Sprintf("198.51.100.%d", i), "wrong-wrong-wrong"); got != http.StatusBadRequest && got != http.StatusTooManyRequests {
			t.Fatalf("guess %d: %d", i, got)
		}
	}
	if got := from("192.0.2.1", ada.Password); got != http.StatusTooManyRequests {
		t.Errorf("an address that nobody knows: got %d, want 429", got)
	}
	if got := from("203.0.113.7", ada.Password); got != http.StatusOK {
		t.Errorf("the known address: got %d, want 200", got)
	}
	for range 6 {
		from("203.0.113.7", "wrong-wrong-wrong")
	}
	if got := from("203.0.113.7", ada.Password); got != http.StatusTooManyRequests {
		t.Errorf("guesses from the known address itself: got %d, want 429", got)
	}
	if n := count(t, s, "known_addresses"); n != 1 {
		t.Errorf("%d known addresses of %s, want that of the right password only", n, authapi.Ada.ID)
	}
}
