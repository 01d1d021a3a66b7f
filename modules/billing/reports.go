package billing

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

var revenueRoute = reportsapi.Route("revenue-summary", "Add up what was billed and paid",
	kernel.Allow(authapi.Admin.Always(), authapi.Cashier.Always()), revenueSummary)

// takings are sums in minor units.
type takings struct{ invoices, billed, collected, refunded, outstanding int64 }

// revenue is the report in minor units, before it is put into JSON or a sheet.
type revenue struct {
	all      takings
	byMonth  map[string]takings
	byMethod map[string]int64
	byDoctor map[string]takings
}

func revenueSummary(c *reportsapi.Call) (*billingapi.RevenueSummary, error) {
	sums := revenue{byMonth: map[string]takings{}, byMethod: map[string]int64{}, byDoctor: map[string]takings{}}
	if err := sums.add(c); err != nil {
		return nil, fmt.Errorf("sums of revenue: %w", err)
	}
	names, err := staffapi.DoctorNames(c.DB, keys(sums.byDoctor))
	if err != nil {
		return nil, err
	}
	major := func(minor int64) float64 { return clinicapi.Major(minor, c.Clinic.Currency) }
	out := &billingapi.RevenueSummary{
		From: c.From, To: c.To, Currency: c.Clinic.Currency, GeneratedAt: c.GeneratedAt(), Source: reportsapi.Local,
		Billed: major(sums.all.billed), Collected: major(sums.all.collected), Refunded: major(sums.all.refunded), Outstanding: major(sums.all.outstanding),
		ByMonth: []billingapi.RevenueMonth{}, ByMethod: []billingapi.RevenueMethod{}, ByDoctor: []billingapi.RevenueDoctor{},
	}
	for _, m := range c.Months() {
		t := sums.byMonth[m]
		out.ByMonth = append(out.ByMonth, billingapi.RevenueMonth{
			Month: m, Invoices: int(t.invoices), Billed: major(t.billed), Collected: major(t.collected), Refunded: major(t.refunded), Outstanding: major(t.outstanding),
		})
	}
	methods := keys(sums.byMethod)
	slices.SortFunc(methods, func(a, b string) int {
		return cmp.Or(cmp.Compare(sums.byMethod[b], sums.byMethod[a]), cmp.Compare(a, b))
	})
	for _, m := range methods {
		out.ByMethod = append(out.ByMethod, billingapi.RevenueMethod{Method: m, Collected: major(sums.byMethod[m])})
	}
	doctors := keys(sums.byDoctor)
	slices.SortFunc(doctors, func(a, b string) int {
		return cmp.Or(cmp.Compare(sums.byDoctor[b].billed, sums.byDoctor[a].billed), cmp.Compare(names[a], names[b]), cmp.Compare(a, b))
	})
	for _, d := range doctors {
		out.ByDoctor = append(out.ByDoctor, billingapi.RevenueDoctor{
			DoctorID: d, Name: names[d], Invoices: int(sums.byDoctor[d].invoices), Billed: major(sums.byDoctor[d].billed), Outstanding: major(sums.byDoctor[d].outstanding),
		})
	}
	return out, nil
}

// sumsSQL adds up the spans by month, doctor and method in one statement: half of what a
// small query costs is its preparation.
const sumsSQL = reportsapi.SpansTable + `
	SELECT 'month', substr(period, 1, 7), sum(sign * invoices), sum(sign * billed), 0, 0, sum(sign * outstanding)
	FROM spans CROSS JOIN invoice_sums s ON s.unit = spans.unit AND period BETWEEN first AND last GROUP BY 2
	UNION ALL
	SELECT 'doctor', doctorId, sum(sign * invoices), sum(sign * billed), 0, 0, sum(sign * outstanding)
	FROM spans CROSS JOIN invoice_sums s ON s.unit = spans.unit AND period BETWEEN first AND last GROUP BY 2
	UNION ALL
	SELECT 'month', substr(period, 1, 7), 0, 0, sum(sign * collected), sum(sign * refunded), 0
	FROM spans CROSS JOIN payment_sums s ON s.unit = spans.unit AND period BETWEEN first AND last GROUP BY 2
	UNION ALL
	SELECT 'method', method, 0, 0, sum(sign * collected), 0, 0
	FROM spans CROSS JOIN payment_sums s ON s.unit = spans.unit AND period BETWEEN first AND last GROUP BY 2`

func (r *revenue) add(c *reportsapi.Call) error {
	rows, err := c.DB.NewQuery(sumsSQL).Bind(dbx.Params{"spans": c.SpansParam()}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var by, key string
		var t takings
		if err := rows.Scan(&by, &key, &t.invoices, &t.billed, &t.collected, &t.refunded, &t.outstanding); err != nil {
			return err
		}
		switch {
		case by == "month":
			r.all = r.all.plus(t)
			r.byMonth[key] = r.byMonth[key].plus(t)
		case by == "doctor" && t.invoices != 0:
			r.byDoctor[key] = t
		case by == "method" && t.collected != 0:
			r.byMethod[key] = t.collected
		}
	}
	return rows.Err()
}

func (t takings) plus(o takings) takings {
	return takings{t.invoices + o.invoices, t.billed + o.billed, t.collected + o.collected, t.refunded + o.refunded, t.outstanding + o.outstanding}
}

func keys[V any](m map[string]V) []string {
	return slices.Collect(maps.Keys(m))
}
