package analytics_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/analytics"
	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/records"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var modules = []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(),
	appointments.Module(), records.Module(), billing.Module(), inventory.Module(), analytics.Module(),
}

var set = &kerneltest.Set{Modules: modules}

var postgres postgrestest.Shared

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

var ctx = context.Background()

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

var alma = as(authapi.Alma)

// patience bounds every wait.
const patience = 30 * time.Second

// eventually waits until fn says that all is well, "".
func eventually(t testing.TB, fn func() string) {
	t.Helper()
	until := time.Now().Add(patience)
	for {
		wrong := fn()
		if wrong == "" {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("after %s: %s", patience, wrong)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// feed sets the warehouse up for the servers that the test starts.
func feed(t testing.TB, settings ...string) (url string) {
	t.Helper()
	url = postgres.Server(t).Database(t)
	setenv(t, "POLYCLINIC_ANALYTICS_URL", url)
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		setenv(t, name, value)
	}
	return url
}

func setenv(t testing.TB, name, value string) {
	t.Helper()
	t.(interface{ Setenv(string, string) }).Setenv(name, value)
}

func TestFirstCopyAndEveryChange(t *testing.T) {
	url := feed(t, "POLYCLINIC_SITE_ID=north")
	s := set.Start(t)
	if n := same(t, s, url); n < 15 {
		t.Errorf("only %d rows in the warehouse", n)
	}
	r := s.As(t, alma, "POST", "/api/patients", map[string]any{"name": "Zoe Park", "age": 30, "gender": "female", "contact": "555"})
	if r.Status != 201 {
		t.Fatal(r.Body)
	}
	same(t, s, url)
	if n := number(t, url, `SELECT count(*) FROM polyclinic.patients WHERE site_id = 'north' AND id = $1 AND age = 30`, r.ID(t)); n != 1 {
		t.Error("a patient that was made is not there")
	}
	s.As(t, alma, "PUT", "/api/patients/"+r.ID(t), map[string]any{"age": 31})
	same(t, s, url)
	if n := number(t, url, `SELECT age FROM polyclinic.patients WHERE id = $1`, r.ID(t)); n != 31 {
		t.Errorf("age is %d", n)
	}
	exec(t, s, `UPDATE patients SET gender = 'other'`)
	exec(t, s, `DROP TRIGGER patients_kept`)
	exec(t, s, `UPDATE patients SET id = 'renamed00000001' WHERE id = {:id}`, dbx.Params{"id": r.ID(t)})
	same(t, s, url)
	exec(t, s, `DELETE FROM patients WHERE id = 'renamed00000001'`)
	same(t, s, url)
	if n := number(t, url, `SELECT count(*) FROM polyclinic.patients WHERE id IN ('renamed00000001', $1)`, r.ID(t)); n != 0 {
		t.Error("a deleted row is still there")
	}
}

func TestStatusNeedsAnAdminAndAWarehouse(t *testing.T) {
	const path = "/api/analytics/status"
	set.Run(t, []kerneltest.Scenario{
		{Name: "a guest", Method: "GET", Path: path, Want: 401},
		{Name: "a doctor", As: as(authapi.Grace), Method: "GET", Path: path, Want: 403},
		{Name: "without a warehouse the setting is named", As: alma, Method: "GET", Path: path, Want: 503, Has: []string{`"POLYCLINIC_ANALYTICS_URL":{"code":"analytics_not_configured"`}},
	})
}

func TestSettingsThatDoNotHold(t *testing.T) {
	setenv(t, "POLYCLINIC_ANALYTICS_URL", "postgres://role:hidden@127.0.0.1:1/none")
	setenv(t, "POLYCLINIC_SITE_ID", "two words")
	setenv(t, "POLYCLINIC_ANALYTICS_PSEUDONYM_KEY", "short")
	setenv(t, "POLYCLINIC_ANALYTICS_EXTRA", "perhaps")
	setenv(t, "POLYCLINIC_ANALYTICS_LOG_CAP", "-1")
	s := set.Start(t)
	r := s.As(t, alma, "GET", "/api/analytics/status", nil)
	for _, name := range []string{`"refused"`, "SITE_ID", "PSEUDONYM_KEY", "EXTRA", "LOG_CAP"} {
		if !strings.Contains(r.Body, name) {
			t.Errorf("the status does not name %s: %s", name, r.Body)
		}
	}
	if strings.Contains(r.Body, "hidden") {
		t.Error("it tells the password")
	}
}

// A file that cannot be read, or holds nothing, is not a setting that is off: without its key of
// pseudonyms a clinic would ship patients by their own ids, with their days of birth.
func TestSettingsInFilesThatCannotBeRead(t *testing.T) {
	blank := filepath.Join(t.TempDir(), "blank")
	if err := os.WriteFile(blank, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"POLYCLINIC_ANALYTICS_PSEUDONYM_KEY", "POLYCLINIC_SITE_ID", "POLYCLINIC_ANALYTICS_URL"} {
		for _, file := range []string{blank, filepath.Join(t.TempDir(), "gone")} {
			url := feed(t, "POLYCLINIC_SITE_ID=north", name+"=", name+"_FILE="+file)
			s := set.Start(t)
			if r := s.As(t, alma, "GET", "/api/analytics/status", nil); !strings.Contains(r.Body, `"refused"`) || !strings.Contains(r.Body, name+"_FILE") {
				t.Errorf("%s_FILE=%s: %d %s", name, file, r.Status, r.Body)
			}
			if _, err := run(t, s, "backfill"); err == nil || !strings.Contains(err.Error(), name+"_FILE") {
				t.Errorf("backfill with %s_FILE=%s: %v", name, file, err)
			}
			if n := number(t, url, `SELECT count(*) FROM information_schema.tables WHERE table_schema = 'polyclinic'`); n > 0 {
				t.Errorf("with %s_FILE=%s it shipped", name, file)
			}
			setenv(t, name+"_FILE", "")
		}
	}
}

// Behind an @ that is not escaped the rest of a password passes for the host.
func TestAPasswordThatIsNotEscaped(t *testing.T) {
	setenv(t, "POLYCLINIC_ANALYTICS_URL", "postgres://polyclinic:Geheim@Klinik#7@127.0.0.1:1/warehouse")
	s := set.Start(t)
	eventually(t, func() string {
		r := s.As(t, alma, "GET", "/api/analytics/status", nil)
		if strings.Contains(r.Body, "Klinik") {
			t.Fatalf("it tells the password: %s", r.Body)
		}
		if !strings.Contains(r.Body, `"refused"`) || !strings.Contains(r.Body, "%40") {
			return r.Body
		}
		return ""
	})
	if said, err := run(t, s, "status"); err == nil || strings.Contains(said+err.Error(), "Klinik") {
		t.Errorf("%s %v", said, err)
	}
}

func TestAWarehouseThatIsAway(t *testing.T) {
	setenv(t, "POLYCLINIC_ANALYTICS_URL", "postgres://role:hidden@127.0.0.1:1/none")
	s := set.Start(t)
	eventually(t, func() string {
		r := s.As(t, alma, "GET", "/api/analytics/status", nil)
		if !strings.Contains(r.Body, `"waiting"`) || !strings.Contains(r.Body, "refused") {
			return r.Body
		}
		if strings.Contains(r.Body, "hidden") {
			t.Fatal("it tells the password")
		}
		return ""
	})
	if r := s.As(t, alma, "POST", "/api/patients", map[string]any{"name": "Zoe Park", "age": 30, "gender": "female", "contact": "555"}); r.Status != 201 {
		t.Error(r.Body)
	}
}

func TestWithoutTheSettingNothingIsNotedAnyMore(t *testing.T) {
	set.Start(t, func(app *tests.TestApp) {
		if _, err := capture.Ensure(app, kernel.All[analyticsapi.Table](kernel.Of(app))); err != nil {
			t.Fatal(err)
		}
		app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Priority: 99, Func: func(e *core.ServeEvent) error {
			if present, err := capture.Present(app); err != nil || present {
				t.Errorf("the change log is still there: %v", err)
			}
			return e.Next()
		}})
	})
}

