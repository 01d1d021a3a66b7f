package remote_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/analytics"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/views"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/reports"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var whole = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(),
	appointments.Module(), billing.Module(), inventory.Module(), reports.Module(), analytics.Module(),
}}

// takings are minor units.
type takings struct{ billed, collected, refunded, outstanding int64 }

// settled waits until nothing of the clinic waits to be shipped.
func settled(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	alma := kerneltest.Account{Email: authapi.Alma.Email, Password: authapi.Alma.Password}
	last := ""
	for until := time.Now().Add(time.Minute); time.Now().Before(until); <-time.After(20 * time.Millisecond) {
		var head struct {
			Seq int64 `db:"seq"`
		}
		must(t, s.App.DB().NewQuery("SELECT coalesce(max(seq), 0) AS seq FROM _analytics_log").One(&head))
		r := s.As(t, alma, "GET", "/api/analytics/status", nil)
		is := r.JSON(t)
		if is["state"] == "live" && is["lagRows"] == 0.0 && is["position"].(float64) >= float64(head.Seq) {
			return
		}
		last = r.Body
	}
	t.Fatalf("not shipped within a minute: %s", last)
}

// TestChainIsTheSumOfItsSites feeds three clinics into one warehouse while they write, and
// compares what the chain took in with the sum of the clinics' own reports.
func TestChainIsTheSumOfItsSites(t *testing.T) {
	url := postgres.Server(t).Database(t)
	t.Setenv("POLYCLINIC_ANALYTICS_URL", url)
	want := map[string]takings{}
	var sites []*kerneltest.Server
	names := []string{"north", "south", "west"}
	for i, name := range names {
		t.Setenv("POLYCLINIC_SITE_ID", name)
		s := whole.Start(t)
		must(t, s.App.RunInTransaction(func(tx core.App) error {
			fill(t, tx, rand.New(rand.NewPCG(uint64(i), 3)), 120, true)
			return nil
		}))
		clinicapi.Forget(s.App) // plain SQL has changed the currency
		raw(t, s.App, "UPDATE invoices SET status = 'void' WHERE id = {:id}", dbx.Params{"id": fmt.Sprintf("randominv%06d", i)})
		sites = append(sites, s)
	}
	for i, s := range sites {
		settled(t, s)
		_, report := ask(t, s, "revenue-summary", "from=2024-01-01&to=2027-12-31")
		for _, m := range report["byMonth"].([]any) {
			month := m.(map[string]any)
			minor := func(key string) int64 { return int64(math.Round(month[key].(float64) * 1000)) } // dinars have three decimals
			sum := want[month["month"].(string)]
			want[month["month"].(string)] = takings{sum.billed + minor("billed"), sum.collected + minor("collected"), sum.refunded + minor("refunded"), sum.outstanding + minor("outstanding")}
		}
		t.Setenv("POLYCLINIC_SITE_ID", names[i])
		_, far := ask(t, s, "revenue-summary", "from=2024-01-01&to=2027-12-31&source=postgres")
		if far["billed"] != report["billed"] || far["collected"] != report["collected"] {
			t.Errorf("%s: the warehouse has %v and %v, the clinic %v and %v", names[i], far["billed"], far["collected"], report["billed"], report["collected"])
		}
	}
	w, err := warehouse.Open(ctx, url, "chain")
	must(t, err)
	defer w.Close(ctx)
	must(t, w.Define(ctx, views.SQL()))
	rows, err := postgrestest.Connect(t, url).Query(ctx, `SELECT month, sum(billed_minor)::bigint, sum(collected_minor)::bigint, sum(refunded_minor)::bigint, sum(outstanding_minor)::bigint
		FROM polyclinic.chain_revenue GROUP BY 1`) // the cast's few invoices are in dollars, and a report takes all for its clinic's currency
	must(t, err)
	months := 0
	for rows.Next() {
		var month string
		var got takings
		must(t, rows.Scan(&month, &got.billed, &got.collected, &got.refunded, &got.outstanding))
		if got != want[month] {
			t.Errorf("%s: the chain has %+v, its sites %+v", month, got, want[month])
		}
		delete(want, month)
		months++
	}
	must(t, rows.Err())
	for month, left := range want {
		if left != (takings{}) {
			t.Errorf("%s: the sites have %+v, the chain nothing", month, left)
		}
	}
	if months < 9 {
		t.Errorf("only %d months have figures", months)
	}
}
