package clinic_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

// till stands for a module that stores amounts.
type till struct{ used atomic.Bool }

func (m *till) CurrencyInUse(core.App) (bool, error) { return m.used.Load(), nil }

func modules(m *till) []kernel.Module {
	return []kernel.Module{
		hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(),
		{Name: "till", Doc: "Stores amounts.", Provides: []any{m}},
	}
}

var (
	drawer = &till{}
	set    = &kerneltest.Set{Modules: modules(drawer)}
	guest  = kerneltest.Account{}
	alma   = as(authapi.Alma)
	root   = kerneltest.Account{Email: "root@polyclinic.test", Password: "root-password-1"}
)

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

const path = "/api/clinic"

func TestAnyoneMaySeeTheClinic(t *testing.T) {
	rules := []string{"invoicePrefix", "sessionHours", "passwordRefuseCommon"}
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a guest sees what is public", As: guest, Method: "GET", Path: path, Want: 200, Not: rules, Has: []string{
			`"name":"Polyclinic Demo"`, `"currency":"USD"`, `"decimals":2`, `"timeZone":"UTC"`, `"languages":["en"]`, `"demo":true`, `"clinic"`, `"auth"`,
		}},
		{Name: "so does a patient", As: as(authapi.Ada), Method: "GET", Path: path, Want: 200, Not: rules},
		{Name: "an admin sees the rules too", As: alma, Method: "GET", Path: path, Want: 200, Has: []string{`"sessionHours":12`, `"invoicePrefix":"INV-"`}},
		{Name: "the collection is closed to guests", As: guest, Method: "GET", Path: "/api/collections/clinic/records", Want: 403},
		{Name: "and to admins", As: alma, Method: "PATCH", Path: "/api/collections/clinic/records/" + clinicapi.RecordID, Body: `{"name":"X"}`, Want: 403},
	})
}

func TestAModuleThatIsOffIsNotListed(t *testing.T) {
	off := &kerneltest.Set{Modules: modules(&till{}), Disable: []string{"till"}}
	off.Run(t, []kerneltest.Scenario{{Name: "off", As: guest, Method: "GET", Path: path, Want: 200, Has: []string{`"auth"`}, Not: []string{`"till"`}}})
}

func TestOnlyAdminsChangeTheClinic(t *testing.T) {
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", As: guest, Method: "PUT", Path: path, Body: `{"name":"X"}`, Want: 401},
		{Name: "a patient may not", As: as(authapi.Ada), Method: "PUT", Path: path, Body: `{"name":"X"}`, Want: 403},
		{Name: "nor a doctor", As: as(authapi.Grace), Method: "PUT", Path: path, Body: `{"name":"X"}`, Want: 403},
		{Name: "nor the desk", As: as(authapi.Rosa), Method: "PUT", Path: path, Body: `{"name":"X"}`, Want: 403},
		{Name: "an admin may, and the rest stays", As: alma, Method: "PUT", Path: path, Body: `{"name":" St. Mary ","opensAt":"08:00","closesAt":"24:00"}`, Want: 200,
			Has: []string{`"name":"St. Mary"`, `"currency":"USD"`, `"opensAt":"08:00"`, `"closesAt":"24:00"`, `"sessionHours":12`}},
		{Name: "everyone sees it", As: guest, Method: "GET", Path: path, Want: 200, Has: []string{`"name":"St. Mary"`}},
		{Name: "sending nothing changes nothing", As: alma, Method: "PUT", Path: path, Body: `{}`, Want: 200, Has: []string{`"name":"St. Mary"`}},
	})
}

