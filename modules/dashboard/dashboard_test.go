package dashboard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/dashboard"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/reports"
	"github.com/polyclinic-os/polyclinic/modules/staff"
)

// How the pages look and what they show is tested in a browser, see test/browser.
func TestTheDashboardLoadsThePagesOfWhatIsOn(t *testing.T) {
	const clinicPage, auditPage = `const path = "#/clinic"`, `const path = "#/audit"`
	set := &kerneltest.Set{Modules: []kernel.Module{
		clinic.Module(), auth.Module(), staff.Module(), patients.Module(), reports.Module(), audit.Module(""), dashboard.Module(),
	}}
	without := &kerneltest.Set{Modules: set.Modules, Disable: []string{"audit"}}
	for _, c := range []struct {
		name      string
		set       *kerneltest.Set
		has, lack []string
	}{
		{"both", set, []string{clinicPage, auditPage}, nil},
		{"no search of a trail that is off", without, []string{clinicPage}, []string{auditPage}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.set.Start(t).Do(t, "GET", "/_/extensions.js", "", nil)
			if r.Status != http.StatusOK {
				t.Fatalf("got %d %.80s", r.Status, r.Body)
			}
			for _, page := range c.has {
				if !strings.Contains(r.Body, page) {
					t.Errorf("%s is missing", page)
				}
			}
			for _, page := range c.lack {
				if strings.Contains(r.Body, page) {
					t.Errorf("%s is there", page)
				}
			}
		})
	}
}
