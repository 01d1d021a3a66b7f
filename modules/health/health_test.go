package health_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/health"
	"github.com/polyclinic-os/polyclinic/modules/notices"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var set = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(), notices.Module(), health.Module(),
}}

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

func TestHealthSaysMuchToAdministratorsAndLittleToOthers(t *testing.T) {
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "everybody is told a level", Method: "GET", Path: "/api/health", Want: 200, Has: []string{`"code":200`, `"level":"`, `"message":"API is healthy."`}, Not: []string{"findings", "realIP"}},
		{Name: "a doctor no more than that", As: as(authapi.Grace), Method: "GET", Path: "/api/health", Want: 200, Has: []string{`"level":"`}, Not: []string{"findings"}},
		{Name: "an administrator what is the matter", As: as(authapi.Alma), Method: "GET", Path: "/api/health", Want: 200, Has: []string{`"findings":[`, `"code":"mail_off"`, `"code":"demo"`, `"code":"rates_off"`}},
	})
}

// full makes the database refuse to grow, as a full disk does, and returns what ends it.
func full(t *testing.T, app core.App) (room func()) {
	t.Helper()
	// On the one connection that writes.
	var pages int
	if err := app.NonconcurrentDB().NewQuery("PRAGMA page_count").Row(&pages); err != nil {
		t.Fatal(err)
	}
	set := func(n int) {
		if err := app.NonconcurrentDB().NewQuery(fmt.Sprintf("PRAGMA max_page_count = %d", n)).Row(&n); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []string{"CREATE TABLE IF NOT EXISTS ballast (x BLOB)", "INSERT INTO ballast VALUES (zeroblob(100))", "VACUUM"} {
		if _, err := app.NonconcurrentDB().NewQuery(q).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.NonconcurrentDB().NewQuery("PRAGMA page_count").Row(&pages); err != nil {
		t.Fatal(err)
	}
	set(pages)
	// What is left inside the pages is used up.
	for {
		if _, err := app.NonconcurrentDB().NewQuery("INSERT INTO ballast VALUES (zeroblob(3000))").Execute(); err != nil {
			break
		}
	}
	return func() { set(1 << 30) }
}

func TestAFullDiskIsSaidOnEveryPathAndReadingGoesOn(t *testing.T) {
	s := set.Start(t, func(app *tests.TestApp) {
		app.Settings().Batch.Enabled = true
	})
	root := s.Superuser(t)
	tokens := map[string]string{"": "", "root": root, "alma": s.Token(t, as(authapi.Alma)), "grace": s.Token(t, as(authapi.Grace))}
	room := full(t, s.App)
	long := strings.Repeat("Cough and more of it. ", 225)
	rules := `{"label":"GET /0","maxRequests":5,"duration":5}`
	for i := range 200 {
		rules += fmt.Sprintf(`,{"label":"GET /%d","maxRequests":5,"duration":5}`, i+1)
	}
	const notices = "/api/collections/notices/records"
	post := func(title string) string {
		return `{"title":"` + title + `","body":"` + long + `","audience":["doctor"]}`
	}
	writes := []struct{ name, who, method, path, body string }{
		{"a documented path", "alma", "POST", "/api/notices", post("Zero")},
		{"the collection API", "root", "POST", "/api/collections/notices/records", post("One")},
		{"a batch", "root", "POST", "/api/batch", `{"requests":[{"method":"POST","url":"` + notices + `","body":` + post("Two") + `}]}`},
		{"the dashboard's settings", "root", "PATCH", "/api/settings", `{"rateLimits":{"rules":[` + rules + `]}}`},
	}
	answers := func() (failed int) {
		for _, w := range writes {
			r := s.Do(t, w.method, w.path, tokens[w.who], w.body)
			if r.Status != http.StatusInsufficientStorage || r.Code("error") != "disk_full" {
				t.Logf("%s: %d %.300s", w.name, r.Status, r.Body)
				failed++
			}
		}
		return failed
	}
	if failed := answers(); failed > 0 {
		t.Errorf("%d paths do not say that the disk is full", failed)
	}
	for _, path := range []string{"/api/patients/" + patientsapi.Ada, "/api/notices", "/api/clinic"} {
		if r := s.Do(t, "GET", path, tokens["grace"], nil); r.Status != 200 {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	if r := s.Do(t, "GET", "/api/health", "", nil); r.Status != 503 || !strings.Contains(r.Body, `"code":"disk_full"`) || !strings.Contains(r.Body, `"level":"alarm"`) {
		t.Errorf("health: %d %s", r.Status, r.Body)
	}
	room()
	if failed := answers(); failed != len(writes) {
		t.Errorf("with room again, %d of %d writes succeed", failed, len(writes))
	}
}

func TestADatabaseThatCannotBeWrittenIs503(t *testing.T) {
	s := set.Start(t)
	alma := s.Token(t, as(authapi.Alma))
	if _, err := s.App.NonconcurrentDB().NewQuery("PRAGMA query_only = ON").Execute(); err != nil {
		t.Fatal(err)
	}
	r := s.Do(t, "POST", "/api/patients", alma, `{"name":"Eve Long","age":30,"gender":"female","contact":"0123456789"}`)
	if r.Status != 503 || r.Code("error") != "storage_failed" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := s.Do(t, "GET", "/api/health", "", nil); r.Status != 503 || !strings.Contains(r.Body, "storage_failed") {
		t.Errorf("health: %d %s", r.Status, r.Body)
	}
}

// findings returns the codes that an administrator is told, with their levels.
func findings(t *testing.T, s *kerneltest.Server, headers ...string) map[string]kernel.Level {
	t.Helper()
	r := s.As(t, as(authapi.Alma), "GET", "/api/health", nil, headers...)
	var v struct {
		Data struct{ Findings []kernel.Finding }
	}
	if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
		t.Fatal(err)
	}
	out := map[string]kernel.Level{}
	for _, f := range v.Data.Findings {
		if f.Text == "" || f.Code == "" {
			t.Errorf("a finding without words: %+v", f)
		}
		out[f.Code] = f.Level
	}
	return out
}

func TestWhatIsSetUpBadlyIsFound(t *testing.T) {
	for _, c := range []struct {
		code  string
		level kernel.Level
		with  func(s *kerneltest.Server) []string
	}{
		{"mail_plain", kernel.Risk, func(s *kerneltest.Server) []string {
			s.App.Settings().SMTP.Enabled, s.App.Settings().SMTP.Host = true, "mail.example.org"
			return nil
		}},
		{"superuser_mfa", kernel.Risk, func(s *kerneltest.Server) []string { s.Superuser(t); return nil }},
		{"proxy_undeclared", kernel.Risk, func(*kerneltest.Server) []string { return []string{"X-Forwarded-For: 203.0.113.7"} }},
		{"folder_readable", kernel.Risk, func(s *kerneltest.Server) []string {
			if err := os.Chmod(s.App.DataDir(), 0o755); err != nil {
				t.Fatal(err)
			}
			return nil
		}},
		{"demo_reachable", kernel.Risk, at("http://0.0.0.0:8090")},
		{"plain_http", kernel.Risk, at("http://192.0.2.1:8090")},
		{"clock_back", kernel.Alarm, func(s *kerneltest.Server) []string {
			if _, err := s.App.NonconcurrentDB().NewQuery("INSERT OR REPLACE INTO health_probe VALUES (1, '2099-01-01 00:00:00.000Z', '')").Execute(); err != nil {
				t.Fatal(err)
			}
			return nil
		}},
	} {
		t.Run(c.code, func(t *testing.T) {
			s := set.Start(t)
			s.Token(t, as(authapi.Alma))
			if c.code != "folder_readable" {
				if err := os.Chmod(s.App.DataDir(), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if got := findings(t, s, c.with(s)...)[c.code]; got != c.level {
				t.Errorf("got %q, want %q", got, c.level)
			}
			quiet := set.Start(t)
			if err := os.Chmod(quiet.App.DataDir(), 0o700); err != nil {
				t.Fatal(err)
			}
			// The cast has one.
			if _, err := quiet.App.NonconcurrentDB().NewQuery("DELETE FROM _superusers").Execute(); err != nil {
				t.Fatal(err)
			}
			if got, is := findings(t, quiet)[c.code]; is {
				t.Errorf("found where it is not: %q", got)
			}
		})
	}
}

// at makes the data folder one that is served at the URL.
func at(url string) func(s *kerneltest.Server) []string {
	return func(s *kerneltest.Server) []string {
		if err := os.WriteFile(s.App.DataDir()+"/"+kernel.LockName, []byte("1\n"+url+"\n"), 0o600); err != nil {
			panic(err)
		}
		return nil
	}
}

// A secret that is not where its variable says is no variable that is unset: nobody wanted that.
func TestASettingInAFileThatCannotBeRead(t *testing.T) {
	if _, is := findings(t, set.Start(t))["setting_unread"]; is {
		t.Error("found where there is none")
	}
	s := set.Start(t)
	s.Token(t, as(authapi.Alma))
	t.Setenv("POLYCLINIC_SECRETS_KEY_FILE", t.TempDir()+"/gone")
	if got := findings(t, s)["setting_unread"]; got != kernel.Risk {
		t.Errorf("got %q, want %q", got, kernel.Risk)
	}
}
