package billing

import (
	"cmp"
	"encoding/json"
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
	if err := sums.add(c.DB, c.Spans()); err != nil {
		return nil, fmt.Errorf("sums of revenue: %w", err)
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

// sumsSQL adds up the spans by month, doctor and method in one statement: half of what a
// small query costs is its preparation.
const sumsSQL = `
	WITH spans(unit, first, last, sign) AS MATERIALIZED (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each({:spans}))
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

func (r *revenue) add(db dbx.Builder, spans []reportsapi.Span) error {
	list := make([][]any, len(spans))
	for i, s := range spans {
		list[i] = []any{s.Unit, s.First, s.Last, s.Sign}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	rows, err := db.NewQuery(sumsSQL).Bind(dbx.Params{"spans": string(raw)}).Rows()
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
