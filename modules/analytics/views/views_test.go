package views_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
	"github.com/polyclinic-os/polyclinic/modules/analytics/views"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/records"
	"github.com/polyclinic-os/polyclinic/modules/staff"
)

var postgres postgrestest.Shared

var update = flag.Bool("update", false, "write testdata/views.sql anew")

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// declared is every table that the modules declare.
func declared(t testing.TB) (tables []analyticsapi.Table) {
	t.Helper()
	for _, m := range []kernel.Module{clinic.Module(), staff.Module(), patients.Module(), appointments.Module(), billing.Module(), records.Module(), inventory.Module()} {
		for _, p := range m.Provides {
			if table, ok := p.(analyticsapi.Table); ok {
				tables = append(tables, table)
			}
		}
	}
	if len(tables) == 0 {
		t.Fatal("no module declares a table")
	}
	return tables
}

// made is a row with the given values and NULL in the other columns.
func made(t testing.TB, table analyticsapi.Table, id string, values map[string]any) row.Row {
	t.Helper()
	r := row.Row{ID: id, Values: make([]any, len(table.Columns))}
	left := len(values)
	for i, c := range table.Columns {
		if v, ok := values[c.Name]; ok {
			r.Values[i] = v
			left--
		}
	}
	if left != 0 {
		t.Fatalf("%s lacks a column of %v", table.Name, values)
	}
	return r
}

func day(s string) time.Time {
	at, _ := time.Parse(time.DateOnly, s)
	return at
}

// chain makes a warehouse with the views and two sites of different currencies.
func chain(t testing.TB) (url string) {
	t.Helper()
	url = postgres.Server(t).Database(t)
	tables := declared(t)
	for _, site := range []struct{ id, currency string }{{"north", "USD"}, {"south", "JPY"}, {"west", "USD"}} {
		w, err := warehouse.Open(ctx, url, site.id)
		must(t, err)
		must(t, w.EnsureSchema(ctx, tables))
		must(t, w.Define(ctx, views.SQL()))
		must(t, w.Define(ctx, views.SQL())) // again, as after an update
		from, to := warehouse.Position{Epoch: "e", Token: "1"}, warehouse.Position{Epoch: "e", Token: "2"}
		must(t, w.NewEpoch(ctx, warehouse.Position{}, from))
		var changes []warehouse.Change
		for _, table := range tables {
			var rows []row.Row
			switch table.Name {
			case "clinic":
				rows = append(rows, made(t, table, "c", map[string]any{"name": "Clinic " + site.id, "currency": site.currency, "time_zone": "UTC"}))
			case "patients":
				rows = append(rows, made(t, table, "p1", map[string]any{"gender": " Female", "birth_year": int64(time.Now().Year() - 70), "registered_on": day("2026-01-01")}), made(t, table, "p2", nil))
			case "doctors":
				rows = append(rows, made(t, table, "d1", map[string]any{"name": "Dr " + site.id}))
			case "appointments":
				at := day("2026-01-31").Add(9 * time.Hour)
				rows = append(rows,
					made(t, table, "a1", map[string]any{"patient_id": "p1", "doctor_id": "d1", "appointment_date": day("2026-01-31"), "status": "completed", "start_minute": int64(540), "end_minute": int64(570),
						"checked_in_at": at, "started_at": at.Add(90 * time.Second), "completed_at": at.Add(20 * time.Minute)}),
					made(t, table, "a2", map[string]any{"patient_id": "p1", "doctor_id": "d1", "appointment_date": day("2026-02-01"), "status": "cancelled"}))
			case "invoices":
				rows = append(rows,
					made(t, table, "i1", map[string]any{"patient_id": "p1", "doctor_id": "d1", "status": "partial", "currency": site.currency, "amount": int64(12345), "balance": int64(345), "issued_on": day("2026-01-31")}),
					made(t, table, "i2", map[string]any{"status": "void", "currency": site.currency, "amount": int64(999), "balance": int64(999), "issued_on": day("2026-01-31")}))
			case "payments":
				rows = append(rows, made(t, table, "y1", map[string]any{"invoice_id": "i1", "kind": "payment", "amount": int64(12500), "method": "cash", "paid_on": day("2026-02-01")}),
					made(t, table, "y2", map[string]any{"invoice_id": "i1", "kind": "refund", "amount": int64(500), "method": "cash", "paid_on": day("2026-02-01")}))
			}
			changes = append(changes, warehouse.Change{Table: table, Rows: rows})
		}
		rejected, err := w.Apply(ctx, warehouse.Batch{From: from, To: to, Changes: changes})
		if err != nil || len(rejected) > 0 {
			t.Fatal(rejected, err)
		}
		must(t, w.Close(ctx))
	}
	return url
}

// lines returns what a query finds, a line a row.
func lines(t testing.TB, url, sql string) string {
	t.Helper()
	rows, err := postgrestest.Connect(t, url).Query(ctx, sql)
	must(t, err)
	var out []string
	for rows.Next() {
		values, err := rows.Values()
		must(t, err)
		out = append(out, strings.Trim(fmt.Sprint(values), "[]"))
	}
	must(t, rows.Err())
	return strings.Join(out, "\n")
}

