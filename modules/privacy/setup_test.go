package privacy_test

import (
	"net/url"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/messaging"
	"github.com/polyclinic-os/polyclinic/modules/notices"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/privacy"
	"github.com/polyclinic-os/polyclinic/modules/records"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	"github.com/polyclinic-os/polyclinic/modules/video"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var set = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(), appointments.Module(),
	records.Module(), billing.Module(), messaging.Module(), video.Module(), notices.Module(), privacy.Module(),
}}

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

var (
	alma, ada, bob, grace, omar = as(authapi.Alma), as(authapi.Ada), as(authapi.Bob), as(authapi.Grace), as(authapi.Omar)
	nia, dana, carl             = as(authapi.Nia), as(authapi.Dana), as(authapi.Carl)
)

func esc(s string) string { return url.QueryEscape(s) }
