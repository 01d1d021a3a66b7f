package abuse

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// must ends the test unless the answer has the status: what an attack needs ahead of itself.
func (c *clinic) must(t *testing.T, status int, a answer) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("got %d, want %d: %.400s", a.status, status, a.body)
	}
	return a
}

// held reports an answer that is none of the refusals.
func held(t *testing.T, a answer, refusals ...int) {
	t.Helper()
	if !slices.Contains(refusals, a.status) {
		t.Errorf("got %d, want %v: %.300s", a.status, refusals, a.body)
	}
}

// token returns a session's token, one for each caller.
func (c *clinic) token(t *testing.T, who caller) string {
	t.Helper()
	if who == guest {
		return ""
	}
	c.mu.Lock()
	token := c.tokens[who]
	c.mu.Unlock()
	if token == "" {
		token = c.signIn(t, who, passwords[who])
		c.mu.Lock()
		c.tokens[who] = token
		c.mu.Unlock()
	}
	return token
}

// signIn begins a session.
func (c *clinic) signIn(t *testing.T, who caller, password string) string {
	t.Helper()
	collection := "users"
	if who == root {
		collection = "_superusers"
	}
	a := c.do(t, "", "POST", "/api/collections/"+collection+"/auth-with-password", map[string]any{"identity": who, "password": password})
	return c.must(t, 200, a).text(t, "token")
}

func (c *clinic) as(t *testing.T, who caller, method, path string, body any, headers ...string) answer {
	t.Helper()
	return c.do(t, c.token(t, who), method, path, body, headers...)
}

// insides are words that an answer has no business with: they tell of the machine, the
// libraries and the database.
var insides = regexp.MustCompile(`(?i)sqlite|sql:|constraint failed|no such (table|column)|near "|panic|goroutine|runtime error|\.go:\d|/pkg/mod/|/tmp/|pb_data|stack trace|dbx|reflect\.`)

// do sends one request. body is nil, text, or a value to encode as JSON; headers are "Name: value".
// Whatever is attacked: no answer is a fault, no refusal tells of the insides or of a patient.
func (c *clinic) do(t *testing.T, token, method, path string, body any, headers ...string) answer {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case io.Reader:
		reader = b
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		reader = strings.NewReader(string(raw))
	}
	req, err := http.NewRequest(method, c.URL+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	a, err := c.send(req)
	if err != nil {
		t.Fatal(fmt.Errorf("%s %.200s: %w", method, path, err))
	}
	if a.status == 500 || a.status == 502 {
		t.Errorf("%s %.200s: a fault: %d %.300s", method, path, a.status, a.body)
	}
	if found := insides.FindString(a.body); a.status >= 400 && found != "" {
		t.Errorf("%s %.200s: the refusal tells of %q: %.300s", method, path, found, a.body)
	}
	if a.status >= 400 && slices.ContainsFunc([]string{canaryName, canaryPhone, canaryReason}, func(s string) bool { return strings.Contains(a.body, s) }) {
		t.Errorf("%s %.200s: the refusal tells of a patient: %.300s", method, path, a.body)
	}
	return a
}

// direct follows no redirects: an attack wants to see them.
var direct = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (c *clinic) send(req *http.Request) (answer, error) {
	c.asked.Add(1)
	res, err := direct.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, string(raw), res.Header}, err
}
