package auth_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

// terminal is what servers of printing print.
var (
	terminal bytes.Buffer
	printing = &kerneltest.Set{Modules: []kernel.Module{hooks.Module(), migrations.Module(), clinic.Module(), auth.ModuleWith(&terminal)}}
)

var reLink = regexp.MustCompile(`http://127\.0\.0\.1(?::\d+)?(/api/auth/setup\?token=([A-Za-z0-9]+))`)

// empty turns the copy of the cast's data folder into a real clinic's first start.
func empty(app *tests.TestApp) {
	for _, q := range []string{
		"DROP TRIGGER users_last_admin_delete", "DELETE FROM users", "DELETE FROM _superusers",
		"UPDATE clinic SET demo = false, name = 'Polyclinic', passwordMinLength = 10, passwordRefuseCommon = true",
	} {
		if _, err := app.DB().NewQuery(q).Execute(); err != nil {
			panic(err)
		}
	}
}

// firstStart returns a server without accounts, the link's path and its token.
func firstStart(t *testing.T) (s *kerneltest.Server, path, token string) {
	t.Helper()
	terminal.Reset()
	s = printing.Start(t, empty)
	m := reLink.FindStringSubmatch(terminal.String())
	if m == nil {
		t.Fatalf("no link on the terminal: %q", terminal.String())
	}
	return s, m[1], m[2]
}

func postForm(t *testing.T, s *kerneltest.Server, fields url.Values) kerneltest.Response {
	t.Helper()
	return s.Do(t, "POST", "/api/auth/setup", "", fields.Encode(), "Content-Type: application/x-www-form-urlencoded")
}

func TestTheFirstAdminByTheForm(t *testing.T) {
	s, path, token := firstStart(t)
	r := s.Do(t, "GET", path, "", nil)
	want(t, "the page", r, http.StatusOK, "<form", `value="`+token+`"`, "at least 10 characters", `value="USD"`)
	style := sha256.Sum256([]byte(auth.SetupCSS))
	policy := r.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, base64.StdEncoding.EncodeToString(style[:])) || !strings.Contains(r.Body, "<style>"+auth.SetupCSS+"</style>") {
		t.Errorf("policy %q does not name the page's style", policy)
	}
	if strings.Contains(r.Body, "<script") || strings.Contains(r.Body, "http://") || strings.Contains(r.Body, "https://") || r.Header.Get("Referrer-Policy") != "no-referrer" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		t.Errorf("the page needs something else, or tells the token: %v %s", r.Header, r.Body)
	}
	fields := url.Values{"token": {token}, "name": {"Zoë \"O'Neil\" <b>"}, "email": {"Boss@Example.com"}, "password": {"Welcome2026!"}, "clinicName": {"St. Mary"}, "currency": {"x"}, "timeZone": {"Mars"}}
	r = postForm(t, s, fields)
	want(t, "what is wrong is named", r, http.StatusBadRequest, "one of the first that an attacker tries", "ISO 4217", "IANA", `value="boss@example.com"`, "&lt;b&gt;")
	if strings.Contains(r.Body, "Welcome2026!") || strings.Contains(r.Body, "<b>") {
		t.Error("the page sends the password back, or what was typed as HTML")
	}
	fields.Set("password", "kettle-4711-bridge")
	fields.Set("currency", "eur")
	fields.Set("timeZone", "Europe/Berlin")
	want(t, "done", postForm(t, s, fields), http.StatusCreated, "is ready", "boss@example.com")
	want(t, "the admin signs in", login(t, s, "boss@example.com", "kettle-4711-bridge"), http.StatusOK, `"role":"admin"`, `"status":"active"`)
	want(t, "the dashboard opens", s.Do(t, "POST", "/api/collections/_superusers/auth-with-password", "", map[string]any{"identity": "boss@example.com", "password": "kettle-4711-bridge"}), http.StatusOK)
	want(t, "the clinic", s.Do(t, "GET", "/api/clinic", "", nil), http.StatusOK, `"name":"St. Mary"`, `"currency":"EUR"`, `"timeZone":"Europe/Berlin"`)
	want(t, "the link is dead", s.Do(t, "GET", path, "", nil), http.StatusNotFound)
	fields.Set("email", "second@example.com")
	want(t, "the form too", postForm(t, s, fields), http.StatusNotFound)
}

