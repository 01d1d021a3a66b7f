package billingapi

import "github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"

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
	Source      string          `json:"source" doc:"local or postgres"`
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
	DoctorID    string  `json:"doctorId"`
	Name        string  `json:"name"`
	Invoices    int     `json:"invoices" doc:"how many were issued"`
	Billed      float64 `json:"billed"`
	Outstanding float64 `json:"outstanding"`
}

// Sheet lays the report out for CSV, amounts with the currency's decimals.
func (s *RevenueSummary) Sheet() reportsapi.Sheet {
	out := reportsapi.Sheet{Range: reportsapi.Range{From: s.From, To: s.To}, Figures: []string{
		"currency", "invoices", "billed", "collected", "refunded", "outstanding", "generatedAt",
	}}
	text := func(major float64) string { return reportsapi.Amount(major, s.Currency) }
	invoices := 0
	for _, m := range s.ByMonth {
		invoices += m.Invoices
	}
	out.Total(s.Currency, invoices, text(s.Billed), text(s.Collected), text(s.Refunded), text(s.Outstanding), s.GeneratedAt)
	for _, m := range s.ByMonth {
		out.Add("byMonth", m.Month, "", s.Currency, m.Invoices, text(m.Billed), text(m.Collected), text(m.Refunded), text(m.Outstanding))
	}
	for _, m := range s.ByMethod {
		out.Add("byMethod", m.Method, "", s.Currency, "", "", text(m.Collected))
	}
	for _, d := range s.ByDoctor {
		out.Add("byDoctor", d.DoctorID, d.Name, s.Currency, d.Invoices, text(d.Billed), "", "", text(d.Outstanding))
	}
	return out
}
