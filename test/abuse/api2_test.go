package abuse

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// guarded are paths that a token opens, of each kind that there is.
var guarded = []string{"GET /api/auth/me", "GET /api/ward", "GET /api/patients", "GET /api/collections/patients/records", "GET /api/messages/unread", "POST /api/files/token", "POST /api/batch", "POST /api/auth/refresh", "POST /api/collections/users/auth-refresh"}

// dead tries a token on every kind of path.
func (c *clinic) dead(t *testing.T, token string) {
	t.Helper()
	for _, g := range guarded {
		method, path, _ := strings.Cut(g, " ")
		var b any
		if path == "/api/batch" {
			b = batch("POST", "/api/collections/appointments/records", booking(adaPatient, omarID, "09:00-09:30"))
		}
		held(t, c.do(t, token, method, path, b), 401, 403)
	}
	st := c.connect(t)
	held(t, c.subscribe(t, st, token, "patients/*"), 401, 403)
}

// person makes an account with a session.
func (c *clinic) person(t *testing.T, name string, role string) (id string, who caller, token string) {
	t.Helper()
	who = caller(name + "@abuse.test")
	a := c.must(t, 201, c.as(t, admin, "POST", "/api/auth/register", map[string]any{"name": "Test " + name, "role": role, "email": who, "password": "a long enough one"}))
	record, _ := a.object(t)["record"].(map[string]any)
	id, _ = record["id"].(string)
	passwords[who] = "a long enough one"
	return id, who, c.signIn(t, who, passwords[who])
}

func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// forge encodes a token with a header and a key of the attacker's.
func forge(head string, body map[string]any, key string) string {
	raw, _ := json.Marshal(body) // of plain values
	text := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString(raw)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	if key == "" {
		return text + "."
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// six is the code of RFC 6238 for a step away from now.
func six(t *testing.T, secret string, step int64) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(secret, "="))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, time.Now().Unix()/30+step)
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}

