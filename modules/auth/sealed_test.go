package auth_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

const keyName = "secrets.key"

// again starts a server on a copy of the database and of its key, after change had its way with
// them, and returns what it said on the terminal.
func again(t *testing.T, s *kerneltest.Server, change func(dir string)) (*kerneltest.Server, *bytes.Buffer) {
	t.Helper()
	dir, said := copyOf(t, s), &bytes.Buffer{}
	change(dir)
	other := &kerneltest.Set{Modules: []kernel.Module{hooks.Module(), migrations.Module(), clinic.Module(), auth.ModuleWith(said), people()}}
	return other.StartOn(t, dir), said
}

// copyOf returns a folder with a copy of the database and of its key.
func copyOf(t *testing.T, s *kerneltest.Server) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := kernel.CopyDatabase(filepath.Join(s.App.DataDir(), "data.db"), filepath.Join(dir, "data.db")); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(s.App.DataDir(), keyName))
	if os.IsNotExist(err) {
		return dir // the setting has it
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, keyName), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// keyFindings returns what the check of the key says, by code.
func keyFindings(t *testing.T, s *kerneltest.Server) string {
	t.Helper()
	return findings(s, "second-factors")
}

func findings(s *kerneltest.Server, check string) string {
	var codes []string
	for _, c := range kernel.All[kernel.Check](s.Kernel) {
		if c.Name == check {
			for _, f := range c.Run(s.App) {
				codes = append(codes, string(f.Level)+" "+f.Code)
			}
		}
	}
	return strings.Join(codes, ", ")
}

func exec(t *testing.T, s *kerneltest.Server, q string) {
	t.Helper()
	if _, err := s.App.NonconcurrentDB().NewQuery(q).Execute(); err != nil {
		t.Fatal(err)
	}
}

func with(who kerneltest.Account, code string) map[string]any {
	return map[string]any{"email": who.Email, "password": who.Password, "code": code}
}

// inTheFiles returns which files of the data folder hold the text.
func inTheFiles(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if raw, err := os.ReadFile(path); err == nil && bytes.Contains(raw, []byte(text)) {
			names = append(names, filepath.Base(path))
		}
	}
	return names
}

