package kernel_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/kernel"
)

func nothing(core.App, *core.Record) error { return nil }

func plain(r kernel.Route) kernel.Route {
	return kernel.Op(r, func(*kernel.Call, kernel.Nothing) (kernel.Nothing, error) { return kernel.Nothing{}, nil })
}

func owner(name string, collections ...string) kernel.Module {
	m := kernel.Module{Name: name, Doc: "Owns."}
	for _, c := range collections {
		m.Access = append(m.Access, kernel.Access{Collection: c})
	}
	return m
}

func with(m kernel.Module, change func(*kernel.Module)) kernel.Module {
	change(&m)
	return m
}

func requiring(name string, others ...string) kernel.Module {
	return kernel.Module{Name: name, Doc: "Needs.", Requires: others}
}

func stepping(name string, requires string, steps ...string) kernel.Module {
	m := kernel.Module{Name: name, Doc: "Steps."}
	if requires != "" {
		m.Requires = []string{requires}
	}
	for _, id := range steps {
		m.Migrations = append(m.Migrations, kernel.Migration{ID: id})
	}
	return m
}

func TestABadSetIsRefusedInWords(t *testing.T) {
	open := kernel.Public()
	for _, s := range []struct {
		name     string
		mods     []kernel.Module
		disabled []string
		want     string
	}{
		{"a bad name", []kernel.Module{{Name: "Bad Name", Doc: "x"}}, nil, `module "Bad Name": bad name`},
		{"no sentence", []kernel.Module{{Name: "a"}}, nil, `module "a": no Doc`},
		{"the same module twice", []kernel.Module{owner("a"), owner("a")}, nil, `module "a": registered twice`},
		{"a missing requirement", []kernel.Module{requiring("a", "b")}, nil, `module "a" requires "b", which is not in this build`},
		{"a cycle", []kernel.Module{requiring("a", "b"), requiring("b", "a")}, nil, "modules require each other: a -> b -> a"},
		{"two owners", []kernel.Module{owner("a", "x"), owner("b", "x")}, nil, `collection "x": owned by a and b`},
		{"a requirement that is switched off", []kernel.Module{owner("a"), requiring("b", "a")}, []string{"a"},
			`module "b" requires "a", which POLYCLINIC_DISABLE switches off: switch off "b" too, or neither`},
		{"an unknown module switched off", []kernel.Module{owner("a")}, []string{"z"}, `POLYCLINIC_DISABLE names "z", which is not in this build`},
		{"a migration without a time", []kernel.Module{stepping("a", "", "init")}, nil, `module "a": migration "init": want <10-digit unix seconds>_<what>`},
		{"migrations out of order", []kernel.Module{stepping("a", "", "1780000900_b", "1780000800_a")}, nil, `module "a": migrations out of order`},
		{"a step earlier than what it builds on", []kernel.Module{stepping("a", "", "1780000900_x"), stepping("b", "a", "1780000800_x")}, nil,
			`module "b": first migration 1780000800_x must be later than a's 1780000900_x`},
		{"a hook on another's collection", []kernel.Module{owner("a", "x"), with(owner("b"), func(m *kernel.Module) {
			m.Hooks = []kernel.Hook{kernel.Before(kernel.Create, "x", "meddle", nothing)}
		})}, nil, `module "b": hook "meddle" is on "x", which it does not own`},
		{"two hooks of one name", []kernel.Module{with(owner("a", "x"), func(m *kernel.Module) {
			m.Hooks = []kernel.Hook{kernel.Before(kernel.Create, "x", "same", nothing), kernel.Before(kernel.Create, "x", "same", nothing)}
		})}, nil, `hook "same" on "x": name empty or used twice`},
		{"two routes on one path", []kernel.Module{with(owner("a"), func(m *kernel.Module) {
			m.Routes = []kernel.Route{plain(kernel.Route{Method: "POST", Path: "/api/x", Allow: open, Summary: "X"})}
		}), with(owner("b"), func(m *kernel.Module) {
			m.Routes = []kernel.Route{plain(kernel.Route{Method: "POST", Path: "/api/x", Allow: open, Summary: "X"})}
		})}, nil, `route "POST /api/x": in a and b`},
		{"a route on a documented path", []kernel.Module{with(owner("a", "x"), func(m *kernel.Module) {
			m.Resources = []kernel.Resource{{Path: "/api/x", Collection: "x"}}
			m.Routes = []kernel.Route{plain(kernel.Route{Method: "POST", Path: "/api/x", Allow: open, Summary: "X"})}
		})}, nil, `route "POST /api/x": in a and a`},
		{"a resource on another's collection", []kernel.Module{owner("a", "x"), with(owner("b"), func(m *kernel.Module) {
			m.Resources = []kernel.Resource{{Path: "/api/x", Collection: "x"}}
		})}, nil, `module "b": resource /api/x serves "x", which it does not own`},
		{"a route without a handler", []kernel.Module{with(owner("a"), func(m *kernel.Module) {
			m.Routes = []kernel.Route{{Method: "GET", Path: "/api/x", Allow: open, Summary: "X"}}
		})}, nil, `route "GET /api/x": no handler`},
		{"a route without a summary", []kernel.Module{with(owner("a"), func(m *kernel.Module) {
			m.Routes = []kernel.Route{plain(kernel.Route{Method: "GET", Path: "/api/x", Allow: open})}
		})}, nil, `route "GET /api/x": no summary`},
		{"a route for nobody", []kernel.Module{with(owner("a"), func(m *kernel.Module) {
			m.Routes = []kernel.Route{plain(kernel.Route{Method: "GET", Path: "/api/x", Summary: "X"})}
		})}, nil, `route "GET /api/x": no policy`},
		{"a row rule without a row", []kernel.Module{with(owner("a"), func(m *kernel.Module) {
			role := kernel.Role{Name: "r", Filter: "id != ''"}
			m.Routes = []kernel.Route{plain(kernel.Route{Method: "GET", Path: "/api/x", Summary: "X", Allow: kernel.Allow(role.When(kernel.Rule{Name: "own", Filter: "id = ''"}))})}
		})}, nil, `route "GET /api/x": rule "own" needs Record`},
		{"a reaction to what nobody emits", []kernel.Module{with(owner("a"), func(m *kernel.Module) {
			m.On = []kernel.Subscription{kernel.On(kernel.Event[string]{Name: "b.done.v1"}, "hear", func(core.App, string) error { return nil })}
		})}, nil, `module "a": reaction "hear" waits for "b.done.v1", which no module emits`},
	} {
		t.Run(s.name, func(t *testing.T) {
			_, err := kernel.New(s.mods, s.disabled...)
			if err == nil || !strings.Contains(err.Error(), s.want) {
				t.Errorf("got %v, want %q", err, s.want)
			}
		})
	}
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	_, err := kernel.New([]kernel.Module{{Name: "a"}, requiring("b", "z")})
	for _, want := range []string{`"a": no Doc`, `"b" requires "z"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestModulesComeAfterWhatTheyRequire(t *testing.T) {
	k, err := kernel.New([]kernel.Module{requiring("c", "b"), requiring("b", "a"), owner("a")})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range k.Modules {
		names = append(names, m.Name)
	}
	if got := strings.Join(names, " "); !strings.HasSuffix(got, "a b c") {
		t.Errorf("got %s, want … a b c", got)
	}
}

// PocketBase keys steps by base file name: the second "1780000000_init.go" would never run.
func TestTwoModulesMayNameAStepAlike(t *testing.T) {
	k, err := kernel.New([]kernel.Module{stepping("a", "", "1780000900_init"), stepping("b", "", "1780000900_init")})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range k.Migrations() {
		if seen[m.File] {
			t.Errorf("two steps are called %s", m.File)
		}
		seen[m.File] = true
	}
	if !seen["1780000900_a_init.go"] || !seen["1780000900_b_init.go"] {
		t.Errorf("got %v", seen)
	}
}

func TestStepsGoForwardOnly(t *testing.T) {
	k, err := kernel.New([]kernel.Module{stepping("a", "", "1780000900_init")})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range k.Migrations() {
		if m.Down == nil || m.Down(nil) == nil {
			t.Errorf("%s can be taken back", m.File)
		}
	}
}

type wanted interface{ NobodyProvidesThis() }

func TestAMissingContractStopsTheStart(t *testing.T) {
	k, err := kernel.New([]kernel.Module{with(owner("a"), func(m *kernel.Module) {
		m.Bind = func(k *kernel.Kernel) error { _, err := kernel.One[wanted](k); return err }
	})})
	if err != nil {
		t.Fatal(err)
	}
	app, err := tests.NewTestApp()
	if err != nil {
		t.Fatal(err)
	}
	defer app.Cleanup()
	if err := k.Attach(app); err == nil || !strings.Contains(err.Error(), "wanted provider, have 0") {
		t.Errorf("got %v", err)
	}
}

func TestAccessNamesFieldsThatAreThere(t *testing.T) {
	for _, s := range []struct {
		name   string
		access kernel.Access
		want   string
	}{
		{"a role's field that is not there", kernel.Access{Writable: map[string][]string{"patient": {"typo"}}}, "names the field typo, which it does not have"},
		{"a field that is not there", kernel.Access{ServerSet: []string{"typo"}}, "names the field typo, which it does not have"},
	} {
		t.Run(s.name, func(t *testing.T) {
			app, err := tests.NewTestApp()
			if err != nil {
				t.Fatal(err)
			}
			defer app.Cleanup()
			for _, c := range []string{"outbox", "idempotency_keys"} {
				if err := app.Save(core.NewBaseCollection(c)); err != nil {
					t.Fatal(err)
				}
			}
			c := core.NewBaseCollection("leaks")
			if err := app.Save(c); err != nil {
				t.Fatal(err)
			}
			s.access.Collection = "leaks"
			k, err := kernel.New([]kernel.Module{{Name: "a", Doc: "x", Access: []kernel.Access{s.access}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := k.Reconcile(app); err == nil || !strings.Contains(err.Error(), s.want) {
				t.Errorf("got %v, want %q", err, s.want)
			}
		})
	}
}

func TestOnlyPublicCompilesToPublic(t *testing.T) {
	role := kernel.Role{Name: "r", Filter: "@request.auth.role = 'r'"}
	own := kernel.Rule{Name: "own", Filter: "a = 1 || b = 2"}
	const active = "@request.auth.collectionName = 'users' && @request.auth.status = 'active'"
	for _, s := range []struct {
		name   string
		policy kernel.Policy
		want   string // "nil" for superusers only
	}{
		{"nothing said", kernel.Policy{}, "nil"},
		{"no grants", kernel.Allow(), "nil"},
		{"public", kernel.Public(), ""},
		{"signed in", kernel.SignedIn(), active},
		{"signed in, own", kernel.SignedInWhen(own), active + " && (a = 1 || b = 2)"},
		{"a role", kernel.Allow(role.Always()), active + " && (@request.auth.role = 'r')"},
		{"a role, own", kernel.Allow(role.When(own)), active + " && ((@request.auth.role = 'r' && (a = 1 || b = 2)))"},
	} {
		got := "nil"
		if p := s.policy.Compiled(); p != nil {
			got = *p
		}
		if got != s.want {
			t.Errorf("%s: got %q, want %q", s.name, got, s.want)
		}
	}
	soft := kernel.Access{SoftDelete: "deletedAt", View: kernel.Public(), Create: kernel.Public()}
	if got := *soft.Compiled(kernel.View); got != "deletedAt = ''" {
		t.Errorf("public view of what is not deleted: got %q", got)
	}
	if got := *soft.Compiled(kernel.Create); got != "" {
		t.Errorf("create has no row yet: got %q", got)
	}
}

func TestAnErrorKeepsItsCode(t *testing.T) {
	e := kernel.Fail(409, "taken", "It is taken.")
	if !errors.Is(e.At("slot"), e) || kernel.ErrStale.Is(e) {
		t.Error("errors are the same when their codes are")
	}
	if e.Field != "" {
		t.Error("At changed the declaration")
	}
	if got := e.At("slot").RaiseSQL(); got != "RAISE(ABORT, 'polyclinic:taken:slot')" {
		t.Errorf("got %s", got)
	}
}
