package auth_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

const usersPath = "/api/users"

func TestAccountsAreForAdmins(t *testing.T) {
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", As: guest, Method: "GET", Path: usersPath, Want: 401},
		{Name: "a patient may not list", As: ada, Method: "GET", Path: usersPath, Want: 403},
		{Name: "nor a doctor", As: grace, Method: "GET", Path: usersPath, Want: 403},
		{Name: "an admin may, e-mail addresses included", As: alma, Method: "GET", Path: usersPath + "?sort=name", Want: 200, Has: []string{`"totalItems":10`, ada.Email}, Not: []string{"tokenKey", `"password"`}},
		{Name: "and search", As: alma, Method: "GET", Path: usersPath + "?q=tanaka", Want: 200, Has: []string{`"totalItems":1`, "Bob"}},
		{Name: "and filter", As: alma, Method: "GET", Path: usersPath + "?filter=role%3D'doctor'", Want: 200, Has: []string{`"totalItems":2`}},
		{Name: "but not by secrets", As: alma, Method: "GET", Path: usersPath + "?filter=tokenKey~'a'", Want: 400},
		{Name: "an admin sees one", As: alma, Method: "GET", Path: usersPath + "/" + authapi.Ada.ID, Want: 200, Has: []string{ada.Email}},
		{Name: "everybody sees their own", As: ada, Method: "GET", Path: usersPath + "/" + authapi.Ada.ID, Want: 200},
		{Name: "somebody else's is not there", As: ada, Method: "GET", Path: usersPath + "/" + authapi.Bob.ID, Want: 404},
		{Name: "for a doctor neither", As: grace, Method: "GET", Path: usersPath + "/" + authapi.Ada.ID, Want: 404},
		{Name: "nor through the collection", As: grace, Method: "GET", Path: users + "/" + authapi.Ada.ID, Want: 404},
		{Name: "accounts are not made here", As: alma, Path: usersPath, Body: `{}`, Want: 404},
		{Name: "an admin renames", As: alma, Method: "PUT", Path: usersPath + "/" + authapi.Ada.ID, Body: `{"name":" Ada N. "}`, Want: 200, Has: []string{`"name":"Ada N."`, `"role":"patient"`}},
		{Name: "and gives a new address", As: alma, Method: "PUT", Path: usersPath + "/" + authapi.Bob.ID, Body: `{"email":"Bob2@Example.com"}`, Want: 200, Has: []string{`"email":"bob2@example.com"`}},
		{Name: "not a taken one", As: alma, Method: "PUT", Path: usersPath + "/" + authapi.Bob.ID, Body: `{"email":"doctor@gmail.com"}`, Want: 400, Has: []string{`"email":{`}},
		{Name: "no such status", As: alma, Method: "PUT", Path: usersPath + "/" + authapi.Bob.ID, Body: `{"status":"asleep"}`, Want: 400, Has: []string{`"status":{`}},
		{Name: "no such role", As: alma, Method: "PUT", Path: usersPath + "/" + authapi.Bob.ID, Body: `{"role":"king"}`, Want: 400, Has: []string{`"role":{`}},
		{Name: "duties are the profile's", As: alma, Method: "PUT", Path: usersPath + "/" + authapi.Carl.ID, Body: `{"duty":["pharmacy"]}`, Want: 400, Has: []string{`"duty":{"code":"server_set"`}},
	})
}

func TestNobodyRaisesTheirOwnRights(t *testing.T) {
	s := set.Start(t)
	for _, who := range []authapi.Account{authapi.Ada, authapi.Grace, authapi.Nia, authapi.Rosa} {
		for _, body := range []string{
			`{"role":"admin"}`, `{"status":"pending"}`, `{"duty":["cashier"]}`, `{"verified":false}`, `{"email":"x@example.com"}`, `{"name":"Queen"}`, `{"role":"admin","name":"x","verified":false}`,
		} {
			for _, path := range []string{"PUT " + usersPath, "PATCH " + users} {
				method, at, _ := strings.Cut(path, " ")
				// Rosa has the duty already; sending back what is there is no change.
				if r := s.As(t, as(who), method, at+"/"+who.ID, body); r.Status < 400 && !(who.ID == authapi.Rosa.ID && strings.Contains(body, "duty")) {
					t.Errorf("%s %s %s: got %d", who.Email, path, body, r.Status)
				}
			}
			batch := map[string]any{"requests": []any{map[string]any{"method": "PATCH", "url": users + "/" + who.ID, "body": map[string]any{"role": "admin"}}}}
			if r := s.As(t, as(who), "POST", "/api/batch", batch); r.Status < 400 {
				t.Errorf("%s in a batch: got %d", who.Email, r.Status)
			}
		}
		if got := account(t, s, who.ID); got.GetString("role") != who.Role || got.GetString("status") != authapi.Active || got.Email() != who.Email || !got.Verified() {
			t.Errorf("%s is now %v", who.Email, got)
		}
		for _, path := range []string{users + "/" + who.ID, users + "/" + authapi.Bob.ID} {
			if r := s.As(t, as(who), "DELETE", path, nil); r.Status < 400 {
				t.Errorf("%s deleted %s", who.Email, path)
			}
		}
	}
	want(t, "one's own choice", s.As(t, ada, "PATCH", users+"/"+authapi.Ada.ID, `{"emailVisibility":true}`), http.StatusOK)
}