// run runs a command of the module on a server's data, beside it.
func run(t testing.TB, s *kerneltest.Server, args ...string) (said string, err error) {
	t.Helper()
	c := analytics.Module().Commands[0](s.Kernel)
	var out strings.Builder
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceUsage = true
	c.SetArgs(args)
	err = c.Execute()
	return out.String(), err
}

func TestCommandsBesideAServer(t *testing.T) {
	url := feed(t, "POLYCLINIC_SITE_ID=north", "POLYCLINIC_ANALYTICS_PSEUDONYM_KEY=a key of the clinic")
	s := set.Start(t)
	same(t, s, url)
	wants := func(fails bool, args []string, words ...string) {
		t.Helper()
		said, err := run(t, s, args...)
		if (err != nil) != fails {
			t.Errorf("%v: %v\n%s", args, err, said)
		}
		if err != nil {
			said += err.Error()
		}
		for _, w := range words {
			if !strings.Contains(said, w) {
				t.Errorf("%v does not say %q but:\n%s", args, w, said)
			}
		}
	}
	wants(false, []string{"status"}, "north", "every change is shipped", "this data folder's server", "waiting    0")
	wants(false, []string{"verify"}, "patients", "the same")
	postgres.Server(t).Exec(t, url, `DELETE FROM polyclinic.patients WHERE site_id = 'north'`, `UPDATE polyclinic.doctors SET h = 0, name = 'x'`)
	wants(true, []string{"verify", "doctors", "patients"}, "differs", "missing", "--repair")
	wants(false, []string{"verify", "--repair"}, "shipped again", "the same")
	same(t, s, url)
	// What the warehouse refused is tried again: the constraint may be gone.
	postgres.Server(t).Exec(t, url, `ALTER TABLE polyclinic.doctors ADD CONSTRAINT mine CHECK (specialty <> 'Alchemy')`)
	exec(t, s, `UPDATE doctors SET specialty = 'Alchemy' WHERE id = (SELECT min(id) FROM doctors)`)
	settled(t, s)
	wants(false, []string{"verify", "doctors"}, "1 rows that the warehouse refuses", "the same")
	wants(false, []string{"verify", "doctors", "--repair"}, "1 rows were shipped again", "1 rows that the warehouse refuses")
	postgres.Server(t).Exec(t, url, `ALTER TABLE polyclinic.doctors DROP CONSTRAINT mine`)
	wants(false, []string{"verify", "doctors", "--repair"}, "1 rows were shipped again")
	same(t, s, url)
	wants(false, []string{"backfill", "payments"}, "payments: read in full")
	wants(false, []string{"backfill"}, "read in full, nothing waits")
	wants(true, []string{"backfill", "nosuch"}, "nosuch", "patients")
	same(t, s, url)
	setenv(t, "POLYCLINIC_SITE_ID", "south")
	wants(true, []string{"status"}, "ships as site north", "the site south", "POLYCLINIC_SITE_ID")
	wants(true, []string{"backfill", "payments"}, "ships as site north", "the site south", "POLYCLINIC_SITE_ID")
}

