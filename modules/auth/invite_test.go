package auth_test

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

const invitation = "/api/auth/invitation"

// linkToken returns the token of an invitation's link.
func linkToken(t *testing.T, r kerneltest.Response) string {
	t.Helper()
	want(t, "invite", r, http.StatusCreated, `"link":"http://127.0.0.1`, `"mailed":false`)
	link, _ := r.JSON(t)["link"].(string)
	u, err := url.Parse(link)
	if err != nil || u.Path != invitation {
		t.Fatalf("link %q, %v", link, err)
	}
	return u.Query().Get("token")
}

var newNurse = map[string]any{"name": "Una Park", "email": "Una@polyclinic.test", "role": "nurse"}

func TestAnInvitedPersonChoosesThePassword(t *testing.T) {
	s := set.Start(t)
	realClinic(t, s)
	tok := linkToken(t, s.As(t, alma, "POST", "/api/auth/invite", newNurse))
	r := s.Do(t, "GET", invitation+"?token="+tok, "", nil)
	want(t, "the page", r, http.StatusOK, "una@polyclinic.test", `value="`+tok+`"`, "at least 10 characters")
	if strings.Contains(r.Body, "<script") || r.Header.Get("Referrer-Policy") != "no-referrer" || r.Header.Get("Cache-Control") != "no-store" || !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("headers %v", r.Header)
	}
	post := func(password string) kerneltest.Response {
		return s.Do(t, "POST", invitation, "", url.Values{"token": {tok}, "password": {password}}.Encode(), "Content-Type: application/x-www-form-urlencoded")
	}
	want(t, "a weak one", post("Welcome2026!"), http.StatusBadRequest, "one of the first that an attacker tries", "<form")
	want(t, "looking does not use it up", s.Do(t, "GET", invitation+"?token="+tok, "", nil), http.StatusOK)
	want(t, "a good one", post("kettle-4711-bridge"), http.StatusOK, "Your password is set")
	want(t, "signs in", login(t, s, "una@polyclinic.test", "kettle-4711-bridge"), http.StatusOK, `"role":"nurse"`, `"status":"active"`)
	want(t, "the link is dead", post("another-4711-bridge"), http.StatusNotFound)
	want(t, "its page too", s.Do(t, "GET", invitation+"?token="+tok, "", nil), http.StatusNotFound)
}

func TestOnlyAdminsInvite(t *testing.T) {
	s := set.Start(t)
	for who, status := range map[kerneltest.Account]int{guest: 401, ada: 403, grace: 403, nia: 403} {
		want(t, who.Email, s.As(t, who, "POST", "/api/auth/invite", newNurse), status)
		want(t, who.Email, s.As(t, who, "POST", "/api/users/"+authapi.Bob.ID+"/invitation", nil), status)
	}
	want(t, "every bad field is named", s.As(t, alma, "POST", "/api/auth/invite", map[string]any{"email": ada.Email, "role": "king"}), http.StatusBadRequest, `"name":{`, `"email":{"code":"validation_not_unique"`, `"role":{`)
	if n := count(t, s, "invitations"); n != 0 {
		t.Errorf("%d invitations", n)
	}
}

func TestAnInvitationWorksOnceAndNotForEver(t *testing.T) {
	s := set.Start(t)
	again := "/api/users/" + authapi.Bob.ID + "/invitation"
	accept := func(tok, password string) kerneltest.Response {
		return s.Do(t, "POST", invitation, "", map[string]any{"token": tok, "password": password})
	}
	session := token(t, s, bob)
	first := linkToken(t, s.As(t, alma, "POST", again, nil))
	second := linkToken(t, s.As(t, alma, "POST", again, nil))
	want(t, "a newer link ends the older", accept(first, "kettle-4711-bridge"), http.StatusNotFound)
	want(t, "no token", accept("", "kettle-4711-bridge"), http.StatusNotFound)
	var mu sync.Mutex
	var wg sync.WaitGroup
	ok := 0
	for i := range 4 {
		wg.Go(func() {
			r := accept(second, "kettle-4711-bridge"+string(rune('a'+i)))
			mu.Lock()
			defer mu.Unlock()
			if r.Status == http.StatusOK {
				ok++
			}
		})
	}
	wg.Wait()
	if ok != 1 {
		t.Errorf("%d of 4 chose the password", ok)
	}
	alive(t, s, "the sessions of before", session, false)
	third := linkToken(t, s.As(t, alma, "POST", again, nil))
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE invitations SET expiresAt = '" + time.Now().Add(-time.Minute).UTC().Format("2006-01-02 15:04:05.000Z") + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	want(t, "too old", accept(third, "kettle-4711-bridge"), http.StatusNotFound)
	fourth := linkToken(t, s.As(t, alma, "POST", again, nil))
	want(t, "the account is disabled", s.As(t, alma, "PUT", "/api/users/"+authapi.Bob.ID, `{"status":"disabled"}`), http.StatusOK)
	want(t, "and its link with it", accept(fourth, "kettle-4711-bridge"), http.StatusNotFound)
	want(t, "no link for it", s.As(t, alma, "POST", again, nil), http.StatusForbidden, `"account_disabled"`)
}

