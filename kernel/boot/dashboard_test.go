package boot_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

func TestTheDashboardHasAnAddressOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	polyclinic.Serve(t, dir, "--demo").Stop(t)
	said, status := polyclinic.Run(t, "serve", "--dashboard", "0.0.0.0:0", "--dir", dir)
	wantWords(t, said, status, 1, "--dashboard", "127.0.0.1:8091", "--behind-proxy")

	own := program.FreeAddress(t)
	s := polyclinic.Serve(t, dir, "--demo", "--dashboard", own)
	if said := s.Said(); strings.Count(said, "http://"+own+"/_/") != 1 || strings.Count(said, "/_/") != 1 || strings.Count(said, s.URL) != 2 {
		t.Errorf("it does not say once where the server is, and the dashboard:\n%s", said)
	}
	said, status = polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dashboard", own, "--dir", t.TempDir())
	wantWords(t, said, status, 1, "the port is taken", "another with --dashboard")
	public, private := s.URL, "http://"+own
	at := func(url, method, path, token, body string, want int, words string) string {
		t.Helper()
		s.URL = url
		status, answer := s.Do(t, method, path, token, body)
		if status != want || !strings.Contains(answer, words) {
			t.Errorf("%s %s at %s: %d %.300s, want %d %s", method, strings.Split(path, "?")[0], url, status, answer, want, words)
		}
		return answer
	}
	tokenOf := func(t *testing.T, answer string) string {
		t.Helper()
		var got struct{ Token string }
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatal(err)
		}
		return got.Token
	}
	const password = `{"identity":"admin@gmail.com","password":"admin123$#"}`
	at(public, "GET", "/_/", "", "", http.StatusNotFound, "not_found")
	at(private, "GET", "/_/", "", "", http.StatusOK, "<!doctype html>")
	for _, named := range []string{"_superusers", "pbc_3142635823"} {
		at(public, "POST", "/api/collections/"+named+"/auth-with-password", "", password, http.StatusForbidden, "superusers_elsewhere")
		at(public, "POST", "/api/collections/"+named+"/auth-with-password", "", `{"identity":"admin@gmail.com","password":"wrong"}`, http.StatusForbidden, "superusers_elsewhere")
		at(public, "POST", "/api/collections/"+named+"/request-password-reset", "", `{"email":"admin@gmail.com"}`, http.StatusForbidden, "superusers_elsewhere")
	}
	token := tokenOf(t, at(private, "POST", "/api/collections/_superusers/auth-with-password", "", password, http.StatusOK, "token"))
	file := tokenOf(t, at(private, "POST", "/api/files/token", token, "", http.StatusOK, "token"))
	for _, path := range []string{"/api/collections", "/api/collections/patients/records", "/api/settings", "/api/audit", "/api/patients"} {
		at(private, "GET", path, token, "", http.StatusOK, "")
		at(public, "GET", path, token, "", http.StatusForbidden, "superusers_elsewhere")
	}
	at(public, "POST", "/api/batch", token, `{"requests":[{"method":"GET","url":"/api/collections/patients/records"}]}`, http.StatusForbidden, "superusers_elsewhere")
	at(public, "GET", "/api/backups/none.zip?token="+file, "", "", http.StatusForbidden, "superusers_elsewhere")
	at(public, "POST", "/api/auth/login", "", `{"email":"admin@gmail.com","password":"admin123$#"}`, http.StatusOK, "token")
	at(private, "POST", "/api/auth/login", "", `{"email":"admin@gmail.com","password":"admin123$#"}`, http.StatusOK, "token")
	if status := s.Stop(t); status != 0 {
		t.Errorf("it ended with %d", status)
	}
	if _, err := http.Get(private); err == nil {
		t.Error("the dashboard is still served")
	}
}
