// Command clinic is Polyclinic with a laboratory: the product's own main.go, with one import
// and one line more.
package main

import (
	"log"

	_ "time/tzdata" // clinics' time zones in images and on systems without a database of them

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/boot"
	"github.com/polyclinic-os/polyclinic/modules/analytics"
	"github.com/polyclinic-os/polyclinic/modules/apidocs"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/backup"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/dashboard"
	"github.com/polyclinic-os/polyclinic/modules/exchange"
	"github.com/polyclinic-os/polyclinic/modules/fhir"
	"github.com/polyclinic-os/polyclinic/modules/health"
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

	"example.net/laboratory/laboratory"
)

// modules is the product, and the laboratory.
func modules() []kernel.Module {
	return []kernel.Module{
		hooks.Module(),
		migrations.Module(),
		clinic.Module(),
		auth.Module(),
		exchange.Module(),
		staff.Module(),
		patients.Module(),
		audit.Module(boot.Version),
		appointments.Module(),
		records.Module(),
		billing.Module(),
		inventory.Module(),
		reports.Module(),
		analytics.Module(),
		messaging.Module(),
		video.Module(),
		notices.Module(),
		privacy.Module(),
		fhir.Module(),
		backup.Module(boot.Version),
		health.Module(),
		apidocs.Module(boot.Version),
		dashboard.Module(),
		laboratory.Module(),
	}
}

func main() {
	if err := boot.Main(modules()); err != nil {
		log.Fatal(err)
	}
}