func TestALinkIsKeptNowhere(t *testing.T) {
	s := set.Start(t)
	tok := linkToken(t, s.Do(t, "POST", "/api/auth/invite", s.Token(t, alma), newNurse, "Idempotency-Key: one"))
	for _, table := range []string{"invitations", "idempotency_keys", "users", "outbox"} {
		var n int
		q := "SELECT COUNT(*) FROM (SELECT * FROM " + table + ") t WHERE " + allColumns(t, s, table) + " LIKE '%" + tok + "%'"
		if err := s.App.DB().NewQuery(q).Row(&n); err != nil || n != 0 {
			t.Errorf("%s has %d rows with the token, %v", table, n, err)
		}
	}
}

// allColumns returns an SQL expression of all of a table's columns in one text.
func allColumns(t *testing.T, s *kerneltest.Server, table string) string {
	t.Helper()
	columns, err := s.App.TableColumns(table)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range columns {
		columns[i] = "COALESCE([[" + c + "]], '')"
	}
	return "(" + strings.Join(columns, " || ") + ")"
}

func TestAnAdminFindsAccountsByAddress(t *testing.T) {
	s := set.Start(t)
	r := s.As(t, alma, "GET", "/api/users?q=bob%40polyclinic", nil)
	want(t, "q", r, http.StatusOK, `"totalItems":1`, bob.Email)
	want(t, "filter", s.As(t, alma, "GET", "/api/users?filter="+url.QueryEscape("email = '"+bob.Email+"'"), nil), http.StatusOK, `"totalItems":1`)
	want(t, "an account that hid its address", s.As(t, ada, "PATCH", users+"/"+authapi.Ada.ID, `{"emailVisibility":true}`), http.StatusOK)
	for _, path := range []string{"/api/users?q=bob", users + "?filter=" + url.QueryEscape("email ~ 'bob'")} {
		if r := s.As(t, ada, "GET", path, nil); strings.Contains(r.Body, bob.Email) {
			t.Errorf("a patient finds it at %s: %s", path, r.Body)
		}
	}
}

// A repeat with the same key is answered as the first time, without the link, and makes none.
func TestARepeatedInvitation(t *testing.T) {
	s := set.Start(t)
	for _, path := range []string{"/api/auth/invite", "/api/users/" + authapi.Bob.ID + "/invitation"} {
		var body any
		if strings.HasPrefix(path, "/api/auth") {
			body = newNurse
		}
		one := s.As(t, alma, "POST", path, body, "Idempotency-Key: "+path)
		tok := linkToken(t, one)
		links := count(t, s, "invitations")
		two := s.As(t, alma, "POST", path, body, "Idempotency-Key: "+path)
		want(t, path+" again", two, http.StatusCreated, `"link":""`, `"mailed":false`)
		if a, b := one.JSON(t)["record"], two.JSON(t)["record"]; !reflect.DeepEqual(a, b) || two.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: first %v, then %v", path, a, b)
		}
		if n := count(t, s, "invitations"); n != links {
			t.Errorf("%s: %d invitations, then %d", path, links, n)
		}
		want(t, path+": the first link", s.Do(t, "GET", invitation+"?token="+tok, "", nil), http.StatusOK)
	}
	var answers string
	if err := s.App.DB().NewQuery("SELECT group_concat(answer) FROM idempotency_keys").Row(&answers); err != nil || strings.Contains(answers, "token=") {
		t.Errorf("kept: %s %v", answers, err)
	}
}