func TestViews(t *testing.T) {
	url := chain(t)
	for _, c := range []struct{ name, sql, want string }{
		{"the chain's revenue adds up by currency",
			"SELECT month, currency, sum(invoices)::int, sum(billed)::text, sum(collected)::text, sum(refunded)::text, sum(outstanding)::text FROM polyclinic.chain_revenue GROUP BY 1, 2 ORDER BY 2, 1",
			"2026-01 JPY 1 12345.000 0.000 0.000 345.000\n2026-02 JPY 0 0.000 12500.000 500.000 0.000\n2026-01 USD 2 246.900 0.000 0.000 6.900\n2026-02 USD 0 0.000 250.000 10.000 0.000"},
		{"a void invoice is none", "SELECT count(*) FROM polyclinic.fact_invoices", "3"},
		{"a payment has its invoice's doctor and currency", "SELECT DISTINCT patient_id, doctor_id, currency FROM polyclinic.fact_payments WHERE site_id = 'south'", "p1 d1 JPY"},
		{"visits with how long they waited", "SELECT visit_id, month, slot_minutes, waited_minutes::text, visit_minutes::text, counts FROM polyclinic.fact_visits WHERE site_id = 'north' ORDER BY 1",
			"a1 2026-01 30 1.50 18.50 true\na2 2026-02 <nil> <nil> <nil> false"},
		{"patients by age and gender", "SELECT patient_id, gender, age_group, on_register FROM polyclinic.dim_patient WHERE site_id = 'north' ORDER BY 1", "p1 female 65-79 true\np2 unknown unknown true"},
		{"visits of the chain", "SELECT month, sum(visits)::int, sum(cancelled)::int, sum(patients)::int FROM polyclinic.chain_visits GROUP BY 1 ORDER BY 1", "2026-01 3 0 3\n2026-02 3 3 0"},
		{"sites", "SELECT site_id, name, first_copy_under_way FROM polyclinic.dim_site ORDER BY 1 LIMIT 1", "north Clinic north false"},
		{"a day", "SELECT year, quarter, month, iso_year, iso_week, weekday, weekend FROM polyclinic.dim_date WHERE date = '2027-01-01'", "2027 1 2027-01 2026 53 5 false"},
		{"the first and the last day that a clinic takes", "SELECT date::text FROM polyclinic.dim_date WHERE date IN ('1899-12-31', '1900-01-01', '2200-12-31', '2201-01-01') ORDER BY 1", "1900-01-01\n2200-12-31"},
	} {
		if got := lines(t, url, c.sql); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestPortable holds on to the list of the views, in testdata/views.sql, and refuses in it
// what other engines do not take.
//
//	go test ./modules/analytics/views/ -run TestPortable -update
func TestPortable(t *testing.T) {
	var list []string
	for _, sql := range views.SQL() {
		if why := postgrestest.Unportable(sql); why != "" {
			t.Errorf("%s: %s", why, sql)
		}
		if !strings.HasPrefix(sql, "COMMENT ON") {
			list = append(list, sql)
		}
	}
	got := "-- The views, without their comments.\n" + strings.Join(list, ";\n") + ";\n"
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile("testdata/views.sql", []byte(got), 0o644))
	}
	want, err := os.ReadFile("testdata/views.sql")
	must(t, err)
	if got != string(want) {
		t.Errorf("testdata/views.sql is not what the views are: see what changed, check it for the other engines, and run with -update. They are:\n%s", got)
	}
}

// Whose visits may not be said count as one patient, as in a report with source=postgres.
func TestVisitsOfNobodyAreOfOne(t *testing.T) {
	url := chain(t)
	postgres.Server(t).Exec(t, url, "UPDATE polyclinic.appointments SET patient_id = NULL, status = 'completed' WHERE site_id = 'north'",
		"INSERT INTO polyclinic.appointments (site_id, id, appointment_date, status, h) VALUES ('north', 'a3', '2026-01-31', 'completed', 1), ('north', 'a4', '2026-01-30', 'cancelled', 1)")
	if got := lines(t, url, "SELECT month, visits, patients FROM polyclinic.chain_visits WHERE site_id = 'north' ORDER BY 1"); got != "2026-01 3 1\n2026-02 1 1" {
		t.Errorf("got\n%s", got)
	}
}

func TestEverythingHasAComment(t *testing.T) {
	url := chain(t)
	got := lines(t, url, `SELECT c.relname || '.' || coalesce(a.attname, '') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'polyclinic'::regnamespace AND c.relkind IN ('r', 'v') AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)`)
	if got != "" {
		t.Errorf("without a comment in the catalogue:\n%s", got)
	}
}

// TestDecimals makes sure that views and clinic take the same currencies for the same.
func TestDecimals(t *testing.T) {
	url := chain(t)
	for _, currency := range []string{"USD", "EUR", "JPY", "KWD", "BIF", "BHD", "CLP", "DJF", "GNF", "IQD", "ISK", "JOD", "KMF", "KRW", "LYD", "OMR", "PYG", "RWF", "TND", "UGX", "VND", "VUV", "XAF", "XOF", "XPF", "INR", "HUF"} {
		postgres.Server(t).Exec(t, url, "UPDATE polyclinic.invoices SET currency = '"+currency+"' WHERE site_id = 'north'")
		want := clinicapi.Text(12345, currency)
		if got := lines(t, url, "SELECT billed::text FROM polyclinic.fact_invoices WHERE site_id = 'north'"); strings.TrimRight(got, "0.") != strings.TrimRight(want, "0.") {
			t.Errorf("%s: got %s, want %s", currency, got, want)
		}
	}
}

// TestDocumentedSQL runs every SQL example of docs/analytics.md.
func TestDocumentedSQL(t *testing.T) {
	url := chain(t)
	doc, err := os.ReadFile("../../../docs/analytics.md")
	must(t, err)
	examples := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(examples) < 3 {
		t.Fatalf("docs/analytics.md has %d examples in SQL, want some", len(examples))
	}
	for _, e := range examples {
		// Grafana puts the chosen time range in place of its macros.
		sql := regexp.MustCompile(`\$__timeFilter\((\w+)\)`).ReplaceAllString(e[1], "$1 BETWEEN '2026-01-01' AND '2026-12-31'")
		if _, err := postgrestest.Connect(t, url).PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			t.Errorf("%s: %v", e[1], err)
		}
	}
}
