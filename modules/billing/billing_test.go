package billing_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

func modules() []kernel.Module {
	return []kernel.Module{
		hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(),
		appointments.Module(), billing.Module(),
	}
}

var set = &kerneltest.Set{Modules: modules()}

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

var (
	alma, ada, bob, grace, omar = as(authapi.Alma), as(authapi.Ada), as(authapi.Bob), as(authapi.Grace), as(authapi.Omar)
	nia, rosa, dana, carl       = as(authapi.Nia), as(authapi.Rosa), as(authapi.Dana), as(authapi.Carl)
	petra, guest                = as(authapi.Petra), kerneltest.Account{}
)

func TestX(t *testing.T) {
	s := set.Start(t)
	r := s.As(t, carl, "POST", "/api/billing", map[string]any{"patientId": patientsapi.Ada, "amount": 1500, "details": "x"})
	t.Log(r.Status, r.Body)
	r = s.As(t, carl, "POST", "/api/billing/"+r.ID(t)+"/payments", map[string]any{"amount": 500.25, "method": "cash"})
	t.Log(r.Status, r.Body)
	r = s.As(t, carl, "GET", "/api/billing/"+billingapi.CastPaid, nil)
	t.Log(r.Status, r.Body)
	_ = []any{alma, ada, bob, grace, omar, nia, rosa, dana, petra, guest}
}
