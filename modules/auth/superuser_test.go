package auth_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

const superusers = "/api/collections/_superusers"

func TestSuperusersHaveTheClinicsPasswords(t *testing.T) {
	s := set.Start(t)
	root := dashboard(t, s)
	body := func(email, password string) map[string]any {
		return map[string]any{"email": email, "password": password, "passwordConfirm": password}
	}
	r := s.Do(t, "POST", superusers+"/records", root, body("lenient@x.test", "password123"))
	want(t, "the demo is lenient", r, http.StatusOK)
	id, _ := r.JSON(t)["id"].(string)
	configure(t, s, map[string]any{"passwordMinLength": 10, "passwordRefuseCommon": true})
	for _, c := range []struct{ name, password, code string }{
		{"too short", "kettle471", "password_too_short"},
		{"among the first that are tried", "password123", "password_common"},
		{"the clinic's name", "Polyclinic2026!", "password_common"},
	} {
		for path, r := range map[string]kerneltest.Response{
			"create": s.Do(t, "POST", superusers+"/records", root, body("weak@x.test", c.password)),
			"update": s.Do(t, "PATCH", superusers+"/records/"+id, root, body("lenient@x.test", c.password)),
			"batch": s.Do(t, "POST", "/api/batch", root, map[string]any{"requests": []any{
				map[string]any{"method": "POST", "url": superusers + "/records", "body": body("weak@x.test", c.password)},
			}}),
		} {
			want(t, c.name+", "+path, r, http.StatusBadRequest, c.code)
		}
	}
	want(t, "a strong one", s.Do(t, "PATCH", superusers+"/records/"+id, root, body("lenient@x.test", "kettle4711bridge")), http.StatusOK)
	want(t, "what is no password", s.Do(t, "PATCH", superusers+"/records/"+id, root, map[string]any{"emailVisibility": true}), http.StatusOK)
}

func TestASuperusersSignInEnds(t *testing.T) {
	s := set.Start(t)
	first := dashboard(t, s)
	refresh := func(token string) kerneltest.Response {
		return s.Do(t, "POST", superusers+"/auth-refresh", token, nil)
	}
	life := func(token string) time.Duration {
		c := claims(t, token)
		exp, _ := c["exp"].(float64)
		since, _ := c["since"].(float64)
		return time.Duration(exp-since) * time.Second
	}
	if got := life(first); got != 12*time.Hour {
		t.Errorf("it lives for %s, want 12 h", got)
	}
	r := refresh(first)
	want(t, "refresh", r, http.StatusOK)
	second, _ := r.JSON(t)["token"].(string)
	if a, b := claims(t, first), claims(t, second); a["exp"] != b["exp"] || a["since"] != b["since"] || a["jti"] == b["jti"] {
		t.Errorf("%v became %v, want another token with the same end", a, b)
	}
	want(t, "its use", s.Do(t, "GET", "/api/settings", second, nil), http.StatusOK)

	configure(t, s, map[string]any{"sessionLimits": map[string]any{"admin": map[string]any{"idleMinutes": 15, "hours": 1}}})
	r = refresh(second)
	want(t, "refresh with the shorter limit of admins", r, http.StatusOK)
	third, _ := r.JSON(t)["token"].(string)
	if got := life(third); got != time.Hour {
		t.Errorf("it lives for %s, want 1 h", got)
	}

	account, err := s.App.FindAuthRecordByEmail(core.CollectionNameSuperusers, alma.Email)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := account.NewAuthToken() // as an earlier version gave it
	if err != nil {
		t.Fatal(err)
	}
	want(t, "refresh of what has no beginning", refresh(plain), http.StatusUnauthorized)
}