func TestTwoClinicsWithOneSiteID(t *testing.T) {
	url := feed(t, "POLYCLINIC_SITE_ID=north")
	first := set.Start(t)
	same(t, first, url)
	second := set.Start(t)
	eventually(t, func() string {
		r := second.As(t, alma, "GET", "/api/analytics/status", nil)
		if !strings.Contains(r.Body, "same POLYCLINIC_SITE_ID") {
			return r.Body
		}
		return ""
	})
	first.As(t, alma, "PUT", "/api/clinic", map[string]any{"slotMinutes": 45})
	same(t, first, url)
}

// Whoever reads the warehouse finds nobody by name, and nothing that was not declared.
func TestNothingElseLeaves(t *testing.T) {
	url := feed(t)
	s := set.Start(t)
	r := s.As(t, as(authapi.Grace), "POST", "/api/medical-records", map[string]any{"patientId": patientsapi.Ada, "diagnosis": "unspeakable", "notes": "unspeakable",
		"codes": []any{map[string]any{"system": "icd", "code": "R05", "display": "unspeakable"}}})
	if r.Status != 201 {
		t.Fatal(r.Body)
	}
	same(t, s, url)
	for _, table := range kernel.All[analyticsapi.Table](s.Kernel) {
		for _, word := range []string{"Novak", "Tanaka", "@", "unspeakable", "Nia Castell"} {
			if n := number(t, url, `SELECT count(*) FROM polyclinic."`+table.Name+`" x WHERE x::text ILIKE $1`, "%"+word+"%"); n > 0 {
				t.Errorf("%s tells %q", table.Name, word)
			}
		}
		columns := number(t, url, `SELECT count(*) FROM information_schema.columns WHERE table_schema = 'polyclinic' AND table_name = $1`, table.Name)
		if want := len(table.Columns) + 4; columns != want { // site_id, id, extra, h
			t.Errorf("%s has %d columns, want %d", table.Name, columns, want)
		}
	}
	if n := number(t, url, `SELECT count(*) FROM polyclinic.medical_records WHERE codes::text LIKE '%R05%'`); n != 1 {
		t.Error("the codes are not there")
	}
}

// Nothing that is declared names a field that does not exist: it would be empty for ever.
func TestDeclaredColumnsExist(t *testing.T) {
	s := set.Start(t)
	tables := kernel.All[analyticsapi.Table](s.Kernel)
	if err := analyticsapi.Check(tables); err != nil {
		t.Error(err)
	}
	if len(tables) < 11 {
		t.Errorf("only %d tables are declared", len(tables))
	}
	for _, table := range tables {
		c, err := s.App.FindCollectionByNameOrId(table.Collection)
		if err != nil {
			t.Errorf("%s: %v", table.Name, err)
			continue
		}
		for _, column := range table.Columns {
			f := c.Fields.GetByName(column.Field)
			if f == nil {
				t.Errorf("%s has no field %s", table.Collection, column.Field)
				continue
			}
			if f.Type() == "file" || f.Type() == "editor" || f.Type() == "email" || f.Type() == "password" {
				t.Errorf("%s.%s is a %s", table.Collection, column.Field, f.Type())
			}
			if r, ok := f.(*core.RelationField); ok && !column.Patient {
				if to, err := s.App.FindCollectionByNameOrId(r.CollectionId); err != nil || to.Name == "patients" || to.Name == "users" {
					t.Errorf("%s.%s leads to %s: a patient's id must be said to be one, an account's stays", table.Collection, column.Field, to.Name)
				}
			}
		}
	}
}
