package reports_test

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/reports"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var set = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(),
	appointments.Module(), billing.Module(), inventory.Module(), reports.Module(),
}}

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

const (
	patientsPath     = "/api/reports/patient-summary"
	revenuePath      = "/api/reports/revenue-summary"
	appointmentsPath = "/api/reports/appointments"
	receivablesPath  = "/api/reports/receivables"
	inventoryPath    = "/api/reports/inventory"
)

var paths = []string{patientsPath, revenuePath, appointmentsPath, receivablesPath, inventoryPath}

var alma = as(authapi.Alma)

// report asks for a report as an admin.
func report(t testing.TB, s *kerneltest.Server, path, from, to string) map[string]any {
	t.Helper()
	r := s.As(t, alma, "GET", path+"?from="+from+"&to="+to, nil)
	if r.Status != 200 {
		t.Fatalf("%s %s..%s: %d %s", path, from, to, r.Status, r.Body)
	}
	out := plain(t, r.Body)
	if out["source"] != "local" {
		t.Errorf("%s: source is %v", path, out["source"])
	}
	delete(out, "generatedAt")
	delete(out, "source")
	return out
}

// plain decodes an object and keeps its numbers as they are written.
func plain(t testing.TB, raw string) (out map[string]any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// exact writes 12.50 and 12.5 alike.
func exact(t testing.TB, v any) any {
	t.Helper()
	switch v := v.(type) {
	case json.Number:
		n, ok := new(big.Rat).SetString(v.String())
		if !ok {
			t.Fatalf("%q is no number", v)
		}
		return n.RatString()
	case []any:
		for i := range v {
			v[i] = exact(t, v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = exact(t, v[key])
		}
	}
	return v
}

// text writes a report so that two can be compared: as JSON, lists sorted.
func text(t testing.TB, report map[string]any) string {
	t.Helper()
	whole, err := json.Marshal(report) // a naive report becomes plain JSON values too
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for field, v := range exact(t, plain(t, string(whole))).(map[string]any) {
		var items []string
		list, isList := v.([]any)
		if !isList {
			list = []any{v}
		}
		for _, item := range list {
			raw, err := json.Marshal(item)
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, string(raw))
		}
		slices.Sort(items)
		lines = append(lines, field+": "+strings.Join(items, "\n    "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// agrees compares every report with what a naive recount says.
func agrees(t testing.TB, s *kerneltest.Server, from, to string) {
	t.Helper()
	for path, naive := range map[string]func(testing.TB, core.App, string, string) map[string]any{
		patientsPath: naivePatients, revenuePath: naiveRevenue, appointmentsPath: naiveDiary, receivablesPath: naiveReceivables, inventoryPath: naiveStock,
	} {
		if got, want := text(t, report(t, s, path, from, to)), text(t, naive(t, s.App, from, to)); got != want {
			t.Fatalf("%s %s..%s:\n got %s\n\nwant %s", path, from, to, got, want)
		}
	}
}

func TestWhoMayRead(t *testing.T) {
	s := set.Start(t)
	for _, a := range authapi.Cast {
		admin, cashier, pharmacy := a.Role == "admin", slices.Contains(a.Duty, "cashier"), slices.Contains(a.Duty, "pharmacy")
		for path, may := range map[string]bool{
			patientsPath: admin, appointmentsPath: admin, revenuePath: admin || cashier, receivablesPath: admin || cashier, inventoryPath: admin || pharmacy,
		} {
			want := map[bool]int{true: 200, false: 403}[may]
			for _, format := range []string{"", "?format=csv"} {
				if r := s.As(t, as(a), "GET", path+format, nil); r.Status != want {
					t.Errorf("%s %s%s: got %d, want %d", a.Name, path, format, r.Status, want)
				}
			}
		}
	}
	for _, path := range paths {
		if r := s.As(t, kerneltest.Account{}, "GET", path, nil); r.Status != 401 {
			t.Errorf("guest %s: got %d, want 401", path, r.Status)
		}
	}
}

func TestBadRange(t *testing.T) {
	s := set.Start(t)
	for _, c := range []struct{ name, query, field, code string }{
		{"no day", "?from=soon", "from", "validation_invalid_day"},
		{"a day that does not exist", "?to=2026-02-30", "to", "validation_invalid_day"},
		{"reversed", "?from=2026-02-02&to=2026-02-01", "from", "range_reversed"},
		{"too long", "?from=1950-01-01&to=2000-01-01", "from", "range_too_long"},
		{"another format", "?format=xlsx", "format", "validation_invalid_format"},
		{"another source", "?source=oracle", "source", "validation_invalid_source"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, path := range paths {
				r := s.As(t, alma, "GET", path+c.query, nil)
				if r.Status != 400 || r.Code(c.field) != c.code {
					t.Errorf("%s: got %d %s, want 400 %s at %s", path, r.Status, r.Body, c.code, c.field)
				}
			}
		})
	}
}

func TestPatientSummaryOfTheCast(t *testing.T) {
	s := set.Start(t)
	r := s.As(t, alma, "GET", patientsPath, nil)
	got := r.JSON(t)
	if r.Status != 200 || got["totalPatients"] != 2.0 || got["newPatients"] != 2.0 || got["generatedAt"] == "" {
		t.Errorf("got %d %s, want Ada and Bob", r.Status, r.Body)
	}
	if months := got["byMonth"].([]any); len(months) != 12 {
		t.Errorf("by default: got %d months, want 12", len(months))
	}
	// A range without a row has every month and every group, and lists, not null.
	empty := report(t, s, patientsPath, "1999-12-31", "2000-03-01")
	if len(empty["byMonth"].([]any)) != 4 || len(empty["byAgeGroup"].([]any)) != 7 || len(empty["visitFrequency"].([]any)) != 4 ||
		len(empty["byDoctor"].([]any)) != 0 || len(empty["byGender"].([]any)) != 0 || empty["totalPatients"] != json.Number("0") {
		t.Errorf("empty range: got %v", empty)
	}
}

func TestCSV(t *testing.T) {
	s := set.Start(t)
	r := s.As(t, alma, "GET", patientsPath+"?from=2026-01-15&to=2026-02-03&format=csv", nil)
	if r.Status != 200 || r.Header.Get("Content-Type") != "text/csv; charset=utf-8" ||
		r.Header.Get("Content-Disposition") != `attachment; filename="patient-summary_2026-01-15_2026-02-03.csv"` {
		t.Errorf("got %d %v", r.Status, r.Header)
	}
	lines := strings.Split(r.Body, "\r\n")
	if lines[0] != "section,key,name,patients,newPatients,visits,completed,cancelled,noShow,perPatient,totalPatients,activePatients,generatedAt" ||
		!strings.HasPrefix(lines[1], "total,2026-01-15/2026-02-03,,,0,0,0,0,0,0.00,0,0,2") || lines[2] != "byMonth,2026-01,,0,0,0,,0,,,,," {
		t.Errorf("got %s", r.Body)
	}
	if r := s.As(t, as(authapi.Rosa), "GET", patientsPath+"?format=csv", nil); r.Status != 403 {
		t.Errorf("the desk: got %d, want 403", r.Status)
	}
	if r := s.As(t, alma, "GET", patientsPath+"?format=csv&from=x", nil); r.Status != 400 || r.Code("from") == "" {
		t.Errorf("a bad range: got %d %s, want 400", r.Status, r.Body)
	}
}

func TestSwitchedOff(t *testing.T) {
	off := &kerneltest.Set{Modules: set.Modules, Disable: []string{"reports"}}
	s := off.Start(t)
	for _, path := range paths {
		if r := s.As(t, alma, "GET", path, nil); r.Status != 404 {
			t.Errorf("%s: got %d, want 404", path, r.Status)
		}
	}
}