func TestEveryBadSettingIsNamed(t *testing.T) {
	code := func(field, code string) string { return `"` + field + `":{"code":"` + code + `"` }
	put := func(name, body string, has ...string) kerneltest.Scenario {
		return kerneltest.Scenario{Name: name, As: alma, Method: "PUT", Path: path, Body: body, Want: 400, Has: has}
	}
	s := set.Start(t)
	s.On(t, []kerneltest.Scenario{
		put("several at once", `{"name":"","currency":"dollars","timeZone":"Mars/Olympus","languages":[],"slotMinutes":0,"passwordMinLength":4,"sessionHours":0,"invoicePrefix":"#"}`,
			code("name", "validation_required"), code("currency", "validation_invalid_currency"), code("timeZone", "validation_unknown_time_zone"),
			code("languages", "validation_invalid_languages"), code("slotMinutes", "validation_out_of_range"), code("passwordMinLength", "validation_out_of_range"),
			code("sessionHours", "validation_out_of_range"), code("invoicePrefix", "validation_invalid_format")),
		put("null is no name", `{"name":null,"timeZone":null,"currency":null,"languages":null}`, code("name", "validation_required"), code("timeZone", "validation_required"),
			code("currency", "validation_required"), code("languages", "validation_required")),
		put("the machine's own zone is no zone", `{"timeZone":"Local"}`, `"timeZone"`),
		put("a language twice", `{"languages":["en","en"]}`, `"languages"`),
		put("a language that is none", `{"languages":["English!"]}`, `"languages"`),
		put("closing before opening", `{"opensAt":"18:00","closesAt":"08:00"}`, code("closesAt", "validation_out_of_order")),
		put("opening without closing", `{"opensAt":"08:00"}`, code("closesAt", "validation_required")),
		put("no time of day", `{"opensAt":"8","closesAt":"25:00"}`, code("opensAt", "validation_invalid_time"), code("closesAt", "validation_invalid_time")),
		put("a number is a number", `{"slotMinutes":"thirty"}`, code("slotMinutes", "validation_invalid_type")),
		put("a whole one", `{"slotMinutes":12.5}`, `"slotMinutes"`),
		put("a list is a list", `{"languages":"en"}`, `"languages"`),
		put("a long name", `{"name":"`+strings.Repeat("x", 201)+`"}`, `"name"`),
		put("only the server says that it is a demo", `{"demo":false}`, code("demo", "server_set")),
		put("or which modules are on", `{"modules":["clinic"],"decimals":7}`, code("modules", "server_set"), code("decimals", "server_set")),
		put("or when it was made", `{"created":"2020-01-01 00:00:00.000Z","id":"clinic000000002"}`, code("created", "server_set"), code("id", "server_set")),
		put("no JSON", `{"name":`),
		{Name: "what GET answers may be sent back", As: alma, Method: "PUT", Path: path, Body: s.As(t, alma, "GET", path, nil).Body, Want: 200},
	})
}

func TestTheCurrencyIsOneInUse(t *testing.T) {
	s := set.Start(t)
	for _, code := range []string{"MRU", "VES", "VED", "SLE", "XCG", "ZWG", "EUR", "XOF", "KWD", "USD"} {
		if r := s.As(t, alma, "PUT", path, `{"currency":"`+code+`"}`); r.Status != 200 {
			t.Errorf("%s: got %d %s", code, r.Status, r.Body)
		}
	}
	for _, code := range []string{"XTS", "XXX", "XAU", "HRK", "DEM", "CLF", "UYI", "usd", "US"} {
		if r := s.As(t, alma, "PUT", path, `{"currency":"`+code+`"}`); r.Status != 400 || r.Code("currency") != "validation_invalid_currency" {
			t.Errorf("%s: got %d %s", code, r.Status, r.Body)
		}
	}

	// A clinic that keeps its books in one that was abolished since goes on.
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE clinic SET currency = 'HRK'").Execute(); err != nil {
		t.Fatal(err)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "another setting", As: alma, Method: "PUT", Path: path, Body: `{"slotMinutes":25}`, Want: 200, Has: []string{`"currency":"HRK"`, `"decimals":2`}},
		{Name: "sent as it is", As: alma, Method: "PUT", Path: path, Body: `{"currency":"HRK"}`, Want: 200},
		{Name: "its successor", As: alma, Method: "PUT", Path: path, Body: `{"currency":"EUR"}`, Want: 200},
		{Name: "and not back", As: alma, Method: "PUT", Path: path, Body: `{"currency":"HRK"}`, Want: 400},
	})
}

