package billing

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

var revenueRoute = reportsapi.Route("revenue-summary", "Add up what was billed and paid",
	kernel.Allow(authapi.Admin.Always(), authapi.Cashier.Always()), revenueSummary)

// RevenueSummary is the answer of GET /api/reports/revenue-summary. All days are the
// clinic's, from and to included; all amounts are in major units of the currency, exact.
type RevenueSummary struct {
	From        string          `json:"from"`
	To          string          `json:"to"`
	Currency    string          `json:"currency"`
	Billed      float64         `json:"billed" doc:"invoices by the day they were issued; drafts and void ones are not counted"`
	Collected   float64         `json:"collected" doc:"payments by the day they were made"`
	Refunded    float64         `json:"refunded" doc:"refunds by the day they were made"`
	Outstanding float64         `json:"outstanding" doc:"what is owed now on the invoices issued within the range"`
	ByMonth     []RevenueMonth  `json:"byMonth" doc:"every month that the range touches, those without figures too"`
	ByMethod    []RevenueMethod `json:"byMethod" doc:"collected by how it was paid"`
	ByDoctor    []RevenueDoctor `json:"byDoctor" doc:"billed by doctor; invoices without one have doctorId and name empty"`
	GeneratedAt string          `json:"generatedAt"`

	sums revenue
}

// RevenueMonth is one month of the revenue summary; of a month that the range touches in
// part, the part.
type RevenueMonth struct {
	Month       string  `json:"month" doc:"YYYY-MM"`
	Invoices    int     `json:"invoices" doc:"how many were issued"`
	Billed      float64 `json:"billed"`
	Collected   float64 `json:"collected"`
	Refunded    float64 `json:"refunded"`
	Outstanding float64 `json:"outstanding"`
}

// RevenueMethod is what came in by one method.
type RevenueMethod struct {
	Method    string  `json:"method"`
	Collected float64 `json:"collected"`
}

// RevenueDoctor is what was billed for one doctor.
type RevenueDoctor struct {
	DoctorID string  `json:"doctorId"`
	Name     string  `json:"name"`
	Billed   float64 `json:"billed"`
}

// takings are sums in minor units.
type takings struct{ invoices, billed, collected, refunded, outstanding int64 }

// revenue is the report in minor units, before it is put into JSON or a sheet.
type revenue struct {
	all      takings
	byMonth  map[string]takings
	byMethod map[string]int64
	byDoctor map[string]takings
}

func revenueSummary(c *reportsapi.Call) (*RevenueSummary, error) {
	sums := revenue{byMonth: map[string]takings{}, byMethod: map[string]int64{}, byDoctor: map[string]takings{}}
	for _, span := range c.Spans() {
		if err := sums.addInvoices(c.DB, span); err != nil {
			return nil, fmt.Errorf("sums of invoices: %w", err)
		}
		if err := sums.addPayments(c.DB, span); err != nil {
			return nil, fmt.Errorf("sums of payments: %w", err)
		}
	}
	names, err := staffapi.DoctorNames(c.DB, keys(sums.byDoctor))
	if err != nil {
		return nil, err
	}
	major := func(minor int64) float64 { return clinicapi.Major(minor, c.Clinic.Currency) }
	out := &RevenueSummary{
		From: c.From, To: c.To, Currency: c.Clinic.Currency, GeneratedAt: c.GeneratedAt(), sums: sums,
		Billed: major(sums.all.billed), Collected: major(sums.all.collected), Refunded: major(sums.all.refunded), Outstanding: major(sums.all.outstanding),
		ByMonth: []RevenueMonth{}, ByMethod: []RevenueMethod{}, ByDoctor: []RevenueDoctor{},
	}
	for _, m := range c.Months() {
		t := sums.byMonth[m]
		out.ByMonth = append(out.ByMonth, RevenueMonth{m, int(t.invoices), major(t.billed), major(t.collected), major(t.refunded), major(t.outstanding)})
	}
	methods := keys(sums.byMethod)
	slices.SortFunc(methods, func(a, b string) int {
		return cmp.Or(cmp.Compare(sums.byMethod[b], sums.byMethod[a]), cmp.Compare(a, b))
	})
	for _, m := range methods {
		out.ByMethod = append(out.ByMethod, RevenueMethod{m, major(sums.byMethod[m])})
	}
	doctors := keys(sums.byDoctor)
	slices.SortFunc(doctors, func(a, b string) int {
		return cmp.Or(cmp.Compare(sums.byDoctor[b].billed, sums.byDoctor[a].billed), cmp.Compare(names[a], names[b]), cmp.Compare(a, b))
	})
	for _, d := range doctors {
		out.ByDoctor = append(out.ByDoctor, RevenueDoctor{d, names[d], major(sums.byDoctor[d].billed)})
	}
	return out, nil
}

