package audit_test

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/exchange"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

func TestWhoMayReadTheTrail(t *testing.T) {
	s := set.Start(t)
	log := "/api/patients/" + patientsapi.Ada + "/access-log"
	s.On(t, []kerneltest.Scenario{
		{Name: "an admin searches", As: as(authapi.Alma), Method: "GET", Path: "/api/audit", Want: 200, Has: []string{`"totalItems"`, `"action":"sign-in"`}},
		{Name: "a doctor does not", As: as(authapi.Grace), Method: "GET", Path: "/api/audit", Want: 403},
		{Name: "a guest does not", As: guest, Method: "GET", Path: "/api/audit", Want: 401},
		{Name: "the patient sees the own log", As: as(authapi.Ada), Method: "GET", Path: log, Want: 200},
		{Name: "another patient does not", As: as(authapi.Bob), Method: "GET", Path: log, Want: 404},
		{Name: "a nurse does not", As: as(authapi.Nia), Method: "GET", Path: log, Want: 403},
		{Name: "an admin sees it", As: as(authapi.Alma), Method: "GET", Path: log, Want: 200},
		{Name: "nobody's log", As: as(authapi.Alma), Method: "GET", Path: "/api/patients/nobody000000001/access-log", Want: 404},
		{Name: "a day that is none", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?from=2026-02-30", Want: 400, Has: []string{`"from"`}},
		{Name: "a range backwards", As: as(authapi.Alma), Method: "GET", Path: log + "?from=2026-02-03&to=2026-02-01", Want: 400, Has: []string{`"to"`}},
		{Name: "an unknown format", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?format=xml", Want: 400, Has: []string{`"format"`}},
		{Name: "an unknown outcome", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?outcome=fine", Want: 400},
		{Name: "a quote in an actor", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?actor=%27%20or%201%3D1--", Want: 400, Has: []string{`"actor"`}},
		{Name: "a filter", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?filter=seq%3E1", Want: 400, Has: []string{`"filter"`, "query_not_allowed"}},
		{Name: "a sort", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?sort=seq", Want: 400, Has: []string{`"sort"`}},
		{Name: "a name typed wrong", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?patients=" + patientsapi.Ada, Want: 400, Has: []string{`"patients"`, "perPage"}},
		{Name: "on the log too", As: as(authapi.Ada), Method: "GET", Path: log + "?actor=guest", Want: 400, Has: []string{`"actor"`}},
		{Name: "an action that is none", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?action=bogus", Want: 400, Has: []string{`"action"`}},
		{Name: "a mark that is none", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?mark=bogus", Want: 400, Has: []string{`"mark"`}},
		{Name: "a file number", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?patient=P-000001", Want: 400, Has: []string{`"patient"`}},
		{Name: "a record", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?patient=patients/" + patientsapi.Ada, Want: 400, Has: []string{`"patient"`}},
		{Name: "several at once", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?patient=x&action=bogus&mark=bogus", Want: 400, Has: []string{`"patient"`, `"action"`, `"mark"`}},
		{Name: "what may come some day", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?action=break-glass&mark=break-glass&actor=system&outcome=failed", Want: 200},
		{Name: "a patient who is gone", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?patient=gone00000000001", Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "a command", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?actor=command%20import%20csv", Want: 200},
		{Name: "an account as entries have it", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?actor=_superusers/root00000000001", Want: 200},
		{Name: "fields, and no total", As: as(authapi.Alma), Method: "GET", Path: "/api/audit?fields=seq&skipTotal=true&perPage=1", Want: 200, Has: []string{`"totalItems":-1`, `{"seq":`}},
		{Name: "and of the log", As: as(authapi.Ada), Method: "GET", Path: log + "?fields=at&skipTotal=true&page=1", Want: 200, Has: []string{`"totalItems":-1`}},
	})
}

func TestAPatientSeesWhoLooked(t *testing.T) {
	s := set.Start(t)
	for _, path := range []string{"/api/patients", "/api/patients/" + patientsapi.Ada} {
		if r := s.As(t, as(authapi.Omar), "GET", path, nil); r.Status != 200 {
			t.Fatal(r.Body)
		}
	}
	r := s.As(t, as(authapi.Ada), "GET", "/api/patients/"+patientsapi.Ada+"/access-log?perPage=200", nil)
	reads := 0
	for _, item := range r.Items(t) { // among them what the cast was made of, copied to the chain at any moment
		if item["who"] == authapi.Omar.Name && item["action"] == "read" && item["role"] == "doctor" && item["own"] == false {
			reads++
		}
	}
	if reads != 2 {
		t.Errorf("Omar looked twice, the log has %d of %d: %s", reads, r.Status, r.Body)
	}
	if strings.Contains(r.Body, patientsapi.Bob) || strings.Contains(r.Body, authapi.Bob.Name) {
		t.Error("it shows another patient of the same list")
	}
	r = s.As(t, as(authapi.Ada), "GET", "/api/patients/"+patientsapi.Ada+"/access-log?perPage=1&page=2", nil)
	if got := r.JSON(t); got["page"] != 2.0 || got["perPage"] != 1.0 || len(got["items"].([]any)) != 1 {
		t.Errorf("%s", r.Body)
	}
}

func TestTheSearchNarrows(t *testing.T) {
	s := set.Start(t)
	s.As(t, as(authapi.Omar), "GET", "/api/patients/"+patientsapi.Ada, nil)
	s.As(t, as(authapi.Grace), "PUT", "/api/patients/"+patientsapi.Bob, map[string]any{"notes": "=cmd()"})
	count := func(query string) int {
		t.Helper()
		return len(s.As(t, as(authapi.Alma), "GET", "/api/audit?perPage=200&"+query, nil).Items(t))
	}
	if n := count("actor=userdoctor00002&action=read"); n != 1 {
		t.Errorf("by actor: %d", n)
	}
	if n := count("patient=" + patientsapi.Bob + "&action=update&actor=userdoctor00001"); n != 1 {
		t.Errorf("by patient: %d", n)
	}
	if n := count("action=erase"); n != 0 {
		t.Errorf("by action: %d", n)
	}
	if count("from=2001-01-01&to=2001-01-02") != 0 || count("from=2001-01-01") == 0 {
		t.Error("days do not narrow")
	}
	if n := count("action=search-trail"); n != 5 {
		t.Errorf("searching the trail left %d entries, want 5", n)
	}
	items := s.As(t, as(authapi.Alma), "GET", "/api/audit?action=update&actor="+grace, nil).Items(t)
	after, _ := items[0]["after"].(map[string]any)
	if len(items) != 1 || after["notes"] != "=cmd()" || items[0]["before"].(map[string]any)["notes"] == nil {
		t.Errorf("%v", items)
	}
	r := s.As(t, as(authapi.Alma), "GET", "/api/audit?format=csv&action=update&actor="+grace, nil)
	lines, err := csv.NewReader(strings.NewReader(r.Body)).ReadAll()
	if err != nil || len(lines) != 2 || lines[1][5] != "update" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("%v, %q", err, r.Body)
	}
	if end := lines[0][len(lines[0])-4:]; !slices.Equal(end, []string{"session", "marked", "before", "after"}) || len(lines[1]) != len(lines[0]) {
		t.Errorf("the last columns are %v of %v", end, lines[1])
	}
	if end := lines[1][len(lines[1])-4:]; end[0] == "" || end[1] != "" || end[2] != `{"notes":""}` || end[3] != `{"notes":"=cmd()"}` {
		t.Errorf("session, marked, before and after are %q", end)
	}
	got := audit.Entries(t, s.App)
	want{actor: alma, action: "search-trail", mark: "export", patient: patientsapi.Bob}.among(t, got)
	want{actor: alma, action: "search-trail", mark: "export"}.among(t, got)
	want{actor: alma, action: "search-trail", patient: patientsapi.Bob}.among(t, got)
}

func TestNoCellOfTheTrailIsAFormula(t *testing.T) {
	s := set.Start(t)
	for _, why := range []string{"=1+1", "＝1+1", "＋1", "\n-1"} {
		if err := auditapi.Record(s.App, auditapi.Entry{Action: "break-glass", Why: why}); err != nil {
			t.Fatal(err)
		}
	}
	r := s.As(t, as(authapi.Alma), "GET", "/api/audit?format=csv&action=break-glass", nil)
	lines, err := csv.NewReader(strings.NewReader(r.Body)).ReadAll()
	if err != nil || len(lines) != 5 {
		t.Fatalf("%v, %q", err, r.Body)
	}
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line[9], "'") {
			t.Errorf("a spreadsheet runs %q", line[9])
		}
	}
}

func TestModulesSpeakToTheTrail(t *testing.T) {
	s := set.Start(t, func(app *tests.TestApp) {
		app.OnRecordViewRequest("patients").BindFunc(func(e *core.RecordRequestEvent) error {
			auditapi.Mark(e.RequestEvent, auditapi.OutsideCare)
			return e.Next()
		})
		app.OnRecordUpdateRequest("patients").BindFunc(func(e *core.RecordRequestEvent) error {
			if err := auditapi.Record(e.App, auditapi.Entry{Action: "break-glass", Why: "no pulse, no time", Patients: []string{e.Record.Id}}); err != nil {
				return err
			}
			if e.Record.GetString("notes") == "undo" {
				return e.BadRequestError("no", nil)
			}
			return e.Next()
		})
	})
	got := since(t, s, func() { s.As(t, as(authapi.Omar), "GET", "/api/patients/"+patientsapi.Ada, nil) })
	want{actor: omar, action: "read", mark: "outside-care", patient: patientsapi.Ada}.among(t, got)
	got = since(t, s, func() {
		s.As(t, as(authapi.Omar), "PUT", "/api/patients/"+patientsapi.Ada, map[string]any{"notes": "x"})
	})
	want{actor: omar, action: "break-glass", patient: patientsapi.Ada}.among(t, got)
	for _, e := range since(t, s, func() {
		s.As(t, as(authapi.Omar), "PUT", "/api/patients/"+patientsapi.Ada, map[string]any{"notes": "undo"})
	}) {
		if e.Action == "break-glass" {
			t.Error("an entry outlived its transaction")
		}
	}
	// A job, in no request.
	got = since(t, s, func() {
		if err := auditapi.Record(s.App, auditapi.Entry{Action: "erase", Patients: []string{patientsapi.Bob}, Account: "useradmin000001"}); err != nil {
			t.Fatal(err)
		}
	})
	want{actor: alma, action: "erase", patient: patientsapi.Bob}.among(t, got)
}

func TestWhatIsForgottenIsGoneAndTheTrailWhole(t *testing.T) {
	s := set.Start(t)
	s.As(t, as(authapi.Grace), "PUT", "/api/patients/"+patientsapi.Bob, map[string]any{"notes": "unforgettable"})
	audit.Entries(t, s.App)
	kept := func() (n int) {
		if err := s.App.DB().NewQuery("SELECT count(*) FROM audit_writes WHERE diff LIKE '%unforgettable%'").Row(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if kept() != 1 {
		t.Fatal("the value was not kept")
	}
	for _, statement := range []string{"UPDATE audit_writes SET diff = '{}'", "DELETE FROM audit_writes", "UPDATE audit_writes SET patient = 'x'"} {
		if _, err := s.App.NonconcurrentDB().NewQuery(statement).Execute(); err == nil {
			t.Errorf("not refused: %s", statement)
		}
	}
	if err := auditapi.Forget(s.App, patientsapi.Bob, ""); err != nil {
		t.Fatal(err)
	}
	if kept() != 0 {
		t.Error("the value is still there")
	}
	if err := audit.WholeTrail(s.App.DataDir()); err != nil {
		t.Error(err)
	}
}

// TestAReasonIsShownUntilItIsForgotten also holds that no reason is in the trail itself, from
// where nothing can be taken.
func TestAReasonIsShownUntilItIsForgotten(t *testing.T) {
	s := set.Start(t)
	reason := "Bob Tanaka has no pulse"
	if err := auditapi.Record(s.App, auditapi.Entry{Action: "break-glass", Why: reason, Patients: []string{patientsapi.Bob}}); err != nil {
		t.Fatal(err)
	}
	paths := map[string]authapi.Account{
		"/api/audit?action=break-glass":                          authapi.Alma,
		"/api/audit?action=break-glass&format=csv":               authapi.Alma,
		"/api/patients/" + patientsapi.Bob + "/access-log":       authapi.Bob,
		"/api/patients/" + patientsapi.Bob + "/access-log?from=": authapi.Alma,
	}
	shown := func(want bool) {
		t.Helper()
		for path, who := range paths {
			if r := s.As(t, as(who), "GET", path, nil); r.Status != 200 || strings.Contains(r.Body, reason) != want || !strings.Contains(r.Body, "break-glass") {
				t.Errorf("%s: want %v, got %d %s", path, want, r.Status, r.Body)
			}
		}
	}
	shown(true)
	for _, e := range audit.Entries(t, s.App) {
		if raw, _ := json.Marshal(e); strings.Contains(string(raw), "Tanaka") {
			t.Errorf("the trail has %s", raw)
		}
	}
	if said, err := run(s, "verify"); err != nil {
		t.Error(said, err)
	}
	if err := auditapi.Forget(s.App, patientsapi.Bob, ""); err != nil {
		t.Fatal(err)
	}
	shown(false)
	if said, err := run(s, "verify"); err != nil {
		t.Error(said, err)
	}
	want{action: "forget", patient: patientsapi.Bob, outcome: "ok"}.among(t, audit.Entries(t, s.App))
}

// TestReasonsOfEarlierBuildsAreShown has one in the entry itself, as it was written once.
func TestReasonsOfEarlierBuildsAreShown(t *testing.T) {
	s := set.Start(t)
	data(t, s, `INSERT INTO audit_writes (body, patient) VALUES ('{"v":1,"at":"2026-01-02T03:04:05.000Z","actor":"users/userdoctor00001","action":"restrict","outcome":"ok","why":"as it was once","patients":["`+patientsapi.Bob+`"]}', '`+patientsapi.Bob+`')`)
	if r := s.As(t, as(authapi.Alma), "GET", "/api/audit?action=restrict", nil); !strings.Contains(r.Body, "as it was once") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if said, err := run(s, "verify"); err != nil {
		t.Error(said, err)
	}
}

func TestAnExportNamesWhatLeft(t *testing.T) {
	s := set.Start(t)
	var table exchangeapi.Table
	for _, each := range kernel.All[exchangeapi.Table](s.Kernel) {
		if each.Collection == "patients" {
			table = each
		}
	}
	got := since(t, s, func() {
		if n, err := exchange.Export(s.App, table, io.Discard); err != nil || n == 0 {
			t.Fatal(n, err)
		}
	})
	want{action: "export", target: "csv patients", patient: patientsapi.Ada, item: "patients/" + patientsapi.Bob}.among(t, got)
}
