package abuse

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

var configuration = []attack{
	{"every answer has its security headers, refusals and files included", func(t *testing.T, c *clinic) {
		for _, path := range []string{"/", "/api/patients", "/api/nothing", "/api/health", "/api/docs/", "/nothing", "/api/files/users/x/y"} {
			a := c.as(t, guest, "GET", path, nil)
			for _, h := range []string{"X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options", "Permissions-Policy"} {
				if a.header.Get(h) == "" {
					t.Errorf("%s: no %s", path, h)
				}
			}
			policy := a.header.Get("Content-Security-Policy")
			if !strings.HasPrefix(path, "/api/files") && (!strings.Contains(policy, "default-src") || strings.Contains(policy, "unsafe-eval") || strings.Contains(policy, "script-src 'unsafe-inline'")) {
				t.Errorf("%s: %q", path, policy)
			}
		}
	}},
	{"patients' data are kept in no cache", func(t *testing.T, c *clinic) {
		for _, path := range []string{"/api/patients/" + adaPatient, "/api/collections/patients/records", "/api/billing/invada000000001/pdf", "/api/patients/" + adaPatient + "/export"} {
			if a := c.as(t, ada, "GET", path, nil); a.status != 200 || !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
				t.Errorf("%s: %d %q", path, a.status, a.header.Get("Cache-Control"))
			}
		}
	}},
	{"no page of another server reads an answer", func(t *testing.T, c *clinic) {
		for _, origin := range []string{"https://evil.example", "null", "http://127.0.0.1.evil.example", "https://" + c.Addr + ".evil.example"} {
			for _, method := range []string{"GET", "OPTIONS"} {
				a := c.as(t, ada, method, "/api/patients", nil, "Origin: "+origin, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: authorization")
				if got := a.header.Get("Access-Control-Allow-Origin"); got != "" {
					t.Errorf("%s %s: %q", method, origin, got)
				}
				if a.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s %s: credentials", method, origin)
				}
			}
		}
	}},
	{"the server sets no cookie", func(t *testing.T, c *clinic) {
		a := c.do(t, "", "POST", "/api/auth/login", map[string]any{"email": ada, "password": passwords[ada]})
		if a.status != 200 || len(a.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%d %v", a.status, a.header.Values("Set-Cookie"))
		}
	}},
	{"malformed requests of every kind are refused without telling of the insides", func(t *testing.T, c *clinic) {
		for _, path := range []string{"/api/patients", "/api/appointments", "/api/billing", "/api/inventory", "/api/medical-records", "/api/messages", "/api/auth/login", "/api/auth/register", "/api/batch", "/api/realtime", "/api/consents", "/api/video/start-call", "/api/collections/patients/records"} {
			for _, b := range []string{`{`, `[]`, `"x"`, `null`, `{}{}`, `{"a":1}garbage`, "\x00", "{\"name\":\"\xff\xfe\"}", `{"name":{"$ne":null}}`, `{"patientId":["a","b"],"amount":{"x":1}}`, `{"patientId":"' OR 1=1 --"}`, `{"id":"../../etc/passwd"}`, `{"requests":[{"method":"GET","url":"%zz"}]}`, `{"requests":[null]}`, `{"requests":[{"method":"POST","url":"/api/collections/patients/records"},null]}`, `{"requests":"x"}`} {
				a := c.as(t, admin, "POST", path, b)
				if a.status < 400 && !(path == "/api/realtime" && a.status == 204) {
					t.Errorf("%s %q: %d %.200s", path, b, a.status, a.body)
				}
			}
			b, header := form(t, [3]string{"@jsonPayload", "", `{"requests":[null]}`}, [3]string{"requests.0.avatar", "x.png", "x"})
			held(t, c.as(t, admin, "POST", path, b, header), 400, 401, 403, 404, 415)
			for _, kind := range []string{"text/xml", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=", "application/json; charset=utf-16", "nonsense"} {
				if a := c.as(t, admin, "POST", path, `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>`, "Content-Type: "+kind); strings.Contains(a.body, "root:") {
					t.Errorf("%s %s: %.200s", path, kind, a.body)
				}
			}
		}
	}},
	{"no header makes a request come from elsewhere, in a batch neither", func(t *testing.T, c *clinic) {
		for _, h := range []string{"X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "Fly-Client-IP", "Forwarded", "X-Client-IP"} {
			c.as(t, guest, "POST", "/api/auth/login", map[string]any{"email": ada, "password": passwords[ada]}, h+": 203.0.113.77")
			b := map[string]any{"requests": []any{map[string]any{"method": "PATCH", "url": "/api/collections/patients/records/" + adaPatient, "body": map[string]any{"contact": "+1 555 0960"}, "headers": map[string]string{h: "203.0.113.77", "Authorization": c.token(t, admin)}}}}
			c.as(t, ada, "POST", "/api/batch", b)
		}
		for _, path := range []string{"/api/auth/sessions", "/api/patients/" + adaPatient + "/access-log"} {
			if a := c.as(t, ada, "GET", path, nil); a.status != 200 || strings.Contains(a.body, "203.0.113.77") {
				t.Errorf("%s: %d", path, a.status)
			}
		}
		if a := c.as(t, admin, "GET", "/api/audit?perPage=200", nil); a.status != 200 || strings.Contains(a.body, "203.0.113.77") {
			t.Error("the trail has the forged address")
		}
	}},
	{"what is left of a refused body is not read as the next request", func(t *testing.T, c *clinic) {
		conn, err := net.Dial("tcp", c.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		inner := "GET /api/clinic HTTP/1.1\r\nHost: x\r\n\r\n"
		for range 3 { // a refusal of what it does not read
			inner += inner
		}
		raw := fmt.Sprintf("POST /api/patients HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner)
		if _, err := io.WriteString(conn, raw+"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if n := strings.Count(string(got), "HTTP/1.1 "); err != nil || n > 2 || strings.Contains(string(got), "Polyclinic Demo") {
			t.Errorf("%d answers (%v): %.900s", n, err, got)
		}
	}},
	{"the check of settings names what is insecure, and fails", func(t *testing.T, c *clinic) {
		said, status := polyclinic.Run(t, "check", "--dir", c.dir)
		if status == 0 || !strings.Contains(strings.ToLower(said), "superuser") {
			t.Errorf("%d: %s", status, said)
		}
	}},
	{"a start prints no token and makes no superuser", func(t *testing.T, c *clinic) {
		if said := c.Said(); strings.Contains(said, "eyJ") || strings.Contains(said, "pbinstal") {
			t.Error(said)
		}
	}},
	{"other accounts of the machine read neither data nor trail", func(t *testing.T, c *clinic) {
		err := filepath.WalkDir(c.dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || path != c.dir {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v", d.Name(), info.Mode())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}},
	{"a second server on the same data does not start", func(t *testing.T, c *clinic) {
		if said, status := polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dir", c.dir); status == 0 {
			t.Error(said)
		}
	}},
	{"an environment variable is a file's content where it says so, and is not printed", func(t *testing.T, c *clinic) {
		secret := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(secret, []byte("a-certificate-nobody-sees"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := polyclinic.Command(t, "config")
		cmd.Env = append(os.Environ(), "AGORA_APP_CERTIFICATE_FILE="+secret)
		if said, status := finish(t, cmd); status != 0 || strings.Contains(said, "a-certificate-nobody-sees") {
			t.Errorf("%d %s", status, said)
		}
	}},
}

func finish(t *testing.T, cmd *exec.Cmd) (string, int) {
	t.Helper()
	return program.Finish(t, cmd)
}