var authentication = []attack{
	{"a token without a signature, with another key or with another's name in it opens nothing", func(t *testing.T, c *clinic) {
		mine := claims(t, c.token(t, ada))
		for _, head := range []string{`{"alg":"none","typ":"JWT"}`, `{"alg":"None"}`, `{"alg":"nOnE"}`} {
			c.dead(t, forge(head, mine, ""))
		}
		c.dead(t, forge(`{"alg":"HS256","typ":"JWT"}`, mine, "secret"))
		mine["id"] = "useradmin000001"
		parts := strings.Split(c.token(t, ada), ".")
		parts[1] = strings.Split(forge("", mine, ""), ".")[1]
		c.dead(t, strings.Join(parts, "."))
	}},
	{"a token in the address, a cookie or a body opens nothing", func(t *testing.T, c *clinic) {
		token := c.token(t, admin)
		held(t, c.as(t, guest, "GET", "/api/patients?token="+token, nil), 401)
		held(t, c.as(t, guest, "GET", "/api/patients?access_token="+token, nil), 401)
		held(t, c.as(t, guest, "GET", "/api/patients", nil, "Cookie: pb_auth="+token+"; token="+token), 401)
	}},
	{"a token for files signs nobody in", func(t *testing.T, c *clinic) {
		c.dead(t, c.must(t, 200, c.as(t, admin, "POST", "/api/files/token", nil)).text(t, "token"))
	}},
	{"a session's token does not open files", func(t *testing.T, c *clinic) {
		_, file := c.record(t, bobPatient)
		held(t, c.as(t, guest, "GET", file+"?token="+c.token(t, bob), nil), 404)
		held(t, c.as(t, bob, "GET", file, nil), 404)
	}},
	{"a token is dead on every path after its sign-out, and only that one", func(t *testing.T, c *clinic) {
		one, two := c.signIn(t, ada, passwords[ada]), c.signIn(t, ada, passwords[ada])
		if one == two {
			t.Error("two sessions have one token")
		}
		c.must(t, 204, c.do(t, one, "GET", "/api/auth/logout", nil))
		c.dead(t, one)
		c.must(t, 200, c.do(t, two, "GET", "/api/auth/me", nil))
	}},
	{"other sessions are dead after the password was changed", func(t *testing.T, c *clinic) {
		_, who, old := c.person(t, "changer", "patient")
		a := c.signIn(t, who, passwords[who])
		c.must(t, 200, c.do(t, a, "POST", "/api/auth/password", map[string]any{"oldPassword": passwords[who], "password": "another long enough one", "passwordConfirm": "another long enough one"}))
		c.dead(t, old)
		held(t, c.do(t, "", "POST", "/api/auth/login", map[string]any{"email": who, "password": passwords[who]}), 400)
	}},
	{"sessions of an account that is disabled are dead, its realtime too", func(t *testing.T, c *clinic) {
		id, who, token := c.person(t, "disabled", "nurse")
		st := c.connect(t)
		held(t, c.subscribe(t, st, token, "patients/*"), 204)
		witness := c.connect(t)
		held(t, c.subscribe(t, witness, c.token(t, desk), "patients/*"), 204)
		c.must(t, 200, c.as(t, admin, "PUT", "/api/users/"+id, `{"status":"disabled"}`))
		c.dead(t, token)
		c.must(t, 200, c.as(t, desk, "PUT", "/api/patients/"+adaPatient, `{"contact":"+1 555 0913"}`))
		for ev := witness.next(t); !strings.Contains(ev, "0913"); {
			ev = witness.next(t)
		}
		if ev := quiet(st); strings.Contains(ev, adaPatient) {
			t.Errorf("a live message reached a disabled account: %s", ev)
		}
		held(t, c.do(t, "", "POST", "/api/auth/login", map[string]any{"email": who, "password": passwords[who]}), 403)
	}},
	{"sessions of an account whose role was changed are dead or have the new role only", func(t *testing.T, c *clinic) {
		id, _, token := c.person(t, "demoted", "admin")
		c.must(t, 200, c.do(t, token, "GET", "/api/users", nil))
		c.must(t, 200, c.as(t, admin, "PUT", "/api/users/"+id, `{"role":"patient"}`))
		held(t, c.do(t, token, "GET", "/api/users", nil), 401, 403)
		held(t, c.do(t, token, "GET", "/api/audit", nil), 401, 403)
	}},
	{"an account's own change undoes no revocation of it", func(t *testing.T, c *clinic) {
		id, _, token := c.person(t, "racer", "admin")
		for round := range 20 {
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					c.do(t, token, "PATCH", "/api/collections/users/records/"+id, fmt.Sprintf(`{"name":"Race %d %d"}`, round, i))
				})
			}
			wg.Go(func() { c.as(t, admin, "PUT", "/api/users/"+id, `{"status":"disabled"}`) })
			wg.Wait()
			if row := c.as(t, root, "GET", "/api/collections/users/records/"+id, nil); row.text(t, "status") != "disabled" {
				t.Fatalf("round %d: %s", round, row.body)
			}
			c.must(t, 200, c.as(t, admin, "PUT", "/api/users/"+id, `{"status":"active"}`))
			token = c.signIn(t, "racer@abuse.test", passwords["racer@abuse.test"])
		}
	}},
	{"a wrong password and an unknown account are answered alike", func(t *testing.T, c *clinic) {
		for _, path := range []string{"/api/auth/login", "/api/collections/users/auth-with-password"} {
			one := c.do(t, "", "POST", path, `{"email":"bob@polyclinic.test","identity":"bob@polyclinic.test","password":"not his password"}`)
			two := c.do(t, "", "POST", path, `{"email":"nobody@polyclinic.test","identity":"nobody@polyclinic.test","password":"not his password"}`)
			if one.status != 400 || one.status != two.status || one.body != two.body {
				t.Errorf("%s: %d %s and %d %s", path, one.status, one.body, two.status, two.body)
			}
		}
		one, two := c.do(t, "", "POST", "/api/collections/users/request-password-reset", `{"email":"bob@polyclinic.test"}`), c.do(t, "", "POST", "/api/collections/users/request-password-reset", `{"email":"nobody@polyclinic.test"}`)
		if one.status != two.status || one.body != two.body {
			t.Errorf("reset: %d %s and %d %s", one.status, one.body, two.status, two.body)
		}
	}},
	{"guessing passwords is made to wait, and says for how long", func(t *testing.T, c *clinic) {
		c.guessed(t, func(i int) answer {
			return c.do(t, "", "POST", "/api/auth/login", fmt.Sprintf(`{"email":"pharmacy@polyclinic.test","password":"guess number %d"}`, i))
		})
		// Another path, another header for the address: the same wait.
		held(t, c.do(t, "", "POST", "/api/collections/users/auth-with-password", `{"identity":"PHARMACY@polyclinic.test","password":"guess number 30"}`, "X-Forwarded-For: 203.0.113.9"), 429)
	}},
	{"a superuser's password is guessed no faster", func(t *testing.T, c *clinic) {
		c.guessed(t, func(i int) answer {
			return c.do(t, "", "POST", "/api/collections/_superusers/auth-with-password", fmt.Sprintf(`{"identity":"nobody-root@example.org","password":"guess number %d"}`, i))
		})
	}},
	{"a password longer than the hash looks at, a common one and one's own name are refused", func(t *testing.T, c *clinic) {
		c.must(t, 200, c.as(t, admin, "PUT", "/api/clinic", `{"passwordMinLength":10,"passwordRefuseCommon":true}`))
		for i, p := range []string{strings.Repeat("a1B-", 18), "short", "password123", "qwertyuiop12", "Test Weakling", "polyclinicdemo"} {
			a := c.do(t, "", "POST", "/api/auth/register", map[string]any{"name": "Test Weakling", "email": fmt.Sprintf("weak%d@abuse.test", i), "password": p})
			if a.status != 400 || a.code("password") == "" {
				t.Errorf("%q: %d %s", p, a.status, a.body)
			}
		}
		c.must(t, 200, c.as(t, admin, "PUT", "/api/clinic", `{"passwordMinLength":8,"passwordRefuseCommon":false}`))
	}},
	{"the second factor is asked on every way in, its code is good once and guessing it is made to wait", func(t *testing.T, c *clinic) {
		_, who, token := c.person(t, "factor", "doctor")
		secret := c.must(t, 200, c.do(t, token, "POST", "/api/auth/second-factor", map[string]any{"password": passwords[who]})).text(t, "secret")
		c.must(t, 200, c.do(t, token, "POST", "/api/auth/second-factor/confirm", map[string]any{"code": six(t, secret, 0)}))
		login := map[string]any{"email": who, "identity": who, "password": passwords[who]}
		for _, path := range []string{"/api/auth/login", "/api/collections/users/auth-with-password"} {
			held(t, c.do(t, "", "POST", path, login), 401)
		}
		code := six(t, secret, 1)
		login["code"] = code
		c.must(t, 200, c.do(t, "", "POST", "/api/auth/login", login))
		held(t, c.do(t, "", "POST", "/api/auth/login", login), 400, 401)
		c.guessed(t, func(i int) answer {
			login["code"] = fmt.Sprintf("%06d", 100+i)
			return c.do(t, "", "POST", "/api/auth/login", login)
		})
	}},
	{"a session without the factor that its role must have does nothing but set one up", func(t *testing.T, c *clinic) {
		_, _, token := c.person(t, "demanded", "nurse")
		c.must(t, 200, c.as(t, admin, "PUT", "/api/clinic", `{"secondFactor":{"nurse":"required"}}`))
		for _, path := range []string{"/api/patients", "/api/collections/patients/records", "/api/messages/unread", "/api/ward", "/ward/page"} {
			if a := c.do(t, token, "GET", path, nil); a.status != 403 || a.code("error") != "second_factor_demanded" {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
		held(t, c.do(t, token, "POST", "/api/files/token", nil), 403)
		held(t, c.subscribe(t, c.connect(t), token, "patients/*"), 403)
		c.must(t, 200, c.as(t, admin, "PUT", "/api/clinic", `{"secondFactor":{}}`))
	}},
	{"an invitation works once, and a made-up one never", func(t *testing.T, c *clinic) {
		held(t, c.as(t, guest, "POST", "/api/auth/invitation", `{"token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","password":"a long enough one"}`), 400, 404, 410)
		a := c.must(t, 201, c.as(t, admin, "POST", "/api/auth/invite", `{"name":"Test Invited","email":"invited@abuse.test","role":"nurse"}`))
		link := a.text(t, "link")
		token := link[strings.LastIndexAny(link, "/=#")+1:]
		b := map[string]any{"token": token, "password": "a long enough one"}
		c.must(t, 200, c.do(t, "", "POST", "/api/auth/invitation", b))
		held(t, c.do(t, "", "POST", "/api/auth/invitation", b), 400, 404, 410)
	}},
	{"a refresh brings no session beyond its end", func(t *testing.T, c *clinic) {
		token := c.signIn(t, ada, passwords[ada])
		fresh := c.must(t, 200, c.do(t, token, "POST", "/api/auth/refresh", nil)).text(t, "token")
		if a, b := claims(t, token)["exp"].(float64), claims(t, fresh)["exp"].(float64); b > a+1 {
			t.Errorf("it ended at %.0f, and ends at %.0f now", a, b)
		}
	}},
}

// guessed sends wrong guesses until one is told to wait.
func (c *clinic) guessed(t *testing.T, try func(i int) answer) {
	t.Helper()
	for i := range 15 {
		if a := try(i); a.status == 429 {
			if a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return
		}
	}
	t.Error("fifteen wrong guesses, and none had to wait")
}

// quiet returns what a stream already has.
func quiet(st *stream) (got string) {
	for {
		select {
		case ev, open := <-st.events:
			if got += ev; !open {
				return got
			}
		default:
			return got
		}
	}
}
