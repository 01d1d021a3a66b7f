package remote

import (
	"cmp"
	"errors"
	"slices"

	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

const (
	billed = `FROM polyclinic.invoices WHERE site_id = $1 AND coalesce(status, '') NOT IN ('draft', 'void')`

	billedMonthsSQL = `SELECT to_char(issued_on, 'YYYY-MM'), count(*), sum(amount), sum(balance) ` + billed +
		` AND issued_on BETWEEN $2::date AND $3::date GROUP BY 1`
	billedDoctorsSQL = `SELECT coalesce(doctor_id, ''), count(*), sum(amount), sum(balance) ` + billed +
		` AND issued_on BETWEEN $2::date AND $3::date GROUP BY 1`
	paidMonthsSQL = `SELECT to_char(paid_on, 'YYYY-MM'), sum(amount) FILTER (WHERE kind = 'payment'), sum(amount) FILTER (WHERE kind = 'refund') ` +
		`FROM polyclinic.payments WHERE site_id = $1 AND paid_on BETWEEN $2::date AND $3::date GROUP BY 1`
	paidMethodsSQL = `SELECT coalesce(method, ''), sum(amount) FILTER (WHERE kind = 'payment') ` +
		`FROM polyclinic.payments WHERE site_id = $1 AND paid_on BETWEEN $2::date AND $3::date GROUP BY 1`

	// An invoice is due on its due day, or where none is set on the day of issue.
	pastDue = `$2::date - coalesce(due_on, issued_on, DATE '1900-01-01')`
	owed    = billed + ` AND balance > 0 AND (issued_on IS NULL OR issued_on <= $2::date)`
	// The groups of billingapi.Ages, by their place.
	owedAgesSQL = `SELECT age, count(*), count(DISTINCT coalesce(patient_id, '')), sum(balance) FROM (SELECT patient_id, balance, ` +
		`CASE WHEN ` + pastDue + ` >= 91 THEN 4 WHEN ` + pastDue + ` >= 61 THEN 3 WHEN ` + pastDue + ` >= 31 THEN 2 WHEN ` + pastDue + ` >= 1 THEN 1 ELSE 0 END AS age ` +
		owed + `) i GROUP BY 1`
	owedPatientsSQL = `SELECT count(DISTINCT coalesce(patient_id, '')) ` + owed
	owedMonthsSQL   = `SELECT to_char(issued_on, 'YYYY-MM'), count(*), sum(balance) ` + owed + ` AND issued_on >= $3::date GROUP BY 1`
	owedDoctorsSQL  = `SELECT coalesce(doctor_id, '') AS doctor, count(*), sum(balance) AS owed, sum(balance) FILTER (WHERE ` + pastDue + ` >= 1) ` +
		owed + ` GROUP BY 1 ORDER BY owed DESC, doctor LIMIT 20`
)

func revenueSummary(c *reportsapi.Call, read ask) (any, error) {
	days := []string{c.From, c.To}
	a, err := read(warehouse.Query{SQL: billedMonthsSQL, Args: days}, warehouse.Query{SQL: paidMonthsSQL, Args: days},
		warehouse.Query{SQL: paidMethodsSQL, Args: days}, warehouse.Query{SQL: billedDoctorsSQL, Args: days}, warehouse.Query{SQL: namesSQL})
	if err != nil {
		return nil, err
	}
	major := func(minor int64) float64 { return clinicapi.Major(minor, c.Clinic.Currency) }
	out := &billingapi.RevenueSummary{
		From: c.From, To: c.To, Currency: c.Clinic.Currency, GeneratedAt: c.GeneratedAt(), Source: reportsapi.Postgres,
		ByMonth: []billingapi.RevenueMonth{}, ByMethod: []billingapi.RevenueMethod{}, ByDoctor: []billingapi.RevenueDoctor{},
	}
	// Sums are of minor units; major units are only written, never added.
	type takings struct{ invoices, billed, collected, refunded, outstanding int64 }
	byMonth, all := map[string]takings{}, takings{}
	err = errors.Join(scan(a[0], 1, 3, func(t []string, n []int64) {
		byMonth[t[0]] = takings{invoices: n[0], billed: n[1], outstanding: n[2]}
		all.billed += n[1]
		all.outstanding += n[2]
	}), scan(a[1], 1, 2, func(t []string, n []int64) {
		m := byMonth[t[0]]
		m.collected, m.refunded = n[0], n[1]
		byMonth[t[0]] = m
		all.collected += n[0]
		all.refunded += n[1]
	}))
	out.Billed, out.Collected, out.Refunded, out.Outstanding = major(all.billed), major(all.collected), major(all.refunded), major(all.outstanding)
	for _, m := range c.Months() {
		t := byMonth[m]
		out.ByMonth = append(out.ByMonth, billingapi.RevenueMonth{
			Month: m, Invoices: int(t.invoices), Billed: major(t.billed), Collected: major(t.collected), Refunded: major(t.refunded), Outstanding: major(t.outstanding),
		})
	}
	err = errors.Join(err, scan(a[2], 1, 1, func(t []string, n []int64) {
		if n[0] != 0 {
			out.ByMethod = append(out.ByMethod, billingapi.RevenueMethod{Method: t[0], Collected: major(n[0])})
		}
	}))
	slices.SortFunc(out.ByMethod, func(a, b billingapi.RevenueMethod) int {
		return cmp.Or(cmp.Compare(b.Collected, a.Collected), cmp.Compare(a.Method, b.Method))
	})
	names, nameErr := namesOf(a[4])
	err = errors.Join(err, nameErr, scan(a[3], 1, 3, func(t []string, n []int64) {
		out.ByDoctor = append(out.ByDoctor, billingapi.RevenueDoctor{DoctorID: t[0], Name: names[t[0]], Invoices: int(n[0]), Billed: major(n[1]), Outstanding: major(n[2])})
	}))
	slices.SortFunc(out.ByDoctor, func(a, b billingapi.RevenueDoctor) int {
		return cmp.Or(cmp.Compare(b.Billed, a.Billed), cmp.Compare(a.Name, b.Name), cmp.Compare(a.DoctorID, b.DoctorID))
	})
	return out, err
}

func receivables(c *reportsapi.Call, read ask) (any, error) {
	to := []string{c.To}
	a, err := read(warehouse.Query{SQL: owedAgesSQL, Args: to}, warehouse.Query{SQL: owedPatientsSQL, Args: to},
		warehouse.Query{SQL: owedMonthsSQL, Args: []string{c.To, c.From}}, warehouse.Query{SQL: owedDoctorsSQL, Args: to}, warehouse.Query{SQL: namesSQL})
	if err != nil {
		return nil, err
	}
	major := func(minor int64) float64 { return clinicapi.Major(minor, c.Clinic.Currency) }
	out := &billingapi.Receivables{
		From: c.From, To: c.To, Currency: c.Clinic.Currency, GeneratedAt: c.GeneratedAt(), Source: reportsapi.Postgres,
		ByMonth: []billingapi.ReceivablesMonth{}, ByDoctor: []billingapi.ReceivablesOf{},
	}
	for _, g := range billingapi.Ages {
		out.Ageing = append(out.Ageing, billingapi.ReceivablesAge{Group: g.Group})
	}
	var all, overdue int64
	err = errors.Join(scan(a[0], 0, 4, func(_ []string, n []int64) {
		g := &out.Ageing[n[0]]
		g.Invoices, g.Patients, g.Owed = int(n[1]), int(n[2]), major(n[3])
		out.Invoices += int(n[1])
		if all += n[3]; n[0] > 0 {
			overdue += n[3]
		}
	}), scan(a[1], 0, 1, func(_ []string, n []int64) { out.Patients = int(n[0]) }))
	out.Owed, out.Overdue = major(all), major(overdue)
	byMonth := map[string]billingapi.ReceivablesMonth{}
	err = errors.Join(err, scan(a[2], 1, 2, func(t []string, n []int64) {
		byMonth[t[0]] = billingapi.ReceivablesMonth{Invoices: int(n[0]), Owed: major(n[1])}
	}))
	for _, m := range c.Months() {
		row := byMonth[m]
		row.Month = m
		out.ByMonth = append(out.ByMonth, row)
	}
	names, nameErr := namesOf(a[4])
	return out, errors.Join(err, nameErr, scan(a[3], 1, 3, func(t []string, n []int64) {
		out.ByDoctor = append(out.ByDoctor, billingapi.ReceivablesOf{DoctorID: t[0], Name: names[t[0]], Invoices: int(n[0]), Owed: major(n[1]), Overdue: major(n[2])})
	}))
}
