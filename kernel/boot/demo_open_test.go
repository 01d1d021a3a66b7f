package boot_test

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

func TestADemoIsServedBeyondThisMachineOnlyWhenSaid(t *testing.T) {
	dir := t.TempDir()
	polyclinic.Serve(t, dir).Stop(t)
	db, err := kernel.Connect(filepath.Join(dir, "data.db"))
	if err == nil {
		_, err = db.NewQuery("UPDATE clinic SET demo = TRUE").Execute()
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(program.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	said, status := polyclinic.Run(t, "serve", "--http", "0.0.0.0:"+port, "--behind-proxy", "--dir", dir)
	wantWords(t, said, status, 1, "is a demo", "--demo", "127.0.0.1")
	polyclinic.Serve(t, dir).Stop(t)
}

func TestADemosPeopleSignInThroughAProxyOnlyWhenSaid(t *testing.T) {
	dir := t.TempDir()
	polyclinic.Serve(t, dir, "--demo").Stop(t)
	ways := []struct{ path, body string }{
		{"/api/auth/login", `{"email":"admin@gmail.com","password":"admin123$#"}`},
		{"/api/collections/users/auth-with-password", `{"identity":"admin@gmail.com","password":"admin123$#"}`},
		{"/api/collections/_superusers/auth-with-password", `{"identity":"admin@gmail.com","password":"admin123$#"}`},
	}
	for _, c := range []struct {
		name         string
		args         []string
		host, header string
		want         int
	}{
		{"on this machine", nil, "", "", http.StatusOK},
		{"through a proxy", nil, "", "X-Forwarded-For", http.StatusForbidden},
		{"by a name that others know", nil, "demo.example.org", "", http.StatusForbidden},
		{"through a proxy, when it is meant", []string{"--demo"}, "demo.example.org", "X-Forwarded-For", http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := polyclinic.Serve(t, dir, c.args...)
			for _, w := range ways {
				req, err := http.NewRequest("POST", s.URL+w.path, strings.NewReader(w.body))
				if err != nil {
					t.Fatal(err)
				}
				req.Host = c.host
				req.Header.Set("Content-Type", "application/json")
				if c.header != "" {
					req.Header.Set(c.header, "203.0.113.7")
				}
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || res.StatusCode != c.want || c.want == http.StatusForbidden && !strings.Contains(string(raw), "demo_not_served") {
					t.Errorf("%s: %d %s (%v)", w.path, res.StatusCode, raw, err)
				}
			}
			s.Stop(t)
		})
	}
}
