package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// claims reads a token without checking it.
func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var out map[string]any
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sid(t *testing.T, token string) string {
	t.Helper()
	id, _ := claims(t, token)["sid"].(string)
	return id
}

func TestLogoutEndsThisSessionOnly(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		s := set.Start(t)
		phone, desk := token(t, s, ada), s.SignIn(t, ada)
		alive(t, s, "before", phone, true)
		want(t, method, s.Do(t, method, "/api/auth/logout", phone, nil), http.StatusNoContent)
		alive(t, s, "the session that was ended", phone, false)
		alive(t, s, "the other one", desk, true)
		want(t, "a second logout", s.Do(t, method, "/api/auth/logout", phone, nil), http.StatusUnauthorized)
		want(t, "a batch", s.Do(t, "POST", "/api/batch", phone, map[string]any{"requests": []any{map[string]any{"method": "PATCH", "url": users + "/" + authapi.Ada.ID, "body": map[string]any{}}}}), http.StatusUnauthorized)
		if r := s.Do(t, "GET", users+"/"+authapi.Ada.ID, phone, nil); r.Status == http.StatusOK {
			t.Errorf("the collection API still answers: %s", r.Body)
		}
		want(t, "signing in with the dead token in the header", s.Do(t, "POST", loginPath, phone, map[string]any{"email": ada.Email, "password": ada.Password}), http.StatusOK)
	}
}

func TestLogoutOfAllSessions(t *testing.T) {
	s := set.Start(t)
	phone, desk, bobs := token(t, s, ada), s.SignIn(t, ada), token(t, s, bob)
	want(t, "logout-all", s.Do(t, "POST", "/api/auth/logout-all", phone, nil), http.StatusNoContent)
	alive(t, s, "this one", phone, false)
	alive(t, s, "the other one", desk, false)
	alive(t, s, "somebody else's", bobs, true)
	alive(t, s, "a new one", token(t, s, ada), true)
}

func TestRefreshStaysInItsSession(t *testing.T) {
	for _, path := range []string{"/api/auth/refresh", "/api/collections/users/auth-refresh"} {
		s := set.Start(t)
		old := token(t, s, ada)
		r := s.Do(t, "POST", path, old, nil)
		want(t, path, r, http.StatusOK, `"record":{`, `"email":"`+ada.Email+`"`)
		fresh, _ := r.JSON(t)["token"].(string)
		a, b := claims(t, old), claims(t, fresh)
		if fresh == old || a["sid"] != b["sid"] || a["exp"] != b["exp"] || a["jti"] == b["jti"] {
			t.Errorf("%s: %v became %v, want another token of the same session with the same end", path, a, b)
		}
		if n := count(t, s, "sessions"); n != 1 {
			t.Errorf("%s: %d sessions", path, n)
		}
		want(t, "logout", s.Do(t, "POST", "/api/auth/logout", fresh, nil), http.StatusNoContent)
		alive(t, s, "the first token", old, false)
		want(t, "refresh of what is over", s.Do(t, "POST", path, old, nil), http.StatusUnauthorized)
	}
}

func TestASessionEnds(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *kerneltest.Server, string){
		"when it expires": func(t *testing.T, s *kerneltest.Server, id string) {
			if err := change(t, s, "sessions", id, "expiresAt", time.Now().Add(-time.Second)); err != nil {
				t.Fatal(err)
			}
		},
		"when nobody used it": func(t *testing.T, s *kerneltest.Server, id string) {
			if err := change(t, s, "sessions", id, "lastSeen", time.Now().Add(-16*time.Minute)); err != nil {
				t.Fatal(err)
			}
			configure(t, s, map[string]any{"sessionIdleMinutes": 15})
		},
		"when the clinic makes sessions shorter": func(t *testing.T, s *kerneltest.Server, id string) {
			created, _ := types.ParseDateTime(time.Now().Add(-2 * time.Hour))
			if _, err := s.App.DB().NewQuery("UPDATE sessions SET created = '" + created.String() + "'").Execute(); err != nil {
				t.Fatal(err)
			}
			configure(t, s, map[string]any{"sessionHours": 1})
			if err := change(t, s, "sessions", id, "agent", "x"); err != nil { // forget what was in memory
				t.Fatal(err)
			}
		},
		"when the dashboard deletes it": func(t *testing.T, s *kerneltest.Server, id string) {
			want(t, "dashboard", s.Do(t, "DELETE", "/api/collections/sessions/records/"+id, dashboard(t, s), nil), http.StatusNoContent)
		},
		"with the account": func(t *testing.T, s *kerneltest.Server, _ string) {
			want(t, "dashboard", s.Do(t, "DELETE", users+"/"+authapi.Ada.ID, dashboard(t, s), nil), http.StatusNoContent)
			if n := count(t, s, "sessions"); n != 0 {
				t.Errorf("%d sessions", n)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := set.Start(t)
			tok := token(t, s, ada)
			alive(t, s, "before", tok, true)
			end(t, s, sid(t, tok))
			alive(t, s, "after", tok, false)
		})
	}
}