func (r *revenue) addInvoices(db dbx.Builder, span reportsapi.Span) error {
	rows, err := db.NewQuery(`SELECT substr(period, 1, 7), doctorId, sum(invoices), sum(billed), sum(outstanding) FROM invoice_sums
		WHERE unit = {:unit} AND period BETWEEN {:first} AND {:last} AND invoices != 0 GROUP BY 1, 2`).
		Bind(dbx.Params{"unit": span.Unit, "first": span.First, "last": span.Last}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var month, doctor string
		var t takings
		if err := rows.Scan(&month, &doctor, &t.invoices, &t.billed, &t.outstanding); err != nil {
			return err
		}
		r.all = r.all.plus(t)
		r.byMonth[month] = r.byMonth[month].plus(t)
		r.byDoctor[doctor] = r.byDoctor[doctor].plus(t)
	}
	return rows.Err()
}

func (r *revenue) addPayments(db dbx.Builder, span reportsapi.Span) error {
	rows, err := db.NewQuery(`SELECT substr(period, 1, 7), method, sum(collected), sum(refunded) FROM payment_sums
		WHERE unit = {:unit} AND period BETWEEN {:first} AND {:last} GROUP BY 1, 2`).
		Bind(dbx.Params{"unit": span.Unit, "first": span.First, "last": span.Last}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var month, method string
		var t takings
		if err := rows.Scan(&month, &method, &t.collected, &t.refunded); err != nil {
			return err
		}
		r.all = r.all.plus(t)
		r.byMonth[month] = r.byMonth[month].plus(t)
		if t.collected != 0 {
			r.byMethod[method] += t.collected
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

// Sheet lays the report out for CSV, amounts with the currency's decimals.
func (s *RevenueSummary) Sheet() reportsapi.Sheet {
	out := reportsapi.Sheet{Range: reportsapi.Range{From: s.From, To: s.To}, Figures: []string{
		"currency", "invoices", "billed", "collected", "refunded", "outstanding", "generatedAt",
	}}
	text := func(minor int64) string { return clinicapi.Text(minor, s.Currency) }
	t := s.sums.all
	out.Total(s.Currency, t.invoices, text(t.billed), text(t.collected), text(t.refunded), text(t.outstanding), s.GeneratedAt)
	for _, m := range s.ByMonth {
		t := s.sums.byMonth[m.Month]
		out.Add("byMonth", m.Month, "", s.Currency, t.invoices, text(t.billed), text(t.collected), text(t.refunded), text(t.outstanding))
	}
	for _, m := range s.ByMethod {
		out.Add("byMethod", m.Method, "", s.Currency, "", "", text(s.sums.byMethod[m.Method]))
	}
	for _, d := range s.ByDoctor {
		t := s.sums.byDoctor[d.DoctorID]
		out.Add("byDoctor", d.DoctorID, d.Name, s.Currency, t.invoices, text(t.billed), "", "", text(t.outstanding))
	}
	return out
}
