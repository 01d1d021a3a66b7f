package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// brokenBodies are what no handler can read, by Content-Type.
var brokenBodies = []struct{ media, body string }{
	{"application/json", `{"a":1`},
	{"application/json", `null`},
	{"application/json; charset=utf-8", `[{"a":1}]`},
	{"application/json", `{"a":1} {"a":2}`},
	{"application/json", "{\"a\":\"\xff\"}"},
	{"application/json", `{"a":1e999}`},
	{"application/json-patch+json", `{"a":1`},
	{"APPLICATION/JSON", `"text"`},
	{"multipart/form-data; boundary=x", `null`},
	{"multipart/form-data; boundary=x", `{"name":"x"}`},
	{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"@jsonPayload\"\r\n\r\n{\"a\":\r\n--x--\r\n"},
	{"multipart/form-data", `null`},
	{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"@jsonPayload\"\r\n\r\nnull\r\n--x--\r\n"},
	{"application/xml", `<a`},
	{"text/xml", `<a>1</a>`},
	{"text/plain", `{"a":1}`},
	{"", `{"a":1}`},
}

// systemPaths are PocketBase's own routes that read a body, or an identity that a rule or an
// answer reads it for.
var systemPaths = []string{
	"/api/batch", "/api/realtime", "/api/files/token", "/api/health", "/api/oauth2-redirect", "/api/sql",
	"/api/settings", "/api/settings/test/s3", "/api/settings/test/email", "/api/settings/apple/generate-client-secret",
	"/api/collections", "/api/collections/import", "/api/collections/things", "/api/collections/meta/dry-run-view", "/api/logs", "/api/crons", "/api/crons/none",
	"/api/backups", "/api/backups/upload", "/api/backups/none.zip", "/api/backups/none.zip/restore",
}

// authActions are PocketBase's routes below each collection of accounts.
var authActions = []string{
	"auth-methods", "auth-refresh", "auth-with-password", "auth-with-oauth2", "auth-with-otp", "request-otp", "request-password-reset", "confirm-password-reset",
	"request-verification", "confirm-verification", "request-email-change", "confirm-email-change", "impersonate/nobody000000000",
}

// TestNoBodyIsAFault sends bodies that cannot be read to every path, by every method. Whoever
// sends them is at fault, never the server. Only the question of its health is answered ahead
// of everything.
func TestNoBodyIsAFault(t *testing.T) {
	s := set.Start(t)
	tokens := map[string]string{
		"a guest": "", "an admin": s.Token(t, kerneltest.Account{Email: authapi.Alma.Email, Password: authapi.Alma.Password}), "a superuser": s.Superuser(t),
	}
	tried := 0
	for _, path := range bodyPaths(s) {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
			for i, b := range brokenBodies {
				caller := []string{"an admin", "a superuser", "a guest"}[i%3]
				r := s.Do(t, method, path, tokens[caller], b.body, "Content-Type: "+b.media)
				tried++
				if healthy := path == "/api/health" && r.Status == http.StatusOK; !healthy && (r.Status < 400 || r.Status >= 500) {
					t.Errorf("%s %s as %s, %q of %q: %d %s", method, path, caller, b.body, b.media, r.Status, r.Body)
				}
			}
		}
	}
	t.Logf("%d requests", tried)
	if me := s.Do(t, "GET", "/api/auth/me", tokens["an admin"], nil); me.Status != http.StatusOK {
		t.Errorf("the admin's session did not outlive it: %d", me.Status)
	}
}

// bodyPaths returns every path that somebody serves, with the id of somebody of the cast.
func bodyPaths(s *kerneltest.Server) (paths []string) {
	paths = slices.Clone(systemPaths)
	add := func(pattern string) {
		_, path, _ := strings.Cut(pattern, " ")
		paths = append(paths, fill(path, authapi.Ada.ID))
	}
	for _, m := range s.Kernel.Modules {
		for _, r := range m.Routes {
			add(r.Pattern())
		}
		for _, r := range m.Resources {
			for _, v := range kernel.Verbs {
				if r.Has(v) {
					add(r.Pattern(v))
				}
			}
		}
		for _, a := range m.Access {
			add("GET /api/collections/" + a.Collection + "/records")
			add("GET /api/collections/" + a.Collection + "/records/{id}")
		}
	}
	for _, accounts := range []string{kernel.AccountsCollection, "_superusers"} {
		for _, action := range authActions {
			paths = append(paths, "/api/collections/"+accounts+"/"+action)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