func TestUseKeepsASessionFromIdlingOut(t *testing.T) {
	s := set.Start(t)
	configure(t, s, map[string]any{"sessionIdleMinutes": 15})
	tok := token(t, s, ada)
	if err := change(t, s, "sessions", sid(t, tok), "lastSeen", time.Now().Add(-14*time.Minute)); err != nil {
		t.Fatal(err)
	}
	alive(t, s, "after 14 of 15 minutes", tok, true)
	if err := auth.NoteSeen(s.App); err != nil {
		t.Fatal(err)
	}
	r, err := s.App.FindRecordById("sessions", sid(t, tok))
	if err != nil || time.Since(r.GetDateTime("lastSeen").Time()) > time.Minute {
		t.Errorf("the row says %v, %v", r.GetString("lastSeen"), err)
	}
}

func TestSessionsThatAreOverAreDeleted(t *testing.T) {
	s := set.Start(t)
	over, good := token(t, s, ada), token(t, s, bob)
	if err := change(t, s, "sessions", sid(t, over), "expiresAt", time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := auth.DeleteOld(s.App); err != nil {
		t.Fatal(err)
	}
	if _, err := s.App.FindRecordById("sessions", sid(t, over)); err == nil || count(t, s, "sessions") != 1 {
		t.Errorf("%d sessions are left, %v", count(t, s, "sessions"), err)
	}
	alive(t, s, "the good one", good, true)
}

// A token that PocketBase itself made, or somebody else's session, is worth nothing.
func TestATokenNeedsItsOwnSession(t *testing.T) {
	s := set.Start(t)
	plain, err := account(t, s, authapi.Ada.ID).NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	alive(t, s, "without a session", plain, false)
	static, err := account(t, s, authapi.Ada.ID).NewStaticAuthToken(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	alive(t, s, "a static one", static, false)
	bobs := token(t, s, bob)
	r, err := s.App.FindRecordById("sessions", sid(t, bobs))
	if err != nil {
		t.Fatal(err)
	}
	mine := token(t, s, ada)
	if err := s.App.Delete(r); err != nil {
		t.Fatal(err)
	}
	alive(t, s, "after somebody else's ended", mine, true)
	alive(t, s, "somebody else's", bobs, false)
}

func TestSessionsAreNobodysToRead(t *testing.T) {
	s := set.Start(t)
	tok := token(t, s, alma)
	for _, path := range []string{"", "/" + sid(t, tok)} {
		want(t, "an admin", s.Do(t, "GET", "/api/collections/sessions/records"+path, tok, nil), http.StatusForbidden)
	}
	r, err := s.App.FindRecordById("sessions", sid(t, tok))
	if err != nil || r.GetString("address") != "127.0.0.1" || r.GetString("agent") == "" || r.GetString("userId") != authapi.Alma.ID {
		t.Errorf("the row is %v, %v", r, err)
	}
}

// What PocketBase asks for a second factor is no session yet.
func TestAnUnfinishedSignInLeavesNoSession(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	c.OTP.Enabled, c.MFA.Enabled = true, true
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{loginPath, sdkPath} {
		r := s.Do(t, "POST", path, "", map[string]any{"email": ada.Email, "identity": ada.Email, "password": ada.Password})
		want(t, path, r, http.StatusUnauthorized, `"mfaId":"`)
		if n := count(t, s, "sessions"); n != 0 {
			t.Errorf("%s: %d sessions", path, n)
		}
	}
	otp := core.NewOTP(s.App)
	otp.SetCollectionRef(c.Id)
	otp.SetRecordRef(authapi.Ada.ID)
	otp.SetPassword("12345678")
	if err := s.App.Save(otp); err != nil {
		t.Fatal(err)
	}
	mfa := login(t, s, ada.Email, ada.Password).JSON(t)["mfaId"]
	r := s.Do(t, "POST", "/api/collections/users/auth-with-otp", "", map[string]any{"otpId": otp.Id, "password": "12345678", "mfaId": mfa})
	want(t, "the second factor", r, http.StatusOK, `"token":"`)
	tok, _ := r.JSON(t)["token"].(string)
	alive(t, s, "with both", tok, true)
}
