package hooks_test

import (
	"net/http"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// Finding 8: PocketBase's own users may sign up as anything, promote and delete themselves.
func TestNobodyPromotesThemselves(t *testing.T) {
	s := set.Start(t)
	before := count(t, s, "users")
	const users = "/api/collections/users/records"
	up := map[string]any{"name": "M", "email": "m@polyclinic.test", "password": "mallory-pass-1", "passwordConfirm": "mallory-pass-1", "role": "admin", "status": "active"}
	for _, token := range []string{"", s.Token(t, ada)} {
		if r := s.Do(t, "POST", users, token, up); r.Status < 400 {
			t.Errorf("sign-up as admin: got %d %s", r.Status, r.Body)
		}
		if r := s.Do(t, "POST", "/api/batch", token, inBatch("POST", users, up)); r.Status < 400 {
			t.Errorf("sign-up as admin in a batch: got %d %s", r.Status, r.Body)
		}
		for _, body := range []string{`{"role":"admin"}`, `{"status":"active","role":"doctor"}`, `{"verified":true,"role":"admin"}`, `{"tokenKey":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","role":"admin"}`} {
			if r := s.Do(t, "PATCH", users+"/"+authapi.Ada.ID, token, body); r.Status < 400 {
				t.Errorf("%s: got %d %s", body, r.Status, r.Body)
			}
		}
		if r := s.Do(t, "DELETE", users+"/"+authapi.Ada.ID, token, nil); r.Status < 400 {
			t.Errorf("delete: got %d %s", r.Status, r.Body)
		}
	}
	u, err := s.App.FindRecordById("users", authapi.Ada.ID)
	if err != nil || u.GetString("role") != "patient" {
		t.Errorf("Ada is %q, %v", u.GetString("role"), err)
	}
	if n := count(t, s, "users"); n != before {
		t.Errorf("%d accounts, want %d", n, before)
	}
	wantStatus(t, "the accounts' list for Ada", s.As(t, ada, "GET", "/api/collections/_superusers/records", nil), http.StatusForbidden)
}

// What tokens are signed with is the server's: an admin who sends it is told so.
func TestNobodySendsTheTokenKey(t *testing.T) {
	s := set.Start(t)
	for _, p := range []string{"/api/users/", "/api/collections/users/records/"} {
		r := s.As(t, alma, "PATCH", p+authapi.Ada.ID, `{"tokenKey":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}`)
		if r.Status != http.StatusBadRequest || r.Code("tokenKey") != "server_set" {
			t.Errorf("%s: got %d %s", p, r.Status, r.Body)
		}
	}
}
