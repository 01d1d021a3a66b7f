package hooks_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

func TestEveryAnswerHasSecurityHeadersAndNoCookie(t *testing.T) {
	s := set.Start(t)
	for _, at := range []string{
		"GET " + path, "GET " + collection, "GET /api/nothing", "GET /nothing", "GET //api//things", "POST " + path, "DELETE /api/health", "OPTIONS " + path,
		"POST /api/auth/login", "GET /api/files/things/x/y.png", "GET /api/clinic",
	} {
		method, p, _ := strings.Cut(at, " ")
		r := s.Do(t, method, p, s.Token(t, ada), nil)
		h := r.Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") == "" || h.Get("Referrer-Policy") == "" || h.Get("Permissions-Policy") == "" {
			t.Errorf("%s: %d %v", at, r.Status, h)
		}
		if !strings.HasPrefix(p, "/api/files") && !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", at, h.Get("Content-Security-Policy"))
		}
		if len(h.Values("Set-Cookie")) > 0 {
			t.Errorf("%s sets a cookie", at)
		}
	}
	if h := s.Do(t, "GET", "/api/health", "", nil).Header; h.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS without TLS")
	}
	if h := s.Do(t, "GET", "/api/health", "", nil, "X-Forwarded-Proto: https").Header; h.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS behind a proxy with TLS")
	}
}

func TestOnlyPagesThatTheClinicNamedMayCall(t *testing.T) {
	s := set.Start(t)
	origin := func(method, from string) string {
		r := s.Do(t, method, path, s.Token(t, ada), nil, "Origin: "+from, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
		if r.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s %s: credentials are let in", method, from)
		}
		return r.Header.Get("Access-Control-Allow-Origin")
	}
	for _, method := range []string{"GET", "OPTIONS"} {
		for _, from := range []string{"https://evil.example", "null", "https://app.example.org"} {
			if got := origin(method, from); got != "" {
				t.Errorf("%s from %s: allows %q by default", method, from, got)
			}
		}
	}
	wantStatus(t, "the list", s.As(t, alma, "PUT", "/api/clinic", `{"allowedOrigins":["https://app.example.org"]}`), http.StatusOK)
	for _, method := range []string{"GET", "OPTIONS"} {
		if got := origin(method, "https://app.example.org"); got != "https://app.example.org" {
			t.Errorf("%s from the named page: %q", method, got)
		}
		for _, from := range []string{"https://evil.example", "null", "http://app.example.org", "https://app.example.org.evil.example", "https://app.example.org:8443"} {
			if got := origin(method, from); got != "" {
				t.Errorf("%s from %s: allows %q", method, from, got)
			}
		}
	}
	for _, bad := range []string{`["*"]`, `["https://*.example.org"]`, `["app.example.org"]`, `["https://app.example.org/"]`, `["javascript:alert(1)"]`, `"https://app.example.org"`} {
		r := s.As(t, alma, "PUT", "/api/clinic", `{"allowedOrigins":`+bad+`}`)
		if r.Status != http.StatusBadRequest || r.Code("allowedOrigins") == "" {
			t.Errorf("%s: got %d %s", bad, r.Status, r.Body)
		}
	}
}

func TestEachClassOfRequestsHasItsOwnLimit(t *testing.T) {
	s := set.Start(t, func(app *tests.TestApp) {
		app.Settings().RateLimits.Enabled, app.Settings().RateLimits.Rules = true, nil
		if _, err := app.NonconcurrentDB().NewQuery(`UPDATE clinic SET rateLimits = '{"signIn":12,"write":11,"read":13,"export":10}'`).Execute(); err != nil {
			panic(err)
		}
	})
	adas, bobs, graces := s.Token(t, ada), s.Token(t, bob), s.Token(t, grace)
	spend := func(what string, n int, send func() kerneltest.Response) {
		t.Helper()
		for i := range n {
			if r := send(); r.Status == http.StatusTooManyRequests {
				t.Fatalf("%s: refused at the %dth of %d: %s", what, i+1, n, r.Body)
			}
		}
		r := send()
		wantStatus(t, what, r, http.StatusTooManyRequests)
		var seconds int
		if _, err := fmt.Sscan(r.Header.Get("Retry-After"), &seconds); err != nil || seconds < 1 || seconds > 60 || r.Code("error") != "too_many_requests" {
			t.Errorf("%s: Retry-After %q: %s", what, r.Header.Get("Retry-After"), r.Body)
		}
	}
	spend("writes", 11, func() kerneltest.Response { return s.Do(t, "POST", path+"/"+adas+"/polish", adas, `{}`) })
	wantStatus(t, "reading is another class", s.Do(t, "GET", path, adas, nil), http.StatusOK)
	wantStatus(t, "writing by the collection is the same class", s.Do(t, "PATCH", collection+"/"+adas, adas, `{}`), http.StatusTooManyRequests)
	wantStatus(t, "a batch too", s.Do(t, "POST", "/api/batch", adas, `{"requests":[]}`), http.StatusTooManyRequests)
	if r := s.Do(t, "POST", path+"/"+bobs+"/polish", bobs, `{}`); r.Status == http.StatusTooManyRequests {
		t.Error("Ada's writes count for Bob, who shares her address")
	}
	spend("reads", 13, func() kerneltest.Response { return s.Do(t, "GET", collection, bobs, nil) })
	spend("exports", 10, func() kerneltest.Response { return s.Do(t, "GET", path+"?format=csv", graces, nil) })
	// Three sign-ins came before, for the tokens.
	spend("sign-ins", 9, func() kerneltest.Response {
		return s.Do(t, "POST", "/api/collections/users/auth-with-password", "", `{}`)
	})
	wantStatus(t, "by the documented way too, and with a token", s.Do(t, "POST", "/api/auth/login", graces, `{}`), http.StatusTooManyRequests)
	wantStatus(t, "health is not counted", s.Do(t, "GET", "/api/health", "", nil), http.StatusOK)
}

