package auth_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

const registerPath = "/api/auth/register"

func person(role, email string) map[string]any {
	return map[string]any{"name": "New Person", "role": role, "email": email, "password": "kettle-4711-bridge"}
}

func TestRegistration(t *testing.T) {
	s := set.Start(t)
	s.On(t, []kerneltest.Scenario{
		{Name: "the user's own example passes in a demo", As: guest, Path: registerPath, Body: `{"name":"John","role":"patient","email":"John@Example.com ","password":"password123"}`, Want: 201,
			Has: []string{`"record":{`, `"email":"john@example.com"`, `"role":"patient"`, `"status":"active"`, `"name":"John"`}, Not: []string{"password", "tokenKey", "token"}},
		{Name: "and signs in at once", As: guest, Path: "/api/auth/login", Body: `{"email":"JOHN@example.com","password":"password123"}`, Want: 200, Has: []string{`"token":"`}},
		{Name: "without a role it is a patient", As: guest, Path: registerPath, Body: `{"name":"Jo","email":"jo@example.com","password":"password123"}`, Want: 201, Has: []string{`"role":"patient"`, `"status":"active"`}},
		{Name: "a doctor waits", As: guest, Path: registerPath, Body: person("doctor", "doc@example.com"), Want: 201, Has: []string{`"status":"pending"`}},
		{Name: "and may not sign in", As: guest, Path: "/api/auth/login", Body: `{"email":"doc@example.com","password":"kettle-4711-bridge"}`, Want: 403, Has: []string{"account_pending"}},
		{Name: "a nurse waits", As: guest, Path: registerPath, Body: person("nurse", "nurse2@example.com"), Want: 201, Has: []string{`"status":"pending"`}},
		{Name: "staff wait, also when a patient asks", As: ada, Path: registerPath, Body: person("staff", "staff2@example.com"), Want: 201, Has: []string{`"status":"pending"`}},
		{Name: "nobody makes an admin", As: guest, Path: registerPath, Body: person("admin", "boss@example.com"), Want: 403, Has: []string{"admin_only"}},
		{Name: "nor does a doctor", As: grace, Path: registerPath, Body: person("admin", "boss@example.com"), Want: 403},
		{Name: "but an admin does, and it is active", As: alma, Path: registerPath, Body: person("admin", "boss@example.com"), Want: 201, Has: []string{`"role":"admin"`, `"status":"active"`}},
		{Name: "an admin's doctor is active at once", As: alma, Path: registerPath, Body: person("doctor", "doc2@example.com"), Want: 201, Has: []string{`"status":"active"`}},
		{Name: "a taken address", As: guest, Path: registerPath, Body: person("patient", "doc@example.com"), Want: 400, Has: []string{`"email":{"code":"validation_not_unique"`}},
		{Name: "taken in other letters", As: guest, Path: registerPath, Body: person("patient", "DOC@example.com"), Want: 400, Has: []string{`"email":{"code":"validation_not_unique"`}},
		{Name: "a malformed address", As: guest, Path: registerPath, Body: person("patient", "not an address"), Want: 400, Has: []string{`"email":{"code":"validation_is_email"`}},
		{Name: "everything bad at once", As: guest, Path: registerPath, Body: `{"name":" ","role":"king","email":"x","password":"short"}`, Want: 400,
			Has: []string{`"name":{"code":"validation_required"`, `"role":{"code":"validation_in_invalid"`, `"email":{`, `"password":{"code":"password_too_short"`}},
		{Name: "nothing at all", As: guest, Path: registerPath, Body: `{}`, Want: 400, Has: []string{`"name":`, `"email":`, `"password":{"code":"validation_required"`}, Not: []string{`"role"`}},
		{Name: "too long for bcrypt", As: guest, Path: registerPath, Body: map[string]any{"name": "X", "email": "x@example.com", "password": strings.Repeat("ä", 36)}, Want: 400, Has: []string{"password_too_long"}},
		{Name: "the server sets the status", As: guest, Path: registerPath, Body: `{"name":"X","role":"doctor","email":"x@example.com","password":"password123","status":"active","verified":true,"duty":["cashier"],"id":"aaaaaaaaaaaaaaa"}`, Want: 400,
			Has: []string{`"status":{"code":"server_set"`, `"verified":{"code":"server_set"`, `"duty":{"code":"server_set"`, `"id":{"code":"server_set"`}},
		{Name: "text is text", As: guest, Path: registerPath, Body: `{"name":5,"email":"x@example.com","password":"password123"}`, Want: 400, Has: []string{`"name"`}},
		{Name: "no JSON", As: guest, Path: registerPath, Body: `{"name"`, Want: 400},
	})
}

