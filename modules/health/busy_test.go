package health_test

import (
	"context"
	"database/sql"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// impatient lets the next writer wait a moment only, not 10 s.
func impatient(t *testing.T, app core.App) {
	t.Helper()
	if _, err := app.NonconcurrentDB().NewQuery("PRAGMA busy_timeout=20").Execute(); err != nil {
		t.Fatal(err)
	}
}

// held has another program write the server's data until it is let go.
func held(t *testing.T, app core.App) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(app.DataDir(), "data.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	run := func(statement string) {
		t.Helper()
		if _, err := c.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	run("BEGIN IMMEDIATE")
	return func() { run("ROLLBACK") }
}

func TestWhoCannotWriteIsToldToComeAgain(t *testing.T) {
	s := set.Start(t, func(app *tests.TestApp) { app.Settings().Batch.Enabled = true })
	root, admin := s.Superuser(t), s.Token(t, as(authapi.Alma))
	notice := map[string]any{"title": "Water", "body": "Off.", "audience": []string{"doctor"}}
	pair := map[string]any{"email": authapi.Grace.Email, "password": authapi.Grace.Password}
	identity := map[string]any{"identity": authapi.Grace.Email, "password": authapi.Grace.Password}
	paths := []struct {
		name, method, path, token string
		body                      any
		headers                   []string
	}{
		{"a documented path", "POST", "/api/notices", admin, notice, nil},
		{"one with a key", "POST", "/api/notices", admin, notice, []string{"Idempotency-Key", "busy-1"}},
		{"a collection", "POST", "/api/collections/notices/records", admin, notice, nil},
		{"a batch", "POST", "/api/batch", admin, map[string]any{"requests": []any{map[string]any{"method": "POST", "url": "/api/collections/notices/records", "body": notice}}}, nil},
		{"sign-in", "POST", "/api/auth/login", "", pair, nil},
		{"sign-in with a key", "POST", "/api/auth/login", "", pair, []string{"Idempotency-Key", "busy-2"}},
		{"PocketBase's sign-in", "POST", "/api/collections/users/auth-with-password", "", identity, nil},
		{"sign-out", "POST", "/api/auth/logout-all", s.SignIn(t, as(authapi.Grace)), nil, nil},
		{"a new password", "POST", "/api/auth/password", admin, map[string]any{"oldPassword": authapi.Alma.Password, "password": "kettle-4711-bridge"}, nil},
		{"the dashboard's settings", "PATCH", "/api/settings", root, map[string]any{"meta": map[string]any{"appName": "Elsewhere"}}, nil},
	}
	release := held(t, s.App)
	for _, p := range paths {
		impatient(t, s.App)
		r := s.Do(t, p.method, p.path, p.token, p.body, p.headers...)
		if r.Status != http.StatusServiceUnavailable || r.Code("error") != "busy" || r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %v %.300s", p.name, r.Status, r.Header["Retry-After"], r.Body)
		}
	}
	if r := s.Do(t, "GET", "/api/notices", admin, nil); r.Status != http.StatusOK {
		t.Errorf("reading: %d %s", r.Status, r.Body)
	}
	release()
	for _, p := range paths {
		if r := s.Do(t, p.method, p.path, p.token, p.body, p.headers...); r.Status >= 300 {
			t.Errorf("%s, afterwards: %d %.300s", p.name, r.Status, r.Body)
		}
	}
}