func TestTheDatabaseHoldsNoSecretOfASecondFactor(t *testing.T) {
	s := set.Start(t)
	app, recovery := enrol(t, s, token(t, s, ada), ada)
	want(t, "a second one is begun", s.Do(t, "POST", factorPath, token(t, s, bob), map[string]any{"password": bob.Password}), http.StatusOK)
	for what, text := range map[string]string{"the secret": app.secret, "a recovery code's hash": auth.HashOf(strings.ReplaceAll(recovery[3], "-", ""))} {
		if at := inTheFiles(t, s.App.DataDir(), text); len(at) > 0 {
			t.Errorf("%s is in %v", what, at)
		}
	}
	info, err := os.Stat(filepath.Join(s.App.DataDir(), keyName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	if got := keyFindings(t, s); got != "" {
		t.Errorf("the check finds %s", got)
	}
	next, said := again(t, s, func(string) {})
	newStep(t, next, authapi.Ada.ID)
	want(t, "the next start opens it", next.Do(t, "POST", loginPath, "", with(ada, app.code(t, 0))), http.StatusOK)
	want(t, "and recovery codes", next.Do(t, "POST", loginPath, "", with(ada, recovery[0])), http.StatusOK)
	want(t, "once each", next.Do(t, "POST", loginPath, "", with(ada, recovery[0])), http.StatusBadRequest)
	if said.Len() > 0 {
		t.Errorf("it said %q", said)
	}
}

func TestSecretsOfBeforeAreSealedAtTheStart(t *testing.T) {
	s := set.Start(t)
	app, recovery := enrol(t, s, token(t, s, ada), ada)
	hash := auth.HashOf(strings.ReplaceAll(recovery[2], "-", ""))
	exec(t, s, "UPDATE authenticators SET secret = '"+app.secret+"'")
	exec(t, s, "DELETE FROM recovery_codes")
	hashes := []string{hash}
	for i := range 60 { // enough that pages are split, which leaves copies behind
		hashes = append(hashes, auth.HashOf(fmt.Sprint(i)))
	}
	for i, h := range hashes {
		exec(t, s, fmt.Sprintf("INSERT INTO recovery_codes (id, userId, hash) VALUES ('code%011d', '%s', '%s')", i, authapi.Ada.ID, h))
	}
	next, _ := again(t, s, func(dir string) {
		if at := inTheFiles(t, dir, app.secret); len(at) != 1 {
			t.Fatalf("before, the secret is in %v", at)
		}
		if err := os.Remove(filepath.Join(dir, keyName)); err != nil {
			t.Fatal(err)
		}
	})
	for i, text := range append(hashes, app.secret) {
		if at := inTheFiles(t, next.App.DataDir(), text); len(at) > 0 {
			t.Errorf("value %d is still in %v", i, at)
		}
	}
	newStep(t, next, authapi.Ada.ID)
	want(t, "it opens as before", next.Do(t, "POST", loginPath, "", with(ada, app.code(t, 0))), http.StatusOK)
	want(t, "so does the recovery code", next.Do(t, "POST", loginPath, "", with(ada, recovery[2])), http.StatusOK)
}

func TestWithoutTheKeyNobodyGetsInByThePasswordAlone(t *testing.T) {
	s := set.Start(t)
	app, recovery := enrol(t, s, token(t, s, ada), ada)
	for name, change := range map[string]func(dir string) error{
		"gone": func(dir string) error { return os.Remove(filepath.Join(dir, keyName)) },
		"another": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, keyName), []byte(strings.Repeat("k", 40)), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			next, said := again(t, s, func(dir string) {
				if err := change(dir); err != nil {
					t.Fatal(err)
				}
			})
			if !strings.Contains(said.String(), "POLYCLINIC_SECRETS_KEY") || !strings.Contains(said.String(), "second factors of 1 accounts") || !strings.Contains(said.String(), "admin reset") {
				t.Errorf("the start said %q", said)
			}
			if got := keyFindings(t, next); got != "alarm secrets_key_other" {
				t.Errorf("the check finds %s", got)
			}
			newStep(t, next, authapi.Ada.ID)
			before := count(t, next, "sessions")
			first := login(t, next, ada.Email, ada.Password)
			want(t, "the password alone", first, http.StatusUnauthorized, `"mfaId"`)
			for what, code := range map[string]string{"the right code": app.code(t, 0), "a recovery code": recovery[0]} {
				want(t, what, next.Do(t, "POST", loginPath, "", with(ada, code)), http.StatusServiceUnavailable, `"second_factor_unreadable"`)
				want(t, what+" as the second step", next.Do(t, "POST", loginPath, "", map[string]any{"mfaId": first.JSON(t)["mfaId"], "code": code}), http.StatusServiceUnavailable)
			}
			if n := count(t, next, "sessions"); n != before {
				t.Errorf("%d sessions, want %d", n, before)
			}
			want(t, "others sign in", login(t, next, bob.Email, bob.Password), http.StatusOK)
			enrol(t, next, token(t, next, bob), bob)
			back, _ := again(t, next, func(dir string) { // somebody finds the old key
				old, err := os.ReadFile(filepath.Join(s.App.DataDir(), keyName))
				if err != nil {
					t.Fatal(err)
				}
				f, err := os.OpenFile(filepath.Join(dir, keyName), os.O_APPEND|os.O_WRONLY, 0o600)
				if err == nil {
					_, err = f.WriteString("\n" + string(old))
				}
				if err != nil || f.Close() != nil {
					t.Fatal(err)
				}
			})
			newStep(t, back, authapi.Ada.ID)
			want(t, "once the old key is back", back.Do(t, "POST", loginPath, "", with(ada, app.code(t, 0))), http.StatusOK)
			if got := keyFindings(t, back); got != "" {
				t.Errorf("the check finds %s", got)
			}
			want(t, "an admin takes it off", next.As(t, alma, "DELETE", "/api/users/"+authapi.Ada.ID+"/second-factor", nil), http.StatusNoContent)
			if got := keyFindings(t, next); got != "" {
				t.Errorf("then the check finds %s", got)
			}
		})
	}
}

