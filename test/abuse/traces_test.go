package abuse

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var traces = []attack{
	{"the trail is changed by nobody who comes over the web", func(t *testing.T, c *clinic) {
		for _, who := range []caller{ada, grace, admin, root} {
			for _, p := range []string{"DELETE /api/audit", "DELETE /api/audit/1", "PUT /api/audit/1", "PATCH /api/audit/1", "POST /api/audit", "DELETE /api/patients/" + adaPatient + "/access-log", "DELETE /api/collections/audit/records/1", "DELETE /api/collections/audit_outbox/records/1"} {
				method, path, _ := strings.Cut(p, " ")
				held(t, c.as(t, who, method, path, body(method, `{}`)), 400, 401, 403, 404, 405)
			}
		}
	}},
	{"what was refused is in the trail, with who tried", func(t *testing.T, c *clinic) {
		c.must(t, 404, c.as(t, ada, "GET", "/api/patients/"+bobPatient, nil))
		c.must(t, 403, c.as(t, ada, "GET", "/api/users", nil))
		a := c.must(t, 200, c.as(t, admin, "GET", "/api/audit?outcome=refused&actor="+adaAccount, nil))
		if len(a.items()) == 0 {
			t.Error("nothing")
		}
	}},
	{"who looked at a patient is told to the patient, and to no other", func(t *testing.T, c *clinic) {
		c.must(t, 200, c.as(t, omar, "GET", "/api/patients/"+adaPatient, nil))
		if a := c.as(t, ada, "GET", "/api/patients/"+adaPatient+"/access-log", nil); !strings.Contains(a.body, "Haddad") {
			t.Errorf("%.300s", a.body)
		}
	}},
	{"no name, number or diagnosis is left in a log, a log table, an address or the trail", func(t *testing.T, c *clinic) {
		// Once more, every way of sending them that a client has.
		for _, s := range []string{canaryName, canaryPhone, canaryReason} {
			e := url.QueryEscape(s)
			for _, path := range []string{"/api/patients?q=" + e, "/api/patients?filter=" + url.QueryEscape("name='"+s+"'"), "/api/patients?sort=" + e, "/api/collections/patients/records?filter=" + e, "/api/audit?actor=" + e, "/api/nothing?x=" + e, "/api/patients/" + c.canary + "?fields=name"} {
				c.as(t, admin, "GET", path, nil, "Referer: http://x/?q="+e)
			}
			for _, path := range []string{"/api/patients", "/api/auth/login", "/api/medical-records", "/api/messages", "/api/appointments"} {
				c.as(t, admin, "POST", path, map[string]any{"name": s, "email": s, "password": s, "diagnosis": s, "patientId": s, "receiverId": s, "messageText": s, "age": s, "reason": s})
				c.as(t, admin, "POST", path, `{"name":"`+s+`",`)
			}
		}
		// In the name of a file, of one that no thumbnail can be made of, and of a collection.
		record := "medical_records/records/" + c.first(t, "medical_records", c.canary)
		scan := picture(40, 40)
		a := c.must(t, 200, c.upload(t, grace, "PATCH", "/api/collections/"+record, "attachments+", canaryName+".png", scan[:len(scan)-20]))
		names := a.object(t)["attachments"].([]any)
		own := c.must(t, 200, c.as(t, grace, "POST", "/api/files/token", nil)).text(t, "token")
		file := "/api/files/" + strings.Replace(record, "records/", "", 1) + "/" + names[len(names)-1].(string)
		c.must(t, 200, c.as(t, guest, "GET", file+"?thumb=100x100&token="+own, nil))
		held(t, c.upload(t, grace, "PATCH", "/api/collections/"+record, "attachments+", canaryName+".exe", "MZ\x90\x00\x03\x00\x00\x00"), 400)
		held(t, c.as(t, desk, "GET", "/api/collections/"+url.PathEscape(canaryName)+"/records", nil), 404)
		if status := c.Stop(t); status != 0 {
			t.Errorf("it ended with %d: %s", status, c.Said())
		}
		places := map[string][]byte{"what the server printed": []byte(c.Said())}
		err := filepath.WalkDir(c.dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "data.db") {
				return err
			}
			places[path], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		trail, logged := 0, false
		for place, raw := range places {
			logged = logged || strings.Contains(place, "auxiliary.db") && bytes.Contains(raw, []byte("/api/patients"))
			if strings.Contains(place, "trail-") {
				trail++
			}
			for _, s := range []string{canaryName, canaryPhone, canaryReason, url.QueryEscape(canaryName), url.PathEscape(canaryName), "Canarelli", "kumquatitis"} {
				if bytes.Contains(raw, []byte(s)) {
					t.Errorf("%q is in %s", s, filepath.Base(place))
				}
			}
			if strings.Contains(strings.ToLower(place), "canarelli") || bytes.Contains(raw, []byte("canarelli")) {
				t.Errorf("%s has the name in small letters", place)
			}
		}
		if trail == 0 || !logged {
			t.Errorf("%d files of the trail, requests logged: %v: nothing is shown by silence", trail, logged)
		}
	}},
	{"no password or token is left in a log or a table", func(t *testing.T, c *clinic) {
		err := filepath.WalkDir(c.dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			for who, p := range passwords {
				if who != guest && len(p) > 10 && bytes.Contains(raw, []byte(p)) {
					t.Errorf("the password of %s is in %s", who, d.Name())
				}
			}
			for who, token := range c.tokens {
				if bytes.Contains(raw, []byte(token)) {
					t.Errorf("a token of %s is in %s", who, d.Name())
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}},
	{"after all of it the trail is whole, and an entry that is changed on the disk is named", func(t *testing.T, c *clinic) {
		if said, status := polyclinic.Run(t, "audit", "verify", "--dir", c.dir); status != 0 {
			t.Errorf("%d %s", status, said)
		}
		file := filepath.Join(t.TempDir(), "trail.jsonl")
		if said, status := polyclinic.Run(t, "audit", "export", file, "--dir", c.dir); status != 0 {
			t.Fatal(said)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Replace(raw, []byte(`refused`), []byte(`ok     `), 1)
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if said, status := polyclinic.Run(t, "audit", "verify", "--file", file); status != 1 || !strings.Contains(said, "entry") {
			t.Errorf("%d %s", status, said)
		}
	}},
	{"demo accounts are served beyond this machine only when it is said", func(t *testing.T, c *clinic) {
		said, status := polyclinic.Run(t, "serve", "--http", "0.0.0.0:0", "--behind-proxy", "--dir", c.dir)
		if status == 0 || !strings.Contains(said, "--demo") {
			t.Errorf("%d: %s", status, said)
		}
	}},
	{"revocations outlive the server", func(t *testing.T, c *clinic) {
		again := polyclinic.Serve(t, c.dir, "--demo")
		token := c.tokens[ada]
		if status, _ := again.Do(t, "GET", "/api/auth/me", token, ""); status != 200 {
			t.Errorf("a session ended with the server: %d", status)
		}
		if status, _ := again.Do(t, "POST", "/api/auth/login", "", `{"email":"disabled@abuse.test","password":"a long enough one"}`); status != 403 {
			t.Errorf("the disabled account: %d", status)
		}
	}},
}