func TestARealClinicRefusesCommonPasswords(t *testing.T) {
	s := set.Start(t)
	realClinic(t, s)
	try := func(password string) kerneltest.Response {
		return s.Do(t, "POST", registerPath, "", map[string]any{"name": "Grace Okafor", "email": "gok@example.com", "password": password})
	}
	for password, code := range map[string]string{
		"password1": "password_too_short", "password123": "password_common", "Welcome2026!": "password_common", "1234567890": "password_common", "Okafor2026!": "password_common",
	} {
		if r := try(password); r.Status != http.StatusBadRequest || r.Code("password") != code {
			t.Errorf("%s: got %d %s, want %s", password, r.Status, r.Body, code)
		}
	}
	want(t, "a good one", try("kettle-4711-bridge"), http.StatusCreated)
}

func TestAPatientWhoRegistersHasAProfile(t *testing.T) {
	s := set.Start(t)
	r := s.Do(t, "POST", registerPath, "", person("patient", "p@example.com"))
	want(t, "register", r, http.StatusCreated)
	tok := token(t, s, kerneltest.Account{Email: "p@example.com", Password: "kettle-4711-bridge"})
	want(t, "me", s.Do(t, "GET", "/api/auth/me", tok, nil), http.StatusOK, `"profile":{`, `"title":"patient New Person"`)
}

// A doctor must not be bookable ahead of the approval.
func TestADoctorHasAProfileFromTheApprovalOn(t *testing.T) {
	for _, path := range []string{"PUT /api/users/", "PATCH " + users + "/"} {
		s := set.Start(t)
		method, at, _ := strings.Cut(path, " ")
		r := s.Do(t, "POST", registerPath, "", person("doctor", "d@example.com"))
		want(t, "register", r, http.StatusCreated)
		id, _ := r.JSON(t)["record"].(map[string]any)["id"].(string)
		if n := count(t, s, "cards"); n != 0 {
			t.Fatalf("%d profiles ahead of the approval", n)
		}
		want(t, "approve", s.As(t, alma, method, at+id, `{"status":"active"}`), http.StatusOK, `"status":"active"`)
		want(t, "rename", s.As(t, alma, method, at+id, `{"name":"Dr New"}`), http.StatusOK)
		want(t, "disable", s.As(t, alma, method, at+id, `{"status":"disabled"}`), http.StatusOK)
		want(t, "and again", s.As(t, alma, method, at+id, `{"status":"active"}`), http.StatusOK)
		if n := count(t, s, "cards"); n != 1 {
			t.Fatalf("%d profiles after it, want 1", n)
		}
		want(t, "the doctor signs in", login(t, s, "d@example.com", "kettle-4711-bridge"), http.StatusOK)
	}
}

func TestOneOfManyRegistersAnAddress(t *testing.T) {
	s := set.Start(t)
	var wg sync.WaitGroup
	got := make([]int, 8)
	for i := range got {
		wg.Go(func() { got[i] = s.Do(t, "POST", registerPath, "", person("patient", "race@example.com")).Status })
	}
	wg.Wait()
	made := 0
	for _, status := range got {
		switch status {
		case http.StatusCreated:
			made++
		case http.StatusBadRequest:
		default:
			t.Errorf("got %d", status)
		}
	}
	if made != 1 || count(t, s, "cards") != 1 {
		t.Errorf("%d accounts and %d profiles, want one", made, count(t, s, "cards"))
	}
}

