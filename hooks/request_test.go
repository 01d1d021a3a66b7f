package hooks_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/logger"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// Finding 20: filters and tokens stayed in the log for days, and in every backup.
func TestTheRequestLogHoldsNoQueries(t *testing.T) {
	s := set.Start(t)
	s.App.Settings().Logs.MinLevel, s.App.Settings().Logs.MaxDays = -8, 5 // test apps keep none
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
	s.As(t, alma, "GET", path+"?filter=name='secretword'", nil, "Referer: http://x/?q=secretword")
	s.As(t, alma, "GET", path+"?filter=secretword", nil)
	s.As(t, alma, "GET", "/api/files/things/"+adas+"/secretfile?token=secretword", nil)
	s.As(t, alma, "POST", path, `{"name":"secretword","count":"secretword"}`)
	s.As(t, alma, "POST", path, `{"name":"faulty","note":"secretword"}`)
	flushLogs(t, s)
	var logs []*core.Log
	if err := s.App.AuxModelQuery(&core.Log{}).All(&logs); err != nil {
		t.Fatal(err)
	}
	if len(logs) == 0 {
		t.Fatal("no logs: nothing was tested")
	}
	for _, l := range logs {
		if text := l.Message + l.Data.String(); strings.Contains(text, "secretword") || strings.Contains(text, "?") {
			t.Errorf("the log has %s", text)
		}
	}
}

// Whose record was read when, and the names of files, are in the audit trail, which is kept
// as such a list is to be kept; the log says which route it was.
func TestTheRequestLogNamesNoRecord(t *testing.T) {
	s := set.Start(t)
	s.App.Settings().Logs.MinLevel, s.App.Settings().Logs.MaxDays = -8, 5 // test apps keep none
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
	s.As(t, alma, "GET", path+"/"+adas, nil)
	s.As(t, alma, "GET", collection+"/"+adas, nil)
	s.As(t, alma, "POST", path+"/"+adas+"/polish", `{"with":"wax"}`)
	s.As(t, alma, "GET", path+"/"+adas+"/labels", nil)
	s.As(t, alma, "GET", "/api/files/things/"+adas+"/letter_of_ada.pdf", nil)
	s.As(t, alma, "GET", "/api/nothing/"+adas, nil)
	s.As(t, alma, "GET", "/api/collections/"+adas+"/records", nil)
	s.As(t, alma, "GET", "/nothing/"+adas, nil)
	routes := []string{"GET /api/collections/things/records/{id}", "POST /api/things/{id}/polish", "GET /api/files/things/{recordId}/{filename}"}
	// A request is logged behind its answer, so it may not be there yet.
	for until := time.Now().Add(10 * time.Second); ; <-time.After(10 * time.Millisecond) {
		all := logged(t, s)
		missing := slices.DeleteFunc(slices.Clone(routes), func(r string) bool { return strings.Contains(all, r) })
		if strings.Contains(all, adas) || strings.Contains(all, "letter_of_ada") {
			t.Fatalf("the log has %s", all)
		}
		if len(missing) == 0 {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("the log lacks %q", missing)
		}
	}
}

// A mail server says in its refusal whose address it does not take.
func TestTheLogHasNoAddress(t *testing.T) {
	s := set.Start(t)
	s.App.Settings().Logs.MinLevel, s.App.Settings().Logs.MaxDays = -8, 5 // test apps keep none
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
	s.App.OnMailerSend().BindFunc(func(e *core.MailerEvent) error {
		return fmt.Errorf("550 5.1.1 <%s>: recipient address %s rejected", e.Message.To[0].Address, strings.ToUpper(e.Message.To[0].Address))
	})
	wantStatus(t, "a link", s.Do(t, "POST", "/api/collections/users/request-password-reset", "", map[string]any{"email": ada.Email}), http.StatusNoContent)
	// It is sent behind the answer.
	for until := time.Now().Add(10 * time.Second); ; <-time.After(10 * time.Millisecond) {
		all := logged(t, s)
		if strings.Contains(strings.ToLower(all), ada.Email) {
			t.Fatalf("the log has %s", all)
		}
		if strings.Contains(all, "550 5.1.1") {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("the log lacks the refusal: %s", all)
		}
	}
}

// logged is all that the log has.
func logged(t *testing.T, s *kerneltest.Server) string {
	t.Helper()
	flushLogs(t, s)
	var logs []*core.Log
	if err := s.App.AuxModelQuery(&core.Log{}).All(&logs); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, l := range logs {
		all.WriteString(l.Message + l.Data.String() + "\n")
	}
	return all.String()
}

