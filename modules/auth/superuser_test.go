package auth_test

import (
	"net/http"
	"testing"

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
