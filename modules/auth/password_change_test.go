package auth_test

import (
	"net/http"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

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
