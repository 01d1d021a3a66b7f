// Package kerneltest gives module tests a real server on a migrated data folder with the
// cast in it, and scenarios that speak HTTP to it.
package kerneltest

import (
	"context"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"golang.org/x/crypto/bcrypt"

	_ "github.com/pocketbase/pocketbase/migrations" // PocketBase's own steps

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Set is one module set, migrated and seeded once per test binary and cloned per server.
type Set struct {
	Modules []kernel.Module
	Full    bool // seed the whole demo clinic, not only the cast
	Disable []string

	once     sync.Once
	template fstest.MapFS // the data folder, in memory: nothing is left behind in the temporary one
	err      error
}

// Server is one running server with its own copy of the data.
type Server struct {
	URL    string
	App    *tests.TestApp
	Kernel *kernel.Kernel
	tokens map[string]string
	mu     sync.Mutex
}

// folder writes the template into a new folder.
func (s *Set) folder() (dir string, err error) {
	s.once.Do(func() { s.err = s.build() })
	if s.err != nil {
		return "", s.err
	}
	if dir, err = os.MkdirTemp("", "polyclinic_template_*"); err != nil {
		return "", err
	}
	return dir, os.CopyFS(dir, s.template)
}

// build makes the template in a folder and reads it.
func (s *Set) build() error {
	dir, err := os.MkdirTemp("", "polyclinic_template_*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := s.prepare(dir); err != nil {
		return err
	}
	s.template = fstest.MapFS{}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		raw, err := os.ReadFile(path)
		s.template[filepath.ToSlash(name)] = &fstest.MapFile{Data: raw, Mode: 0o600}
		return err
	})
}

func (s *Set) prepare(dir string) error {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: kernel.Connect})
	if err := app.Bootstrap(); err != nil {
		return err
	}
	defer func() { _ = app.ResetBootstrapState() }() // the folder is a copy's source from here on
	k, err := kernel.New(s.Modules)
	if err != nil {
		return err
	}
	if err := k.Attach(app); err != nil {
		return err
	}
	var list core.MigrationsList
	list.Copy(core.SystemMigrations)
	for _, m := range k.Migrations() {
		list.Add(m)
	}
	if _, err := core.NewMigrationsRunner(app, list).Up(); err != nil {
		return err
	}
	if err := app.ReloadSettings(); err != nil {
		return err
	}
	// Tests send bursts that a clinic does not; limits_test.go switches them on again.
	app.Settings().RateLimits.Enabled = false
	if err := app.Save(app.Settings()); err != nil {
		return err
	}
	if err := cheapPasswords(app); err != nil {
		return err
	}
	if err := k.Reconcile(app); err != nil { // each server would do it again
		return err
	}
	if err := k.Seed(app, s.Full); err != nil {
		return err
	}
	for k.Deliver() > 0 { // a test that counts events finds only its own
	}
	_ = os.RemoveAll(filepath.Join(dir, "backups")) // not part of the template
	return nil
}

// cheapPasswords lowers bcrypt's cost: at the real one, sign-ins were most of the tests' time.
func cheapPasswords(app core.App) error {
	c, err := app.FindCollectionByNameOrId(kernel.AccountsCollection)
	if err != nil {
		return err
	}
	if f, ok := c.Fields.GetByName(core.FieldNamePassword).(*core.PasswordField); ok {
		f.Cost = bcrypt.MinCost
	}
	return app.Save(c)
}

// Start returns a server on a fresh copy of the data; it ends with the test. with runs
// ahead of the first request and may bind further hooks.
func (s *Set) Start(t testing.TB, with ...func(*tests.TestApp)) *Server {
	t.Helper()
	dir, err := s.folder()
	defer os.RemoveAll(dir) // the app has its own copy
	if err != nil {
		t.Fatal(err)
	}
	return s.StartOn(t, dir, with...)
}

// StartOn returns a server on a copy of a data folder that is migrated.
func (s *Set) StartOn(t testing.TB, dir string, with ...func(*tests.TestApp)) *Server {
	t.Helper()
	app, err := tests.NewTestAppWithConfig(core.BaseAppConfig{DataDir: dir, DBConnect: kernel.Connect})
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.New(s.Modules, s.Disable...)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Attach(app); err != nil {
		t.Fatal(err)
	}
	for _, fn := range with {
		fn(app)
	}
	handler := build(t, app)
	srv := httptest.NewUnstartedServer(handler)
	ctx, cancel := context.WithCancel(context.Background())
	srv.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	srv.Start()
	t.Cleanup(func() {
		cancel() // ends realtime connections, which Close would wait for
		srv.Close()
		app.Cleanup()
	})
	return &Server{URL: srv.URL, App: app, Kernel: k, tokens: map[string]string{}}
}

// build runs OnServe as PocketBase's serve does and returns the finished handler.
func build(t testing.TB, app core.App) http.Handler {
	t.Helper()
	r, err := apis.NewRouter(app)
	if err != nil {
		t.Fatal(err)
	}
	se := &core.ServeEvent{App: app, Router: r, Server: &http.Server{}}
	err = app.OnServe().Trigger(se, func(e *core.ServeEvent) error {
		mux, err := e.Router.BuildMux()
		e.Server.Handler = mux
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return se.Server.Handler
}
