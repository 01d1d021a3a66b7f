package remote_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// answers asks for every report and compares status and code.
func answers(t *testing.T, s *kerneltest.Server, when string, status int, code string) {
	t.Helper()
	for _, name := range names {
		if got, body := ask(t, s, name, "source=postgres"); got != status || !strings.Contains(fmt.Sprint(body), code) {
			t.Errorf("%s, %s: got %d %v, want %d %s", name, when, got, body, status, code)
		}
	}
}

// What the warehouse has under the site's name counts only while it is all of this data
// folder's rows.
func TestRowsThatAreNotTheClinicsOwn(t *testing.T) {
	url := ""
	s := clinicOf(t, &url)
	url = postgres.Server(t).Database(t)
	ship(t, s.App, url, "another", nil)
	answers(t, s, "never shipped", 503, "analytics_incomplete")
	ship(t, s.App, url, site, nil)
	answers(t, s, "shipped", 200, "postgres")
	server := postgres.Server(t)
	for _, c := range []struct{ when, set, back, code string }{
		{"during the first copy", `snap = '{"todo":["patients"]}'`, `snap = ''`, "analytics_incomplete"},
		{"of another clinic", `epoch = 'f'`, `epoch = 'e'`, "analytics_foreign"},
		{"ahead of a restored folder", `tok = 'later'`, `tok = '3'`, "analytics_foreign"},
		{"to a copy of the folder", `holder = 'that folder'`, `holder = 'this folder'`, "analytics_foreign"},
	} {
		server.Exec(t, url, "UPDATE polyclinic.sync_site SET "+c.set+" WHERE site_id = 'north'")
		answers(t, s, c.when, 503, c.code)
		server.Exec(t, url, "UPDATE polyclinic.sync_site SET "+c.back+" WHERE site_id = 'north'")
		answers(t, s, "put right", 200, "postgres")
	}
	server.Exec(t, url, "ALTER TABLE polyclinic.invoices DROP COLUMN status CASCADE")
	answers(t, s, "while a column is lacking", 503, "analytics_")
	server.Exec(t, url, "ALTER TABLE polyclinic.invoices ADD COLUMN status text")
	answers(t, s, "with a column that is empty", 503, "analytics_incomplete")
	must(t, capture.Remove(s.App))
	answers(t, s, "after a reset", 503, "analytics_foreign")
}

// The answer's header says how many changes its figures lack.
func TestHowFarTheFiguresAreBehind(t *testing.T) {
	url := ""
	s := clinicOf(t, &url)
	url = postgres.Server(t).Database(t)
	ship(t, s.App, url, site, nil)
	alma := kerneltest.Account{Email: authapi.Alma.Email, Password: authapi.Alma.Password}
	says := func(want string) {
		t.Helper()
		if r := s.As(t, alma, "GET", "/api/reports/patient-summary?source=postgres", nil); r.Status != 200 || r.Header.Get("Analytics-Behind") != want {
			t.Errorf("got %d, behind %q, want %q", r.Status, r.Header.Get("Analytics-Behind"), want)
		}
	}
	says("0")
	raw(t, s.App, "UPDATE doctors SET specialty = specialty WHERE id IN (SELECT id FROM doctors LIMIT 1)", nil)
	says("1")
	must(t, capture.Overflow(s.App, 1))
	says("unknown")
	if r := s.As(t, alma, "GET", "/api/reports/patient-summary", nil); r.Header.Get("Analytics-Behind") != "" {
		t.Error("the clinic's own figures are behind nothing")
	}
}

// A row that an analyst's constraint refuses is in no figure from there, and no change waits for it:
// the answer says so.
func TestFiguresThatLackWhatWasSetAside(t *testing.T) {
	url := ""
	s := clinicOf(t, &url)
	url = postgres.Server(t).Database(t)
	ship(t, s.App, url, site, nil)
	says := func(want string) {
		t.Helper()
		r := s.As(t, kerneltest.Account{Email: authapi.Alma.Email, Password: authapi.Alma.Password}, "GET", "/api/reports/revenue-summary?source=postgres", nil)
		if r.Status != 200 || r.Header.Get("Analytics-Set-Aside") != want || r.Header.Get("Analytics-Behind") != "0" {
			t.Errorf("got %d, set aside %q, behind %q, want %q", r.Status, r.Header.Get("Analytics-Set-Aside"), r.Header.Get("Analytics-Behind"), want)
		}
	}
	says("0")
	const refused = `INSERT INTO polyclinic.sync_reject (site_id, tbl, id, col, reason, at) VALUES ('%s', 'invoices', 'x', '', 'the warehouse refuses the row', now())`
	postgres.Server(t).Exec(t, url, fmt.Sprintf(refused, site), fmt.Sprintf(refused, "another"))
	says("1")
}

// A second clinic with the same site id is refused, and gets none of the first one's money.
func TestASecondClinicWithTheSameSite(t *testing.T) {
	url := postgres.Server(t).Database(t)
	t.Setenv("POLYCLINIC_ANALYTICS_URL", url)
	t.Setenv("POLYCLINIC_SITE_ID", "north")
	first := whole.Start(t)
	must(t, first.App.RunInTransaction(func(tx core.App) error {
		fill(t, tx, rand.New(rand.NewPCG(1, 3)), 60, true)
		return nil
	}))
	clinicapi.Forget(first.App) // plain SQL has changed the currency
	settled(t, first)
	answers(t, first, "the first", 200, "postgres")
	second := whole.Start(t)
	answers(t, second, "the second", 503, "analytics_foreign")
	answers(t, first, "the first", 200, "postgres")
}

// A server that is frozen holds no report up, nor those that wait for their turn.
func TestAWarehouseThatIsFrozen(t *testing.T) {
	url := ""
	s := clinicOf(t, &url)
	server := postgres.Server(t)
	url = server.Database(t)
	ship(t, s.App, url, site, nil)
	answers(t, s, "at first", 200, "postgres")
	server.Freeze()
	defer server.Thaw()
	type got struct {
		status int
		body   string
	}
	all := make(chan got, 8)
	alma := kerneltest.Account{Email: authapi.Alma.Email, Password: authapi.Alma.Password}
	token := s.Token(t, alma)
	for range cap(all) {
		go func() {
			r := s.Do(t, "GET", "/api/reports/patient-summary?source=postgres", token, nil)
			all <- got{r.Status, r.Body}
		}()
	}
	for range cap(all) {
		select {
		case is := <-all:
			if is.status != 503 || !strings.Contains(is.body, "analytics_unavailable") {
				t.Errorf("got %d %s", is.status, is.body)
			}
		case <-time.After(40 * time.Second):
			t.Fatal("a report still waits")
		}
	}
	server.Thaw()
	answers(t, s, "thawed", 200, "postgres")
}