func TestWhoGetsInIsASetting(t *testing.T) {
	put := func(name, body string, status int, has ...string) kerneltest.Scenario {
		return kerneltest.Scenario{Name: name, As: alma, Method: "PUT", Path: path, Body: body, Want: status, Has: has}
	}
	set.Start(t).On(t, []kerneltest.Scenario{
		put("limits of a role", `{"sessionLimits":{"nurse":{"idleMinutes":5,"hours":8}}}`, 200, `"nurse":{"idleMinutes":5,"hours":8}`),
		put("limits of the dashboard", `{"sessionLimits":{"superuser":{"idleMinutes":5,"hours":8}}}`, 200, `"superuser":{"idleMinutes":5,"hours":8}`),
		put("whose second factor is PocketBase's", `{"secondFactor":{"superuser":"required"}}`, 400, `"secondFactor":{"code":"validation_unknown_role"`),
		put("no such role", `{"sessionLimits":{"king":{"idleMinutes":5,"hours":8}}}`, 400, `"sessionLimits":{"code":"validation_unknown_role"`),
		put("no session at all", `{"sessionLimits":{"nurse":{"idleMinutes":5,"hours":0}}}`, 400, `"sessionLimits":{"code":"validation_out_of_range"`),
		put("a number is a number", `{"sessionLimits":{"nurse":{"idleMinutes":"5","hours":8}}}`, 400, `"sessionLimits"`),
		put("a list is no table", `{"sessionLimits":[]}`, 400, `"sessionLimits"`),
		put("a second factor", `{"secondFactor":{"admin":"optional","doctor":"required"}}`, 200, `"doctor":"required"`),
		put("of no such role", `{"secondFactor":{"king":"required"}}`, 400, `"secondFactor":{"code":"validation_unknown_role"`),
		put("or no such word", `{"secondFactor":{"admin":"perhaps"}}`, 400, `"secondFactor":{"code":"validation_in_invalid"`),
		put("rates", `{"rateLimits":{"write":100,"read":0}}`, 200, `"write":100`, `"read":12000`),
		put("of no such name", `{"rateLimits":{"nope":1000}}`, 400, `"rateLimits":{"code":"validation_unknown_name"`),
		put("too few", `{"rateLimits":{"write":1}}`, 400, `"rateLimits":{"code":"validation_out_of_range"`),
		put("below nothing", `{"rateLimits":{"read":-5}}`, 400, `"rateLimits"`),
		{Name: "guests do not see them", As: guest, Method: "GET", Path: path, Want: 200, Not: []string{"sessionLimits", "secondFactor", "allowedOrigins", "rateLimits"}},
		{Name: "nor do doctors", As: as(authapi.Grace), Method: "GET", Path: path, Want: 200, Not: []string{"secondFactor", "rateLimits"}},
	})
}

