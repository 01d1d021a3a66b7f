package billingapi

import "github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"

// Receivables is the answer of GET /api/reports/receivables: what is owed now on the
// invoices that were issued up to the last day, by how long it was due on that day. All
// amounts are in major units of the currency, exact.
type Receivables struct {
	From        string             `json:"from" doc:"byMonth begins here; the other figures begin with the first invoice"`
	To          string             `json:"to" doc:"the day on which ages are counted; invoices issued later are left out"`
	Currency    string             `json:"currency"`
	Owed        float64            `json:"owed" doc:"balances of all invoices issued up to to, as they are now; drafts and void ones are not counted"`
	Overdue     float64            `json:"overdue" doc:"of owed: what was due before to"`
	Invoices    int                `json:"invoices" doc:"on how many invoices something is owed"`
	Patients    int                `json:"patients" doc:"by how many patients"`
	Ageing      []ReceivablesAge   `json:"ageing" doc:"always the five groups: current, 1-30, 31-60, 61-90 and 90+ days past the due day, or past the day of issue where none is set"`
	ByMonth     []ReceivablesMonth `json:"byMonth" doc:"by the month of issue, every month that the range touches"`
	ByDoctor    []ReceivablesOf    `json:"byDoctor" doc:"the 20 doctors for whose services most is owed; invoices without one have doctorId and name empty"`
	GeneratedAt string             `json:"generatedAt"`
	Source      string             `json:"source" doc:"local or postgres"`
}

// ReceivablesAge is one group of ages.
type ReceivablesAge struct {
	Group    string  `json:"group"`
	Invoices int     `json:"invoices"`
	Patients int     `json:"patients" doc:"who owe something of that age: one may be in several groups"`
	Owed     float64 `json:"owed"`
}

// ReceivablesMonth is what is owed on the invoices of one month; of a month that the range
// touches in part, the part.
type ReceivablesMonth struct {
	Month    string  `json:"month" doc:"YYYY-MM"`
	Invoices int     `json:"invoices"`
	Owed     float64 `json:"owed"`
}

// ReceivablesOf is what is owed for one doctor's services.
type ReceivablesOf struct {
	DoctorID string  `json:"doctorId"`
	Name     string  `json:"name"`
	Invoices int     `json:"invoices"`
	Owed     float64 `json:"owed"`
	Overdue  float64 `json:"overdue"`
}

// Ages are the groups of Receivables.Ageing in order, each with the fewest days past due.
var Ages = []struct {
	Group string
	Days  int
}{{"current", -1 << 31}, {"1-30", 1}, {"31-60", 31}, {"61-90", 61}, {"90+", 91}}

// TopReceivables is how many doctors Receivables.ByDoctor has at most.
const TopReceivables = 20

// Sheet lays the report out for CSV, amounts with the currency's decimals.
func (r *Receivables) Sheet() reportsapi.Sheet {
	out := reportsapi.Sheet{Range: reportsapi.Range{From: r.From, To: r.To}, Figures: []string{
		"currency", "invoices", "patients", "owed", "overdue", "generatedAt",
	}}
	text := func(major float64) string { return reportsapi.Amount(major, r.Currency) }
	out.Total(r.Currency, r.Invoices, r.Patients, text(r.Owed), text(r.Overdue), r.GeneratedAt)
	for _, a := range r.Ageing {
		out.Add("ageing", a.Group, "", r.Currency, a.Invoices, a.Patients, text(a.Owed))
	}
	for _, m := range r.ByMonth {
		out.Add("byMonth", m.Month, "", r.Currency, m.Invoices, "", text(m.Owed))
	}
	for _, d := range r.ByDoctor {
		out.Add("byDoctor", d.DoctorID, d.Name, r.Currency, d.Invoices, "", text(d.Owed), text(d.Overdue))
	}
	return out
}
