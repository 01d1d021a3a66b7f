package auth_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

const (
	loginPath = "/api/auth/login"
	sdkPath   = "/api/collections/users/auth-with-password"
)

func TestSignIn(t *testing.T) {
	s := set.Start(t)
	for _, a := range []authapi.Account{authapi.Alma, authapi.Ada, authapi.Grace, authapi.Rosa, authapi.Nia} {
		r := login(t, s, a.Email, a.Password)
		want(t, a.Email, r, http.StatusOK, `"token":"`, `"id":"`+a.ID+`"`, `"name":"`+a.Name+`"`, `"email":"`+a.Email+`"`, `"role":"`+a.Role+`"`, `"status":"active"`)
		if strings.Contains(r.Body, "tokenKey") || strings.Contains(r.Body, `"password"`) {
			t.Errorf("%s: answer has a secret: %s", a.Email, r.Body)
		}
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "a missing password is named", As: guest, Path: loginPath, Body: `{"email":"a@example.com"}`, Want: 400, Has: []string{`"password":{"code":"validation_required"`}, Not: []string{`"email"`}},
		{Name: "both missing", As: guest, Path: loginPath, Body: `{}`, Want: 400, Has: []string{`"email":{`, `"password":{`}},
		{Name: "text is text", As: guest, Path: loginPath, Body: `{"email":["x"],"password":"y"}`, Want: 400, Has: []string{`"email":{`}},
		{Name: "no JSON", As: guest, Path: loginPath, Body: `email=x`, Want: 400},
		{Name: "a far too long password", As: guest, Path: loginPath, Body: map[string]any{"email": "a@example.com", "password": strings.Repeat("x", 300)}, Want: 400, Has: []string{`"password":{`}},
		{Name: "capitals and spaces in the address", As: guest, Path: loginPath, Body: `{"email":" Admin@Gmail.com ","password":"admin123$#"}`, Want: 200},
		{Name: "also with the SDK", As: guest, Path: sdkPath, Body: `{"identity":"Admin@Gmail.com","password":"admin123$#"}`, Want: 200},
		{Name: "the token of the one works on the other", As: alma, Method: "GET", Path: "/api/users", Want: 200},
		{Name: "an SQL-like address is a wrong pair", As: guest, Path: loginPath, Body: `{"email":"' OR 1=1 --","password":"x"}`, Want: 400, Has: []string{"Failed to authenticate."}},
	})
	r := s.Do(t, "GET", "/api/auth/me", "Bearer "+token(t, s, ada), nil)
	want(t, "Bearer", r, http.StatusOK)
}

func TestAWrongPairSaysNothingAboutTheAccount(t *testing.T) {
	s := set.Start(t)
	if err := change(t, s, "users", authapi.Nia.ID, "status", authapi.Disabled); err != nil {
		t.Fatal(err)
	}
	known := login(t, s, ada.Email, "wrong-password")
	want(t, "known", known, http.StatusBadRequest, "Failed to authenticate.")
	for _, email := range []string{"nobody@example.com", nia.Email} {
		if r := login(t, s, email, "wrong-password"); r.Status != known.Status || r.Body != known.Body {
			t.Errorf("%s: got %d %s, want %s", email, r.Status, r.Body, known.Body)
		}
	}
	sdk := func(email string) kerneltest.Response {
		return s.Do(t, "POST", sdkPath, "", map[string]any{"identity": email, "password": "wrong-password"})
	}
	if a, b := sdk(ada.Email), sdk("nobody@example.com"); a.Status != b.Status || a.Body != b.Body || a.Status != http.StatusBadRequest {
		t.Errorf("SDK: known %d %s, unknown %d %s", a.Status, a.Body, b.Status, b.Body)
	}
}

func TestADisabledAccountDoesNotSignIn(t *testing.T) {
	for status, code := range map[string]string{authapi.Disabled: "account_disabled", authapi.Pending: "account_pending"} {
		s := set.Start(t)
		if err := change(t, s, "users", authapi.Nia.ID, "status", status); err != nil {
			t.Fatal(err)
		}
		want(t, status, login(t, s, nia.Email, nia.Password), http.StatusForbidden, code)
		want(t, status+" with the SDK", s.Do(t, "POST", sdkPath, "", map[string]any{"identity": nia.Email, "password": nia.Password}), http.StatusForbidden, code)
		if n := count(t, s, "sessions"); n != 0 {
			t.Errorf("%d sessions", n)
		}
	}
}

func TestGuessesAreSlowedDown(t *testing.T) {
	for _, path := range []string{loginPath, sdkPath, "/api/collections/_superusers/auth-with-password"} {
		t.Run(path, func(t *testing.T) {
			s := set.Start(t)
			try := func(email, password string) kerneltest.Response {
				return s.Do(t, "POST", path, "", map[string]any{"email": email, "identity": email, "password": password})
			}
			for range 5 {
				want(t, "free", try(alma.Email, "wrong"), http.StatusBadRequest)
			}
			r := try(alma.Email, alma.Password)
			want(t, "the sixth, right or wrong", r, http.StatusTooManyRequests, "too_many_attempts")
			if n, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || n < 1 {
				t.Errorf("Retry-After is %q", r.Header.Get("Retry-After"))
			}
			if path != loginPath && path != sdkPath {
				return
			}
			want(t, "another account", try(ada.Email, ada.Password), http.StatusOK)
			other := map[string]string{loginPath: sdkPath, sdkPath: loginPath}[path]
			body := map[string]any{"email": strings.ToUpper(alma.Email), "identity": strings.ToUpper(alma.Email), "password": "wrong"}
			want(t, "the other way in", s.Do(t, "POST", other, "", body), http.StatusTooManyRequests)
		})
	}
}