// flushLogs makes the log write down what it holds; by itself it does so in batches.
func flushLogs(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	batch, ok := s.App.Logger().Handler().(*logger.BatchHandler)
	if !ok {
		t.Fatalf("the log is a %T", s.App.Logger().Handler())
	}
	if err := batch.WriteAll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestEveryAnswerHasAnIDAndStaysOutOfCaches(t *testing.T) {
	s := set.Start(t)
	seen := map[string]bool{}
	for _, p := range []string{path, "/api/health", "/api/nothing", collection} {
		r := s.As(t, alma, "GET", p, nil)
		id := r.Header.Get("X-Request-Id")
		if id == "" || seen[id] {
			t.Errorf("GET %s: request id %q", p, id)
		}
		seen[id] = true
		if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Referrer-Policy") == "" {
			t.Errorf("GET %s: headers %v", p, r.Header)
		}
	}
}

func TestWhatIsNotThereIs404InJSON(t *testing.T) {
	s := set.Start(t)
	for _, c := range []struct{ method, path string }{
		{"GET", "/api/nothing"}, {"POST", "/api/nothing"}, {"PUT", "/api/nothing/x"}, {"DELETE", "/api/nothing"}, {"GET", "/api"}, {"GET", "/api/things/x/y/z"},
		{"GET", path + "/nosuchthing0000"}, {"PUT", path + "/nosuchthing0000"}, {"GET", path + "/.."}, {"GET", path + "/%00"}, {"GET", path + "/a%2fb"},
	} {
		r := s.As(t, alma, c.method, c.path, nil)
		var v struct{ Status int }
		if err := json.Unmarshal([]byte(r.Body), &v); r.Status != http.StatusNotFound || err != nil || v.Status != http.StatusNotFound {
			t.Errorf("%s %s: got %d %q", c.method, c.path, r.Status, r.Body)
		}
	}
}

// Finding 30.
func TestOnlyARealTokenInTheHeaderSignsIn(t *testing.T) {
	s := set.Start(t)
	good := s.Token(t, ada)
	parts := strings.Split(good, ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
	for name, c := range map[string]struct {
		token, query string
		headers      []string
		want         int
	}{
		"the token":             {token: good, want: 200},
		"Bearer":                {token: "Bearer " + good, want: 200},
		"no signature":          {token: unsigned, want: 401},
		"no signature, old one": {token: unsigned + parts[2], want: 401},
		"a changed payload":     {token: parts[0] + "." + strings.TrimRight(parts[1], "=") + "A." + parts[2], want: 401},
		"in the query":          {query: "?token=" + good + "&access_token=" + good, want: 401},
		"in a cookie":           {headers: []string{"Cookie: token=" + good + "; pb_auth=" + good}, want: 401},
		"words":                 {token: "let me in", want: 401},
		"a very long header":    {token: strings.Repeat("a", 100_000), want: 401},
		"an account's id":       {token: authapi.Ada.ID, want: 401},
	} {
		t.Run(name, func(t *testing.T) {
			wantStatus(t, name, s.Do(t, "GET", path+c.query, c.token, nil, c.headers...), c.want)
		})
	}
}

// The collection API is case-blind, and takes a collection's id for its name.
func TestAnotherSpellingIsTheSameDoor(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"things", "THINGS", "Things", c.Id} {
		at := "/api/collections/" + ref + "/records"
		s.On(t, []kerneltest.Scenario{
			{Name: ref + ": others' records", As: ada, Method: "GET", Path: at + "/" + bobs, Want: 404},
			{Name: ref + ": a rule", As: grace, Path: at, Body: `{"name":"a"}`, Want: 400},
			{Name: ref + ": server-set", As: alma, Path: at, Body: `{"name":"a","serial":"x"}`, Want: 400, Has: []string{`"server_set"`}},
			{Name: ref + ": role's own fields", As: ada, Method: "PATCH", Path: at + "/" + adas, Body: `{"fragile":true}`, Want: 403},
			{Name: ref + ": numbers", As: alma, Path: at, Body: `{"name":"a","count":"abc"}`, Want: 400},
		})
	}
}

func TestALimitSaysWhenToComeBack(t *testing.T) {
	s := set.Start(t, func(app *tests.TestApp) {
		app.Settings().RateLimits.Enabled = true
		app.Settings().RateLimits.Rules = []core.RateLimitRule{{Label: "/api/", MaxRequests: 5, Duration: 60}}
	})
	for _, p := range []string{"/api/health", collection} {
		for range 5 {
			if r := s.Do(t, "GET", p, "", nil); r.Status == http.StatusTooManyRequests {
				t.Errorf("%s: refused within the limit", p)
			}
		}
		r := s.Do(t, "GET", p, "", nil)
		wantStatus(t, p, r, http.StatusTooManyRequests)
		if r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", p)
		}
	}
}

func TestTheDatabaseForgetsNothing(t *testing.T) {
	s := set.Start(t)
	for name, db := range map[string]dbx.Builder{"reading": s.App.ConcurrentDB(), "writing": s.App.NonconcurrentDB()} {
		var mode int
		if err := db.NewQuery("PRAGMA synchronous").Row(&mode); err != nil || mode != 2 {
			t.Errorf("%s: synchronous is %d, want 2 (FULL): %v", name, mode, err)
		}
	}
}