// A batch is as many requests as are in it: otherwise its fifty would count as one.
func TestTheRequestsOfABatchAreCounted(t *testing.T) {
	s := set.Start(t, func(app *tests.TestApp) {
		app.Settings().RateLimits.Enabled, app.Settings().RateLimits.Rules = true, nil
		if _, err := app.NonconcurrentDB().NewQuery(`UPDATE clinic SET rateLimits = '{"write":60}'`).Execute(); err != nil {
			panic(err)
		}
	})
	before := count(t, s, "things")
	wantStatus(t, "fifty", s.As(t, alma, "POST", "/api/batch", many(50)), http.StatusOK)
	for range 4 {
		r := s.As(t, alma, "POST", "/api/batch", many(50))
		wantStatus(t, "fifty more", r, http.StatusTooManyRequests)
		if r.Header.Get("Retry-After") == "" || r.Code("error") != "too_many_requests" {
			t.Errorf("got %s", r.Body)
		}
	}
	if made := count(t, s, "things") - before; made != 50 {
		t.Errorf("%d writes within a minute that allows 60", made)
	}
	// More than a minute allows are let through by who has used nothing of it, and use up what
	// comes next.
	wantStatus(t, "eighty at once", s.As(t, ada, "POST", "/api/batch", many(80)), http.StatusBadRequest) // hers they are not
	wantStatus(t, "and one", s.As(t, ada, "POST", path+"/"+adas+"/polish", `{"with":"wax"}`), http.StatusTooManyRequests)
	token := superuser(t, s)
	for range 2 {
		wantStatus(t, "superusers are not counted", s.Do(t, "POST", "/api/batch", token, many(50)), http.StatusOK)
	}
}

func TestAnUploadOverTheLimitIs413(t *testing.T) {
	s := set.Start(t)
	big := upload{"photo", "big.png", make([]byte, 33<<20)}
	for _, url := range []string{path, collection} {
		wantStatus(t, url, sendForm(t, s, s.Token(t, alma), url, map[string]string{"name": "a"}, big), http.StatusRequestEntityTooLarge)
	}
	var form strings.Builder
	fmt.Fprintf(&form, "--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\n\r\n%s\r\n--b--\r\n", strings.Repeat("a", 33<<20))
	req, err := http.NewRequest("POST", s.URL+path, &unsized{strings.NewReader(form.String())})
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	req.Header.Set("Authorization", s.Token(t, alma))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("in chunks: got %d", res.StatusCode)
	}
}

// unsized hides how long a body is, so that it is sent in chunks.
type unsized struct{ r *strings.Reader }

func (u *unsized) Read(p []byte) (int, error) { return u.r.Read(p) }

func TestALongQueryIsRefused(t *testing.T) {
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "whatever it is called", As: ada, Method: "GET", Path: path + "?x=" + strings.Repeat("a", 9000), Want: 400, Has: []string{`"query_not_allowed"`}},
		{Name: "headers too", As: guest, Method: "GET", Path: "/api/health?x=" + strings.Repeat("a", 9000), Want: 400},
		{Name: "a usual one is not", As: ada, Method: "GET", Path: path + "?x=" + strings.Repeat("a", 5000), Want: 200},
	})
}

