package kerneltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Account is who a request comes from: e-mail and password. The zero Account is a guest.
type Account struct{ Email, Password string }

// Response is an answer, read to its end.
type Response struct {
	Status int
	Body   string
	Header http.Header
}

// JSON decodes the answer.
func (r Response) JSON(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
		t.Fatalf("answer %d is no JSON object: %q", r.Status, r.Body)
	}
	return v
}

// ID returns the answer's field id.
func (r Response) ID(t testing.TB) string {
	t.Helper()
	id, _ := r.JSON(t)["id"].(string)
	if id == "" {
		t.Fatalf("answer %d has no id: %s", r.Status, r.Body)
	}
	return id
}

// Items returns the answer's list.
func (r Response) Items(t testing.TB) []map[string]any {
	t.Helper()
	var v struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(r.Body), &v); err != nil || r.Status != http.StatusOK {
		t.Fatalf("want a list, got %d: %s", r.Status, r.Body)
	}
	return v.Items
}

// Code returns data.<field>.code of an error answer, "" when it has none.
func (r Response) Code(field string) string {
	var v struct {
		Data map[string]struct{ Code string }
	}
	_ = json.Unmarshal([]byte(r.Body), &v) // no JSON has no code
	return v.Data[field].Code
}

// Token signs the account in, once per server, through PocketBase's own route.
func (s *Server) Token(t testing.TB, who Account) string {
	t.Helper()
	if who.Email == "" {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if tok := s.tokens[who.Email]; tok != "" {
		return tok
	}
	tok := s.SignIn(t, who)
	s.tokens[who.Email] = tok
	return tok
}

// SignIn returns the token of a new session.
func (s *Server) SignIn(t testing.TB, who Account) string {
	t.Helper()
	r := s.Do(t, "POST", "/api/collections/"+kernel.AccountsCollection+"/auth-with-password", "", map[string]any{"identity": who.Email, "password": who.Password})
	tok, _ := r.JSON(t)["token"].(string)
	if r.Status != http.StatusOK || tok == "" {
		t.Fatalf("sign in %s: %d %s", who.Email, r.Status, r.Body)
	}
	return tok
}

// As sends one request as who. body is nil, JSON text, or a value to encode. headers are
// "Name: value".
func (s *Server) As(t testing.TB, who Account, method, path string, body any, headers ...string) Response {
	t.Helper()
	return s.Do(t, method, path, s.Token(t, who), body, headers...)
}

// Do sends one request with a token, "" for a guest.
func (s *Server) Do(t testing.TB, method, path, token string, body any, headers ...string) Response {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, s.URL+path, reader)
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
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(fmt.Errorf("%s %s: %w", method, path, err))
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Response{res.StatusCode, string(raw), res.Header}
}

// Superuser makes an account of PocketBase's dashboard and returns its token.
func (s *Server) Superuser(t testing.TB) string {
	t.Helper()
	const email, password = "root@polyclinic.test", "root-password-1"
	c, err := s.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	r := core.NewRecord(c)
	r.SetEmail(email)
	r.SetPassword(password)
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	res := s.Do(t, "POST", "/api/collections/_superusers/auth-with-password", "", map[string]any{"identity": email, "password": password})
	token, _ := res.JSON(t)["token"].(string)
	if token == "" {
		t.Fatalf("superuser: %d %s", res.Status, res.Body)
	}
	return token
}