func TestAChangeOfRightsCountsAtOnceOnAllSessions(t *testing.T) {
	for _, body := range []map[string]any{{"status": "disabled"}, {"status": "pending"}, {"role": "patient"}} {
		for _, by := range []string{"PUT " + usersPath, "PATCH " + users, "dashboard"} {
			s := set.Start(t)
			phone, desk := token(t, s, nia), s.SignIn(t, nia)
			alive(t, s, "before", phone, true)
			var r kerneltest.Response
			if method, at, _ := strings.Cut(by, " "); by == "dashboard" {
				r = s.Do(t, "PATCH", users+"/"+authapi.Nia.ID, dashboard(t, s), body)
			} else {
				r = s.As(t, alma, method, at+"/"+authapi.Nia.ID, body)
			}
			want(t, by, r, http.StatusOK)
			alive(t, s, by, phone, false)
			alive(t, s, by, desk, false)
		}
	}
}

func TestAStatusChangedBehindTheHooksCountsToo(t *testing.T) {
	s := set.Start(t)
	tok := token(t, s, nia)
	if _, err := s.App.DB().NewQuery("UPDATE users SET status = 'disabled' WHERE id = '" + authapi.Nia.ID + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	alive(t, s, "after it", tok, false)
}

func TestTheLastAdminStays(t *testing.T) {
	s := set.Start(t)
	root := dashboard(t, s)
	for _, tc := range []struct{ name, method, path, token, body, field string }{
		{"disables themself", "PUT", usersPath + "/" + authapi.Alma.ID, s.Token(t, alma), `{"status":"disabled"}`, "status"},
		{"gives the role away", "PUT", usersPath + "/" + authapi.Alma.ID, s.Token(t, alma), `{"role":"doctor"}`, "role"},
		{"through the collection", "PATCH", users + "/" + authapi.Alma.ID, s.Token(t, alma), `{"status":"pending"}`, "status"},
		{"by the dashboard", "PATCH", users + "/" + authapi.Alma.ID, root, `{"status":"disabled","role":"nurse"}`, ""},
		{"deleted by the dashboard", "DELETE", users + "/" + authapi.Alma.ID, root, ``, "error"},
	} {
		r := s.Do(t, tc.method, tc.path, tc.token, tc.body)
		if r.Status != http.StatusConflict || !strings.Contains(r.Body, "last_admin") || (tc.field != "" && r.Code(tc.field) != "last_admin") {
			t.Errorf("%s: got %d, want 409 at %q: %s", tc.name, r.Status, tc.field, r.Body)
		}
	}
	if err := change(t, s, "users", authapi.Alma.ID, "status", authapi.Disabled); err == nil {
		t.Error("code disabled the last admin")
	}
	batch := map[string]any{"requests": []any{map[string]any{"method": "PATCH", "url": users + "/" + authapi.Alma.ID, "body": map[string]any{"role": "staff"}}}}
	want(t, "in a batch", s.As(t, alma, "POST", "/api/batch", batch), http.StatusConflict, "last_admin")
	alive(t, s, "the admin's session", s.Token(t, alma), true)
	want(t, "with a second admin", s.As(t, alma, "PUT", usersPath+"/"+authapi.Grace.ID, `{"role":"admin"}`), http.StatusOK)
	want(t, "nobody gives their own rights up by mistake", s.As(t, alma, "PUT", usersPath+"/"+authapi.Alma.ID, `{"status":"disabled"}`), http.StatusForbidden, "out_of_reach")
	want(t, "but the other one may take them", s.As(t, grace, "PUT", usersPath+"/"+authapi.Alma.ID, `{"status":"disabled"}`), http.StatusOK)
}

func TestTwoAdminsWhoDemoteEachOtherLeaveOne(t *testing.T) {
	s := set.Start(t)
	want(t, "a second admin", s.As(t, alma, "PUT", usersPath+"/"+authapi.Grace.ID, `{"role":"admin"}`), http.StatusOK)
	a, b := s.Token(t, alma), s.Token(t, grace)
	var wg sync.WaitGroup
	for token, victim := range map[string]string{a: authapi.Grace.ID, b: authapi.Alma.ID} {
		wg.Go(func() { s.Do(t, "PUT", usersPath+"/"+victim, token, `{"role":"nurse"}`) })
	}
	wg.Wait()
	if one, two := account(t, s, authapi.Alma.ID), account(t, s, authapi.Grace.ID); authapi.Admin.Has(one) == authapi.Admin.Has(two) {
		t.Errorf("admins are %v and %v, want one", authapi.Admin.Has(one), authapi.Admin.Has(two))
	}
}

func TestANewRoleHasAProfile(t *testing.T) {
	s := set.Start(t)
	want(t, "PUT", s.As(t, alma, "PUT", usersPath+"/"+authapi.Nia.ID, `{"role":"doctor"}`), http.StatusOK)
	r := s.As(t, nia, "GET", "/api/auth/me", nil)
	want(t, "me", r, http.StatusOK, `"title":"doctor Nia Castell"`)
	want(t, "a role without profiles", s.As(t, alma, "PUT", usersPath+"/"+authapi.Nia.ID, `{"role":"staff"}`), http.StatusOK)
	want(t, "and back", s.As(t, alma, "PUT", usersPath+"/"+authapi.Nia.ID, `{"role":"doctor"}`), http.StatusOK)
	if n := count(t, s, "cards"); n != 1 {
		t.Errorf("%d profiles, want the first one kept", n)
	}
}

func TestMe(t *testing.T) {
	s := set.Start(t)
	id := card(t, s, authapi.Ada.ID)
	s.On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", As: guest, Method: "GET", Path: "/api/auth/me", Want: 401},
		{Name: "a patient", As: ada, Method: "GET", Path: "/api/auth/me", Want: 200,
			Has: []string{`"id":"` + authapi.Ada.ID + `"`, `"email":"` + ada.Email + `"`, `"role":"patient"`, `"status":"active"`, `"profile":{`, id, `"cards":["list","view"]`, `"GET /api/cards"`, `"POST /api/auth/logout"`},
			Not: []string{`"secret"`, "tokenKey", `"password"`, `"GET /api/users"`, `"PUT /api/clinic"`, `"PUT /api/cards/{id}"`}},
		{Name: "an admin", As: alma, Method: "GET", Path: "/api/auth/me", Want: 200,
			Has: []string{`"profile":null`, `"users":["list","view","create","update"]`, `"cards":["list","view","update"]`, `"GET /api/users"`, `"PUT /api/clinic"`, `"PUT /api/cards/{id}"`}, Not: []string{`"sessions"`}},
	})
	want(t, "a superuser", s.Do(t, "GET", "/api/auth/me", dashboard(t, s), nil), http.StatusOK, `"profile":null`)
	want(t, "who changes the password in the dashboard", s.Do(t, "POST", "/api/auth/password", dashboard(t, s), map[string]any{"oldPassword": "x", "password": "y"}), http.StatusForbidden)
}

func TestAnAccountIsFoundByItsProfileToo(t *testing.T) {
	s := set.Start(t)
	id := card(t, s, authapi.Ada.ID)
	for given, want := range map[string]string{authapi.Ada.ID: authapi.Ada.ID, id: authapi.Ada.ID, "nobody000000000": "", "": ""} {
		if got, err := authapi.AccountID(s.App, given); err != nil || got != want {
			t.Errorf("AccountID(%q) = %q, %v, want %q", given, got, err, want)
		}
	}
	for accountID, want := range map[string]string{authapi.Ada.ID: id, authapi.Bob.ID: "", authapi.Alma.ID: ""} {
		p, err := authapi.ProfileOf(s.App, account(t, s, accountID))
		if err != nil || (p == nil) != (want == "") || p != nil && p.Id != want {
			t.Errorf("ProfileOf(%s) = %v, %v, want %q", accountID, p, err, want)
		}
	}
}