func TestTheFirstAdminByJSON(t *testing.T) {
	s, _, token := firstStart(t)
	post := func(body map[string]any) kerneltest.Response { return s.Do(t, "POST", "/api/auth/setup", "", body) }
	want(t, "without the token", post(map[string]any{"name": "X", "email": "x@example.com", "password": "kettle-4711-bridge"}), http.StatusNotFound)
	want(t, "with another", post(map[string]any{"token": token + "x", "name": "X", "email": "x@example.com", "password": "kettle-4711-bridge"}), http.StatusNotFound)
	want(t, "everything that is wrong", post(map[string]any{"token": token, "email": "x", "password": "short", "timeZone": "Mars"}), http.StatusBadRequest, `"name":{`, `"email":{`, `"password":{`, `"timeZone":{`)
	if n := count(t, s, "users"); n != 0 {
		t.Fatalf("%d accounts", n)
	}
	r := post(map[string]any{"token": token, "name": "X", "email": "x@example.com", "password": "kettle-4711-bridge"})
	want(t, "done", r, http.StatusCreated, `"record":{`, `"role":"admin"`, `"email":"x@example.com"`)
	if strings.Contains(r.Body, kernel.SearchColumn) {
		t.Errorf("it shows what is searched: %s", r.Body)
	}
	want(t, "once only", post(map[string]any{"token": token, "name": "Y", "email": "y@example.com", "password": "kettle-4711-bridge"}), http.StatusNotFound)
}

func TestTheLinkWorksOnceHoweverManyUseItAtOnce(t *testing.T) {
	s, _, token := firstStart(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			s.Do(t, "POST", "/api/auth/setup", "", map[string]any{"token": token, "name": "X", "email": string(rune('a'+i)) + "@example.com", "password": "kettle-4711-bridge"})
		})
	}
	wg.Wait()
	if a, b := count(t, s, "users"), count(t, s, "_superusers"); a != 1 || b != 1 {
		t.Errorf("%d admins and %d superusers", a, b)
	}
}

func TestTheLinkIsDeadOnceThereIsAnAdmin(t *testing.T) {
	s, path, token := firstStart(t)
	r := account1(t, s)
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	want(t, "submit", s.Do(t, "POST", "/api/auth/setup", "", map[string]any{"token": token, "name": "X", "email": "x@example.com", "password": "kettle-4711-bridge"}), http.StatusNotFound)
	want(t, "show", s.Do(t, "GET", path, "", nil), http.StatusNotFound)
}

func TestNoLinkWhereThereIsAnAdmin(t *testing.T) {
	terminal.Reset()
	s := printing.Start(t)
	if terminal.Len() > 0 {
		t.Errorf("the terminal has %q", terminal.String())
	}
	for _, path := range []string{"/api/auth/setup", "/api/auth/setup?token="} {
		want(t, path, s.Do(t, "GET", path, "", nil), http.StatusNotFound)
	}
	want(t, "an empty token", s.Do(t, "POST", "/api/auth/setup", "", `{"token":""}`), http.StatusNotFound)
}

func TestTheDemoOpensTheDashboardAndARealClinicHasNoKnownPassword(t *testing.T) {
	s := set.Start(t)
	if dashboard(t, s) == "" {
		t.Error("no superuser in the demo")
	}
	s, _, _ = firstStart(t)
	want(t, "admin@gmail.com", login(t, s, alma.Email, alma.Password), http.StatusBadRequest)
	want(t, "superuser", s.Do(t, "POST", "/api/collections/_superusers/auth-with-password", "", map[string]any{"identity": alma.Email, "password": alma.Password}), http.StatusBadRequest)
}

func TestResetOfAnAdmin(t *testing.T) {
	s := set.Start(t)
	tok := token(t, s, alma)
	password, err := auth.ResetAdmin(s.App, alma.Email)
	if err != nil || len(password) != 20 {
		t.Fatal(password, err)
	}
	alive(t, s, "the earlier session", tok, false)
	want(t, "the old password", login(t, s, alma.Email, alma.Password), http.StatusBadRequest)
	want(t, "the new one", login(t, s, alma.Email, password), http.StatusOK)
	want(t, "in the dashboard", s.Do(t, "POST", "/api/collections/_superusers/auth-with-password", "", map[string]any{"identity": alma.Email, "password": password}), http.StatusOK)
	for _, email := range []string{ada.Email, "nobody@example.com"} {
		if _, err := auth.ResetAdmin(s.App, email); err == nil {
			t.Errorf("%s got a new password", email)
		}
	}
	c := auth.AdminCommand(s.Kernel)
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(io.Discard)
	c.SetArgs([]string{"reset", authapi.Alma.Email})
	if err := c.Execute(); err != nil || !strings.Contains(out.String(), "New password of admin@gmail.com") {
		t.Errorf("%v: %s", err, out.String())
	}
}