func TestSlowClientsAreCutOff(t *testing.T) {
	var server *http.Server
	set.Start(t, func(app *tests.TestApp) {
		app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Priority: 1000, Func: func(e *core.ServeEvent) error {
			server = e.Server
			return e.Next()
		}})
	})
	if server == nil || server.ReadHeaderTimeout <= 0 || server.ReadHeaderTimeout.Seconds() > 30 || server.IdleTimeout <= 0 || server.MaxHeaderBytes <= 0 || server.MaxHeaderBytes > 1<<17 {
		t.Errorf("the server's limits are %+v", server)
	}
}

func TestAStaleDeleteIsRefused(t *testing.T) {
	s := set.Start(t)
	version := stored(t, s, odd).GetString("updated")
	const old = `If-Match: "2020-01-01 00:00:00.000Z"`
	s.On(t, []kerneltest.Scenario{
		{Name: "by the documented path", As: alma, Method: "DELETE", Path: path + "/" + odd, Headers: []string{old}, Want: 409, Has: []string{`"stale"`}},
		{Name: "by the collection", As: alma, Method: "DELETE", Path: collection + "/" + odd, Headers: []string{old}, Want: 409, Has: []string{`"stale"`}},
		{Name: "a record that never was", As: alma, Method: "DELETE", Path: path + "/nosuchthing0000", Headers: []string{old}, Want: 404},
		{Name: "the version that was read", As: alma, Method: "DELETE", Path: path + "/" + odd, Headers: []string{`If-Match: "` + version + `"`}, Want: 204},
	})
}

func TestTextsShowWhatTheyAre(t *testing.T) {
	s := set.Start(t)
	for name, char := range map[string]string{
		"NUL": `\u0000`, "escape": `\u001b`, "delete": `\u007f`, "a C1 control": `\u0085`, "right-to-left override": `\u202e`, "embedding": `\u202a`, "isolate": `\u2067`,
		"zero-width space": `\u200b`, "word joiner": `\u2060`, "byte order mark": `\ufeff`, "tag": `\udb40\udc01`,
	} {
		body := `{"name":"cup` + char + `x"}`
		for _, r := range []kerneltest.Response{
			s.As(t, alma, "POST", path, body), s.As(t, alma, "POST", collection, body), s.As(t, alma, "PUT", path+"/"+adas, body),
			s.As(t, alma, "PATCH", "/api/collections/users/records/"+authapi.Nia.ID, body),
		} {
			if r.Status != http.StatusBadRequest || r.Code("name") != "invalid_characters" {
				t.Errorf("%s: got %d %s", name, r.Status, r.Body)
			}
		}
		r := s.As(t, alma, "POST", "/api/batch", `{"requests":[{"method":"POST","url":"`+collection+`","body":`+body+`}]}`)
		if r.Status < 400 || !strings.Contains(r.Body, "invalid_characters") {
			t.Errorf("%s in a batch: got %d %s", name, r.Status, r.Body)
		}
	}
	wantStatus(t, "somebody who registers", s.Do(t, "POST", "/api/auth/register", "", `{"name":"A\u202eB","email":"a@polyclinic.test","password":"kettle-4711-bridge"}`), http.StatusBadRequest)
	for name, text := range map[string]string{"lines and tabs": `a\n\tb\r\n`, "Persian with a joiner": `می\u200cخواهم`, "a family": `👨\u200d👩\u200d👧`, "Hebrew with a mark": `שלום\u200f!`, "accents": `Zoë Åsa Nguyễn`} {
		wantStatus(t, name, s.As(t, alma, "PUT", path+"/"+adas, `{"note":"`+text+`"}`), http.StatusOK)
	}
	if err := rawUpdate(s.App, "UPDATE things SET note = 'old' || char(0) || 'text' WHERE id = '"+bobs+"'"); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, "what was there before holds nobody up", s.As(t, alma, "PUT", path+"/"+bobs, `{"name":"jug"}`), http.StatusOK)
}

func rawUpdate(app core.App, q string) error {
	_, err := app.NonconcurrentDB().NewQuery(q).Execute()
	return err
}

func TestOnePersonHasAFewConnections(t *testing.T) {
	s := set.Start(t)
	topic := "things/" + adas
	for range 20 {
		wantStatus(t, "subscribe", s.Subscribe(t, s.Connect(t), s.Token(t, ada), topic), http.StatusNoContent)
	}
	last := s.Connect(t)
	r := s.Subscribe(t, last, s.Token(t, ada), topic)
	wantStatus(t, "the 21st", r, http.StatusTooManyRequests)
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	wantStatus(t, "somebody else at the same address", s.Subscribe(t, last, s.Token(t, bob), "things/"+bobs), http.StatusNoContent)
}
