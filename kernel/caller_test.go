package kernel_test

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

func TestAListAsksOnlyAboutTheCallersRole(t *testing.T) {
	role := func(name string) kernel.Role {
		return kernel.Role{Name: name, Filter: "ROLE " + name, Has: func(a *core.Record) bool { return a.GetString("role") == name }}
	}
	admin, doctor, patient, nurse := role("admin"), role("doctor"), role("patient"), role("nurse")
	own, shared := kernel.Rule{Name: "own", Filter: "OWN"}, kernel.Rule{Name: "shared", Filter: "SHARED"}
	users := core.NewAuthCollection("users")
	users.Fields.Add(&core.TextField{Name: "role"})
	account := func(role string) *core.Record {
		r := core.NewRecord(users)
		r.Set("role", role)
		return r
	}
	const active = "@request.auth.collectionName = 'users' && @request.auth.status = 'active'"
	all := kernel.Access{List: kernel.Allow(admin.Always(), doctor.When(own), patient.When(own), patient.When(shared), patient.When(own), nurse.When(own), nurse.Always())}
	kept := all
	kept.SoftDelete = "gone"
	for _, test := range []struct {
		name, role string
		access     kernel.Access
		want       string
	}{
		{"who sees everything joins nothing", "admin", all, active},
		{"who sees some is asked for them", "doctor", all, active + " && ((OWN))"},
		{"several grants count, once each", "patient", all, active + " && ((OWN) || (SHARED))"},
		{"a wide grant beats a narrow one", "nurse", all, active},
		{"the softly deleted stay away", "doctor", kept, active + " && ((OWN)) && gone = ''"},
		{"from everybody", "admin", kept, active + " && gone = ''"},
	} {
		if got := test.access.CompiledFor(kernel.List, account(test.role)); got == nil || *got != test.want {
			t.Errorf("%s: got %v, want %s", test.name, got, test.want)
		}
	}
	if got := (kernel.Access{}).CompiledFor(kernel.List, account("admin")); got != nil {
		t.Errorf("a locked list is open to %q", *got)
	}
	for name, p := range map[string]kernel.Policy{"no grant": all.List, "signed in": kernel.SignedInWhen(own), "public": kernel.Public()} {
		a := kernel.Access{List: p}
		if got, want := a.CompiledFor(kernel.List, account("stranger")), a.Compiled(kernel.List); *got != *want {
			t.Errorf("%s: got %q, want %q", name, *got, *want)
		}
	}
}
