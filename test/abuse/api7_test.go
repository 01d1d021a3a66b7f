package abuse

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// decoy is a server that nobody may be made to ask.
func decoy(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			asked.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, asked
}

var requests = []attack{
	{"no address in a body, form or header makes the server ask it", func(t *testing.T, c *clinic) {
		url, asked := decoy(t)
		c.as(t, ada, "PATCH", "/api/collections/users/records/"+adaAccount, map[string]any{"avatar": url + "/x.png", "avatarURL": url})
		b, header := form(t, [3]string{"avatar", "", url + "/x.png"}, [3]string{"avatarUrl", "", url})
		c.as(t, ada, "PATCH", "/api/collections/users/records/"+adaAccount, b, header)
		c.as(t, desk, "PUT", "/api/patients/"+adaPatient, map[string]any{"notes": "<img src='" + url + "'>", "address": url})
		c.as(t, grace, "POST", "/api/medical-records", map[string]any{"patientId": adaPatient, "diagnosis": url, "attachments": []string{url}})
		c.as(t, ada, "POST", "/api/messages", map[string]any{"receiverId": "userdoctor00001", "messageText": url})
		c.as(t, ada, "POST", "/api/collections/users/auth-with-oauth2", map[string]any{"provider": "oidc", "code": "x", "codeVerifier": "x", "redirectURL": url})
		for _, h := range []string{"X-Forwarded-Host: ", "Origin: ", "Referer: ", "X-Original-URL: ", "Forwarded: host=", "Destination: "} {
			c.as(t, ada, "GET", "/api/auth/me", nil, h+url)
		}
		if n := asked.Load(); n > 0 {
			t.Errorf("the server asked %d times", n)
		}
	}},
	{"the settings that lead outside are the superusers' alone", func(t *testing.T, c *clinic) {
		url, asked := decoy(t)
		for _, who := range []caller{guest, ada, grace, admin} {
			held(t, c.as(t, who, "PATCH", "/api/settings", map[string]any{"s3": map[string]any{"enabled": true, "endpoint": url, "bucket": "b", "region": "r", "accessKey": "a", "secret": "s"}}), 401, 403)
			held(t, c.as(t, who, "POST", "/api/settings/test/s3", map[string]any{"filesystem": "storage"}), 401, 403)
			held(t, c.as(t, who, "POST", "/api/settings/test/email", map[string]any{"email": "x@example.org", "template": "verification"}), 401, 403)
		}
		if n := asked.Load(); n > 0 {
			t.Errorf("the server asked %d times", n)
		}
	}},
	{"no foreign Host header gets into a link or a redirect", func(t *testing.T, c *clinic) {
		for _, path := range []string{"/", "/_", "/_/", "/api/docs", "/api/docs/", "/dashboard", "/api/patients/", "/api/openapi.json", "/api/collections/users/request-password-reset", "//evil.example", "/\\evil.example", "/%5cevil.example/.."} {
			a := c.do(t, "", "GET", path, nil, "Host: evil.example", "X-Forwarded-Host: evil.example")
			if l := a.header.Get("Location"); strings.Contains(l, "evil.example") && (strings.Contains(l, "://") || strings.HasPrefix(l, "//") || strings.HasPrefix(l, `/\`)) {
				t.Errorf("%s leads to %s", path, l)
			}
			if strings.Contains(a.body, "evil.example") && a.status < 300 {
				t.Errorf("%s names the host: %.200s", path, a.body)
			}
		}
	}},
	{"a file name leads to no file beside the uploads", func(t *testing.T, c *clinic) {
		for _, path := range []string{"/api/files/users/" + adaAccount + "/../../../data.db", "/api/files/users/" + adaAccount + "/..%2f..%2f..%2fdata.db", "/api/files/users/..%2f..%2f/data.db", "/api/files/..%2f..%2fdata.db/x/y", "/api/files/users/" + adaAccount + "/%2e%2e%5c%2e%2e%5cdata.db", "/api/files/users/" + adaAccount + "//etc/passwd", "/..%2fdata.db", "/../pb_data/data.db", "/_/..%2f..%2fdata.db", "/api/docs/..%2f..%2fdata.db", "/api/docs/%2e%2e/%2e%2e/etc/passwd", "/dashboard/..%2f..%2fdata.db"} {
			a := c.as(t, ada, "GET", path, nil)
			if strings.Contains(a.body, "SQLite format 3") || strings.Contains(a.body, "root:") {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	}},
}