// An account that does not exist is slowed down as well, or the wait would tell.
func TestABurstOfGuessesIsCounted(t *testing.T) {
	s := set.Start(t)
	var wg sync.WaitGroup
	got := make([]int, 12)
	for i := range got {
		wg.Go(func() { got[i] = login(t, s, "nobody@example.com", "wrong").Status })
	}
	wg.Wait()
	tried := 0
	for _, status := range got {
		if status == http.StatusBadRequest {
			tried++
		} else if status != http.StatusTooManyRequests {
			t.Errorf("got %d", status)
		}
	}
	if tried > 6 { // the wait after the fifth may pass on a slow machine
		t.Errorf("%d guesses of a burst were tried", tried)
	}
}

func TestManySignInsAtOnceSucceed(t *testing.T) {
	s := set.Start(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	tokens := map[string]bool{}
	for range 8 {
		wg.Go(func() {
			tok := token(t, s, ada)
			mu.Lock()
			defer mu.Unlock()
			tokens[tok] = true
		})
	}
	wg.Wait()
	if len(tokens) != 8 {
		t.Errorf("%d tokens for 8 sign-ins: a logout would end several", len(tokens))
	}
}

func TestGuessesAtTheOwnPasswordAreSlowedDown(t *testing.T) {
	s := set.Start(t)
	tok := token(t, s, ada)
	for i := range 5 {
		var r kerneltest.Response
		if i%2 == 0 {
			r = s.Do(t, "POST", "/api/auth/password", tok, `{"oldPassword":"wrong","password":"kettle-4711-bridge"}`)
			want(t, "documented", r, http.StatusBadRequest, `"oldPassword":{`)
		} else {
			r = s.Do(t, "PATCH", users+"/"+authapi.Ada.ID, tok, `{"oldPassword":"wrong","password":"kettle-4711-bridge","passwordConfirm":"kettle-4711-bridge"}`)
			want(t, "collection", r, http.StatusBadRequest, `"oldPassword":{`)
		}
	}
	right := map[string]any{"oldPassword": ada.Password, "password": "kettle-4711-bridge", "passwordConfirm": "kettle-4711-bridge"}
	want(t, "documented", s.Do(t, "POST", "/api/auth/password", tok, right), http.StatusTooManyRequests)
	want(t, "collection", s.Do(t, "PATCH", users+"/"+authapi.Ada.ID, tok, right), http.StatusTooManyRequests)
	want(t, "in a batch", s.Do(t, "POST", "/api/batch", tok, map[string]any{"requests": []any{map[string]any{"method": "PATCH", "url": users + "/" + authapi.Ada.ID, "body": right}}}), http.StatusBadRequest, "too_many_attempts")
	want(t, "the owner signs in all the same", login(t, s, ada.Email, ada.Password), http.StatusOK)
}

// PocketBase compares the password that confirms a new address ahead of all of its hooks.
func TestGuessesThatConfirmANewAddressAreSlowedDown(t *testing.T) {
	s := set.Start(t)
	account, err := s.App.FindAuthRecordByEmail("users", ada.Email)
	if err != nil {
		t.Fatal(err)
	}
	link, err := account.NewEmailChangeToken("thief@polyclinic.test")
	if err != nil {
		t.Fatal(err)
	}
	const path = "/api/collections/users/confirm-email-change"
	confirm := func(password string) kerneltest.Response {
		return s.Do(t, "POST", path, "", map[string]any{"token": link, "password": password})
	}
	for range 5 {
		want(t, "a guess", confirm("wrong"), http.StatusBadRequest, `"password":{"code":"validation_invalid_password"`)
	}
	r := confirm(ada.Password)
	want(t, "the sixth", r, http.StatusTooManyRequests, "too_many_attempts")
	if r.Header.Get("Retry-After") == "" {
		t.Error("it is not said when to come again")
	}
	want(t, "in a form", s.Do(t, "POST", path, "", "token="+link+"&password=wrong", "Content-Type: application/x-www-form-urlencoded"), http.StatusTooManyRequests)
	want(t, "the other ways to try the own password", s.Do(t, "POST", "/api/auth/password", token(t, s, ada), map[string]any{"oldPassword": ada.Password, "password": "kettle-4711-bridge"}), http.StatusTooManyRequests)
	want(t, "the owner signs in all the same", login(t, s, ada.Email, ada.Password), http.StatusOK)
	want(t, "a link that is none", s.Do(t, "POST", path, "", map[string]any{"token": "x", "password": "y"}), http.StatusBadRequest, `"token":{`)
}

func TestANewAddressIsConfirmedWithThePassword(t *testing.T) {
	s := set.Start(t)
	account, err := s.App.FindAuthRecordByEmail("users", ada.Email)
	if err != nil {
		t.Fatal(err)
	}
	link, err := account.NewEmailChangeToken("ada@elsewhere.test")
	if err != nil {
		t.Fatal(err)
	}
	body := map[string]any{"token": link, "password": ada.Password}
	want(t, "confirmed", s.Do(t, "POST", "/api/collections/users/confirm-email-change", "", body, "Idempotency-Key: e1"), http.StatusNoContent)
	want(t, "the new address", login(t, s, "ada@elsewhere.test", ada.Password), http.StatusOK)
}