func TestARepeatedRegistrationHappensOnce(t *testing.T) {
	s := set.Start(t)
	before := count(t, s, "users")
	for range 2 {
		r := s.Do(t, "POST", registerPath, "", person("patient", "twice@example.com"), "Idempotency-Key: reg1")
		want(t, "register", r, http.StatusCreated, "twice@example.com")
	}
	if n := count(t, s, "users"); n != before+1 {
		t.Errorf("%d new accounts", n-before)
	}
}

func TestAccountsThroughTheCollection(t *testing.T) {
	s := set.Start(t)
	with := func(extra map[string]any) map[string]any {
		m := map[string]any{"name": "X", "role": "doctor", "email": "x@example.com", "password": "kettle-4711-bridge", "passwordConfirm": "kettle-4711-bridge"}
		for k, v := range extra {
			m[k] = v
		}
		return m
	}
	realClinic(t, s)
	for _, who := range []kerneltest.Account{guest, ada, grace} {
		if r := s.As(t, who, "POST", users, with(nil)); r.Status < 400 {
			t.Errorf("%q made an account: %d", who.Email, r.Status)
		}
	}
	weak := with(map[string]any{"password": "password123", "passwordConfirm": "password123"})
	want(t, "an admin's weak password", s.As(t, alma, "POST", users, weak), http.StatusBadRequest, `"password":{"code":"password_common"`)
	want(t, "the dashboard's", s.Do(t, "POST", users, dashboard(t, s), weak), http.StatusBadRequest, `"password":{"code":"password_common"`)
	want(t, "in a batch", s.As(t, alma, "POST", "/api/batch", map[string]any{"requests": []any{map[string]any{"method": "POST", "url": users, "body": weak}}}), http.StatusBadRequest, "password_common")
	want(t, "a good one", s.As(t, alma, "POST", users, with(map[string]any{"email": "X@Example.com"})), http.StatusOK, `"status":"active"`, `"email":"x@example.com"`)
	if n := count(t, s, "cards"); n != 1 {
		t.Errorf("%d profiles, want the doctor's", n)
	}
	want(t, "only the server says who has which duty", s.As(t, alma, "POST", users, with(map[string]any{"duty": []string{"cashier"}})), http.StatusBadRequest, `"duty":{"code":"server_set"`)
	if err := authapi.SetDuty(s.App, authapi.Carl.ID, []string{"pharmacy"}); err != nil {
		t.Fatal(err)
	}
	if got := account(t, s, authapi.Carl.ID).GetStringSlice("duty"); len(got) != 1 || got[0] != "pharmacy" {
		t.Errorf("Carl's duties are %v", got)
	}
}

// Guests are strangers to each other: one who draws the key of another has an account made, and
// the same guest who asks again has none made twice.
func TestGuestsShareNoIdempotencyKeys(t *testing.T) {
	s := set.Start(t)
	register := func(email string) kerneltest.Response {
		return s.Do(t, "POST", "/api/auth/register", "", map[string]any{"name": "Zoe Park", "email": email, "password": "a long enough one"}, "Idempotency-Key: same")
	}
	first := register("zoe.one@example.org")
	if other := register("zoe.two@example.org"); first.Status != 201 || other.Status != 201 {
		t.Errorf("one guest %d %s, another %d %s", first.Status, first.Body, other.Status, other.Body)
	}
	if again := register("zoe.one@example.org"); again.Status != 201 || again.Body != first.Body {
		t.Errorf("the same guest again: %d %s", again.Status, again.Body)
	}
}

func TestANewAccountIsShownAsAnyOther(t *testing.T) {
	s := set.Start(t)
	for name, r := range map[string]kerneltest.Response{
		"a registration": s.Do(t, "POST", "/api/auth/register", "", person("patient", "zoe@polyclinic.test")),
		"an admin's":     s.As(t, alma, "POST", "/api/auth/register", person("patient", "zoe2@polyclinic.test")),
		"an invitation":  s.As(t, alma, "POST", "/api/auth/invite", person("patient", "zoe3@polyclinic.test")),
	} {
		want(t, name, r, http.StatusCreated, `"email":"zoe`)
		if strings.Contains(r.Body, kernel.SearchColumn) {
			t.Errorf("%s shows what is searched: %s", name, r.Body)
		}
	}
}
