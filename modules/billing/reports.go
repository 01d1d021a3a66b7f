package billing

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

var revenueReport = reportsapi.New("revenue-summary", "Add up what was billed and paid",
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

func (r *revenue) add(c *reportsapi.Call) error {
	err := c.EachSum("invoice_sums", "", "doctorId", []string{"invoices", "billed", "outstanding"}, func(month, doctor string, sign int64, n []int64) {
		t := takings{invoices: sign * n[0], billed: sign * n[1], outstanding: sign * n[2]}
		r.all = r.all.plus(t)
		r.byMonth[month] = r.byMonth[month].plus(t)
		r.byDoctor[doctor] = r.byDoctor[doctor].plus(t)
	})
	if err != nil {
		return err
	}
	err = c.EachSum("payment_sums", "", "method", []string{"collected", "refunded"}, func(month, method string, sign int64, n []int64) {
		t := takings{collected: sign * n[0], refunded: sign * n[1]}
		r.all = r.all.plus(t)
		r.byMonth[month] = r.byMonth[month].plus(t)
		r.byMethod[method] += t.collected
	})
	maps.DeleteFunc(r.byDoctor, func(_ string, t takings) bool { return t.invoices == 0 })
	maps.DeleteFunc(r.byMethod, func(_ string, collected int64) bool { return collected == 0 })
	return err
}

func (t takings) plus(o takings) takings {
	return takings{t.invoices + o.invoices, t.billed + o.billed, t.collected + o.collected, t.refunded + o.refunded, t.outstanding + o.outstanding}
}

func keys[V any](m map[string]V) []string {
	return slices.Collect(maps.Keys(m))
}
