package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/exchange"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
	"github.com/polyclinic-os/polyclinic/modules/messaging"
	"github.com/polyclinic-os/polyclinic/modules/notices"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/privacy"
	"github.com/polyclinic-os/polyclinic/modules/records"
	"github.com/polyclinic-os/polyclinic/modules/reports"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	"github.com/polyclinic-os/polyclinic/modules/video"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

func modules(more ...kernel.Module) []kernel.Module {
	return append([]kernel.Module{
		hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), exchange.Module(), staff.Module(), patients.Module(),
		appointments.Module(), records.Module(), billing.Module(), inventory.Module(), reports.Module(), messaging.Module(),
		video.Module(), notices.Module(), privacy.Module(),
	}, more...)
}

var (
	set     = &kerneltest.Set{Modules: modules(audit.Module("v1.2.3"))}
	without = &kerneltest.Set{Modules: modules()}
)

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

var guest kerneltest.Account

// since returns the entries that do adds to the trail, besides sign-ins that the test's own
// client makes.
func since(t *testing.T, s *kerneltest.Server, do func()) []chain.Entry {
	t.Helper()
	before := len(audit.Entries(t, s.App))
	do()
	return audit.Entries(t, s.App)[before:]
}

// want is what an entry must say; empty fields are not looked at.
type want struct {
	actor, action, target, outcome, why string
	patient, item, mark                 string
}

func (w want) matches(e chain.Entry) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	in := func(want string, got []string) bool { return want == "" || slices.Contains(got, want) }
	return is(w.actor, e.Actor) && is(w.action, e.Action) && is(w.outcome, e.Outcome) && is(w.why, e.Why) &&
		strings.Contains(e.Target, w.target) && in(w.patient, e.Patients) && in(w.item, e.Items) && in(w.mark, e.Marks)
}

func (w want) among(t *testing.T, list []chain.Entry) {
	t.Helper()
	if !slices.ContainsFunc(list, w.matches) {
		t.Errorf("no entry as %+v among\n%+v", w, list)
	}
}

var newRecord = core.NewRecord
