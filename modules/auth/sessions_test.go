package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
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

func TestPasswordChange(t *testing.T) {
	const path, fresh = "/api/auth/password", "kettle-4711-bridge"
	s := set.Start(t)
	realClinic(t, s)
	mine, other := token(t, s, ada), token(t, s, ada)
	s.On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", As: guest, Path: path, Body: `{"oldPassword":"a","password":"b"}`, Want: 401},
		{Name: "both are needed", As: ada, Path: path, Body: `{}`, Want: 400, Has: []string{`"oldPassword":{"code":"validation_required"`, `"password":{"code":"validation_required"`}},
		{Name: "the present one must be right", As: ada, Path: path, Body: `{"oldPassword":"wrong","password":"` + fresh + `"}`, Want: 400, Has: []string{`"oldPassword":{"code":"validation_invalid_old_password"`}},
		{Name: "the new one is not weak", As: ada, Path: path, Body: map[string]any{"oldPassword": ada.Password, "password": "password123"}, Want: 400, Has: []string{`"password":{"code":"password_common"`}},
		{Name: "the repetition agrees", As: ada, Path: path, Body: map[string]any{"oldPassword": ada.Password, "password": fresh, "passwordConfirm": "else"}, Want: 400, Has: []string{`"passwordConfirm":{`}},
	})
	r := s.Do(t, "POST", path, mine, map[string]any{"oldPassword": ada.Password, "password": fresh, "passwordConfirm": fresh}, "Idempotency-Key: pw1")
	want(t, "change", r, http.StatusOK, `"token":"`, `"email":"`+ada.Email+`"`)
	tok, _ := r.JSON(t)["token"].(string)
	alive(t, s, "the caller's session, with the new token", tok, true)
	alive(t, s, "with the old one", mine, false)
	alive(t, s, "another session", other, false)
	if sid(t, tok) != sid(t, mine) {
		t.Error("the caller's session is another one now")
	}
	if n := count(t, s, "idempotency_keys"); n != 0 {
		t.Error("the answer with the token was kept")
	}
	want(t, "the old password", login(t, s, ada.Email, ada.Password), http.StatusBadRequest)
	want(t, "the new one", login(t, s, ada.Email, fresh), http.StatusOK)
}

func TestAPasswordChangedElsewhereEndsAllSessions(t *testing.T) {
	const fresh = "kettle-4711-bridge"
	body := map[string]any{"password": fresh, "passwordConfirm": fresh}
	for name, do := range map[string]func(*testing.T, *kerneltest.Server) kerneltest.Response{
		"by an admin": func(t *testing.T, s *kerneltest.Server) kerneltest.Response {
			return s.As(t, alma, "PUT", "/api/users/"+authapi.Ada.ID, body)
		},
		"by the dashboard": func(t *testing.T, s *kerneltest.Server) kerneltest.Response {
			return s.Do(t, "PATCH", users+"/"+authapi.Ada.ID, dashboard(t, s), body)
		},
		"with the SDK": func(t *testing.T, s *kerneltest.Server) kerneltest.Response {
			return s.As(t, ada, "PATCH", users+"/"+authapi.Ada.ID, map[string]any{"oldPassword": ada.Password, "password": fresh, "passwordConfirm": fresh})
		},
		"by a link in a mail": func(t *testing.T, s *kerneltest.Server) kerneltest.Response {
			link, err := account(t, s, authapi.Ada.ID).NewPasswordResetToken()
			if err != nil {
				t.Fatal(err)
			}
			weak := s.Do(t, "POST", "/api/collections/users/confirm-password-reset", "", map[string]any{"token": link, "password": "password123", "passwordConfirm": "password123"})
			want(t, "a weak one", weak, http.StatusBadRequest, `"password":{"code":"password_common"`)
			return s.Do(t, "POST", "/api/collections/users/confirm-password-reset", "", map[string]any{"token": link, "password": fresh, "passwordConfirm": fresh})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := set.Start(t)
			realClinic(t, s)
			tok := token(t, s, ada)
			if r := do(t, s); r.Status != http.StatusOK && r.Status != http.StatusNoContent {
				t.Fatalf("got %d: %s", r.Status, r.Body)
			}
			alive(t, s, "before the change", tok, false)
			if rows, err := s.App.FindAllRecords("sessions", dbx.HashExp{"userId": authapi.Ada.ID}); err != nil || len(rows) != 0 {
				t.Errorf("%d sessions are left, %v", len(rows), err)
			}
			want(t, "the new password", login(t, s, ada.Email, fresh), http.StatusOK)
		})
	}
}
