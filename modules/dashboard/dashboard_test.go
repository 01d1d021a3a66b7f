package dashboard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/dashboard"
	"github.com/polyclinic-os/polyclinic/modules/reports"
)

// How the page looks and what it shows is tested in a browser, see test/browser.
func TestTheDashboardLoadsThePage(t *testing.T) {
	set := &kerneltest.Set{Modules: []kernel.Module{clinic.Module(), auth.Module(), reports.Module(), dashboard.Module()}}
	s := set.Start(t)
	r := s.Do(t, "GET", "/_/extensions.js", "", nil)
	if r.Status != http.StatusOK || !strings.Contains(r.Body, `const path = "#/clinic"`) {
		t.Errorf("got %d %.80s", r.Status, r.Body)
	}
}