func TestARealClinicsSessionsIdleOut(t *testing.T) {
	app, err := tests.NewTestApp(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer app.Cleanup()
	k, err := kernel.New(modules(&till{}))
	if err == nil {
		err = k.Attach(app)
	}
	if err != nil {
		t.Fatal(err)
	}
	var list core.MigrationsList
	for _, m := range k.Migrations() {
		list.Add(m)
	}
	if _, err := core.NewMigrationsRunner(app, list).Up(); err != nil {
		t.Fatal(err)
	}
	c, err := clinicapi.Current(app)
	if err != nil {
		t.Fatal(err)
	}
	for role, minutes := range map[string]time.Duration{"admin": 15, "doctor": 15, "nurse": 15, "staff": 15, "patient": 60, clinicapi.Superuser: 15} {
		if idle, life := c.Sessions(role); idle != minutes*time.Minute || life != 12*time.Hour {
			t.Errorf("%s: %v idle, %v at most", role, idle, life)
		}
	}
	// Whoever sends the limits of roles alone does not take superusers' away.
	if _, err := clinicapi.Change(app, map[string]any{"sessionLimits": map[string]any{"admin": map[string]any{"idleMinutes": 5, "hours": 8}}}); err != nil {
		t.Fatal(err)
	}
	if c, err = clinicapi.Current(app); err != nil {
		t.Fatal(err)
	}
	if idle, life := c.Sessions(clinicapi.Superuser); idle != 5*time.Minute || life != 8*time.Hour {
		t.Errorf("superusers without an entry: %v idle, %v at most, want an admin's", idle, life)
	}
}

func TestAStaleChangeIsRefused(t *testing.T) {
	s := set.Start(t)
	version, _ := s.As(t, alma, "GET", path, nil).JSON(t)["updated"].(string)
	s.On(t, []kerneltest.Scenario{
		{Name: "the version that was read", As: alma, Method: "PUT", Path: path, Body: `{"name":"One"}`, Headers: []string{`If-Match: "` + version + `"`}, Want: 200},
		{Name: "is stale now", As: alma, Method: "PUT", Path: path, Body: `{"name":"Two"}`, Headers: []string{`If-Match: "` + version + `"`}, Want: 409, Has: []string{`"stale"`}},
		{Name: "in the body too", As: alma, Method: "PUT", Path: path, Body: `{"name":"Two","updated":"` + version + `"}`, Want: 409},
	})
}

func TestAChangeCountsAtOnceHoweverItIsMade(t *testing.T) {
	s := set.Start(t, superuser)
	zoneIs := func(want string) {
		t.Helper()
		c, err := clinicapi.Current(s.App)
		if err != nil || c.TimeZone.String() != want {
			t.Errorf("got %v, %v, want %s", c.TimeZone, err, want)
		}
	}
	zoneIs("UTC")
	if r := s.As(t, alma, "PUT", path, `{"timeZone":"Asia/Tokyo"}`); r.Status != http.StatusOK {
		t.Fatalf("PUT: %d %s", r.Status, r.Body)
	}
	zoneIs("Asia/Tokyo")
	if r := dashboard(t, s, "PATCH", "/"+clinicapi.RecordID, `{"timeZone":"Europe/Berlin"}`); r.Status != http.StatusOK {
		t.Fatalf("dashboard: %d %s", r.Status, r.Body)
	}
	zoneIs("Europe/Berlin")
	err := s.App.RunInTransaction(func(tx core.App) error {
		if _, err := clinicapi.Change(tx, map[string]any{"timeZone": "UTC"}); err != nil {
			return err
		}
		if c, err := clinicapi.Current(tx); err != nil || c.TimeZone != time.UTC {
			t.Errorf("in the transaction: got %v, %v", c.TimeZone, err)
		}
		zoneIs("Europe/Berlin")
		return http.ErrAbortHandler
	})
	if err == nil {
		t.Fatal("the transaction committed")
	}
	zoneIs("Europe/Berlin")
}

func TestTheDashboardObeysTheSameRules(t *testing.T) {
	s := set.Start(t, superuser)
	for _, tc := range []struct {
		name, method, at, body string
		want                   int
		has                    string
	}{
		{"a bad zone", "PATCH", "/" + clinicapi.RecordID, `{"timeZone":"Mars"}`, 400, `"timeZone"`},
		{"a second clinic", "POST", "", `{"name":"Two","currency":"USD","timeZone":"UTC","languages":["en"]}`, 409, "one_clinic"},
		{"none", "DELETE", "/" + clinicapi.RecordID, ``, 409, "one_clinic"},
		{"a demo that is none any more", "PATCH", "/" + clinicapi.RecordID, `{"demo":false}`, 409, "demo_is_fixed"},
	} {
		if r := dashboard(t, s, tc.method, tc.at, tc.body); r.Status != tc.want || !strings.Contains(r.Body, tc.has) {
			t.Errorf("%s: got %d, want %d %s: %s", tc.name, r.Status, tc.want, tc.has, r.Body)
		}
	}
}

func TestStoredAmountsKeepTheirCurrency(t *testing.T) {
	s := set.Start(t)
	change := func(name, currency string, want int) {
		t.Helper()
		if r := s.As(t, alma, "PUT", path, `{"currency":"`+currency+`"}`); r.Status != want || want == 409 && r.Code("currency") != "currency_in_use" {
			t.Errorf("%s: got %d, want %d: %s", name, r.Status, want, r.Body)
		}
	}
	change("nothing is stored", "JPY", 200)
	drawer.used.Store(true)
	defer drawer.used.Store(false)
	change("as many decimals", "KRW", 409)
	change("the same", "JPY", 200)
	change("two instead of none", "USD", 409)
}

// superuser puts one into the server's data folder.
func superuser(app *tests.TestApp) {
	c, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err == nil {
		r := core.NewRecord(c)
		r.SetEmail(root.Email)
		r.SetPassword(root.Password)
		err = app.Save(r)
	}
	if err != nil {
		panic(err)
	}
}

// dashboard sends what PocketBase's dashboard would.
func dashboard(t *testing.T, s *kerneltest.Server, method, at, body string) kerneltest.Response {
	t.Helper()
	r := s.Do(t, "POST", "/api/collections/_superusers/auth-with-password", "", map[string]any{"identity": root.Email, "password": root.Password})
	token, _ := r.JSON(t)["token"].(string)
	return s.Do(t, method, "/api/collections/clinic/records"+at, token, body)
}