func TestASecretMovedToAnotherAccountOpensNothing(t *testing.T) {
	s := set.Start(t)
	adas, recovery := enrol(t, s, token(t, s, ada), ada)
	bobs, _ := enrol(t, s, token(t, s, bob), bob)
	exec(t, s, "UPDATE authenticators SET lastStep = 0, secret = (SELECT secret FROM authenticators WHERE userId = '"+authapi.Ada.ID+"') WHERE userId = '"+authapi.Bob.ID+"'")
	exec(t, s, "DELETE FROM recovery_codes WHERE userId = '"+authapi.Bob.ID+"'")
	exec(t, s, "UPDATE recovery_codes SET userId = '"+authapi.Bob.ID+"' WHERE userId = '"+authapi.Ada.ID+"'")
	for what, code := range map[string]string{"Ada's code": adas.code(t, 0), "Bob's own": bobs.code(t, 0), "Ada's recovery code": recovery[0]} {
		want(t, what, s.Do(t, "POST", loginPath, "", with(bob, code)), http.StatusServiceUnavailable, `"second_factor_unreadable"`)
	}
	if got := keyFindings(t, s); got != "alarm second_factor_altered" {
		t.Errorf("the check finds %s", got)
	}
}

func TestAKeyIsReplacedByPuttingAnotherBeforeIt(t *testing.T) {
	first, second := strings.Repeat("a", 32), strings.Repeat("b", 32)
	s := set.Start(t)
	app, recovery := enrol(t, s, token(t, s, ada), ada)
	t.Setenv("POLYCLINIC_SECRETS_KEY", first) // from the file to the setting
	one, _ := again(t, s, func(string) {})
	t.Setenv("POLYCLINIC_SECRETS_KEY", second+","+first)
	two, _ := again(t, one, func(dir string) {
		if err := os.Remove(filepath.Join(dir, keyName)); err != nil {
			t.Fatal(err)
		}
	})
	t.Setenv("POLYCLINIC_SECRETS_KEY", second)
	three, said := again(t, two, func(string) {})
	newStep(t, three, authapi.Ada.ID)
	want(t, "under the second key alone", three.Do(t, "POST", loginPath, "", with(ada, app.code(t, 0))), http.StatusOK)
	want(t, "recovery codes too", three.Do(t, "POST", loginPath, "", with(ada, recovery[1])), http.StatusOK)
	if said.Len() > 0 || keyFindings(t, three) != "" {
		t.Errorf("it said %q and finds %s", said, keyFindings(t, three))
	}
	if _, err := os.Stat(filepath.Join(three.App.DataDir(), keyName)); err == nil {
		t.Error("with a key in the setting it made a file")
	}
}

func TestAKeyThatCannotBeUsedStopsTheStart(t *testing.T) {
	s := set.Start(t)
	for name, set := range map[string][2]string{
		"too short":            {"POLYCLINIC_SECRETS_KEY", "short-and-secret"},
		"a file that is not":   {"POLYCLINIC_SECRETS_KEY_FILE", filepath.Join(t.TempDir(), "none")},
		"a short one in front": {"POLYCLINIC_SECRETS_KEY", "short-and-secret," + strings.Repeat("a", 32)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(set[0], set[1])
			k, err := kernel.New([]kernel.Module{hooks.Module(), migrations.Module(), clinic.Module(), auth.ModuleWith(io.Discard)})
			if err != nil {
				t.Fatal(err)
			}
			app := core.NewBaseApp(core.BaseAppConfig{DataDir: copyOf(t, s), DBConnect: kernel.Connect})
			if err := app.Bootstrap(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = app.ResetBootstrapState() })
			if err := k.Attach(app); err != nil {
				t.Fatal(err)
			}
			router, err := apis.NewRouter(app)
			if err != nil {
				t.Fatal(err)
			}
			err = app.OnServe().Trigger(&core.ServeEvent{App: app, Router: router, Server: &http.Server{}}, func(*core.ServeEvent) error { return nil })
			if err == nil || !strings.Contains(err.Error(), "POLYCLINIC_SECRETS_KEY") || strings.Contains(err.Error(), "short-and-secret") {
				t.Errorf("got %v", err)
			}
			if got := keyFindings(t, &kerneltest.Server{App: s.App, Kernel: s.Kernel}); got != "alarm secrets_key" {
				t.Errorf("the check finds %s", got)
			}
		})
	}
}
