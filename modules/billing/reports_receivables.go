package billing

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

var receivablesRoute = reportsapi.Route("receivables", "Add up what is owed, by how long it is due",
	kernel.Allow(authapi.Admin.Always(), authapi.Cashier.Always()), receivables)

// debt is sums of invoices on which something is owed, in minor units.
type debt struct {
	invoices      int
	owed, overdue int64
}

func (d *debt) add(owed int64, overdue bool) {
	d.invoices++
	d.owed += owed
	if overdue {
		d.overdue += owed
	}
}

// debts is the report in minor units. Ages of a patient are bits, by their number.
type debts struct {
	all      debt
	ages     []debt
	ofMonth  map[string]debt
	ofDoctor []debt // by the doctor's number
	owing    []uint8
}

func receivables(c *reportsapi.Call) (*billingapi.Receivables, error) {
	sums, err := addDebts(c)
	if err != nil {
		return nil, fmt.Errorf("what is owed: %w", err)
	}
	major := func(minor int64) float64 { return clinicapi.Major(minor, c.Clinic.Currency) }
	out := &billingapi.Receivables{
		From: c.From, To: c.To, Currency: c.Clinic.Currency, GeneratedAt: c.GeneratedAt(), Source: reportsapi.Local,
		Owed: major(sums.all.owed), Overdue: major(sums.all.overdue), Invoices: sums.all.invoices,
		Ageing: []billingapi.ReceivablesAge{}, ByMonth: []billingapi.ReceivablesMonth{}, ByDoctor: []billingapi.ReceivablesOf{},
	}
	patients := make([]int, len(billingapi.Ages))
	for _, ages := range sums.owing {
		if ages == 0 {
			continue
		}
		out.Patients++
		for i := range patients {
			patients[i] += int(ages >> i & 1)
		}
	}
	for i, a := range billingapi.Ages {
		out.Ageing = append(out.Ageing, billingapi.ReceivablesAge{Group: a.Group, Invoices: sums.ages[i].invoices, Patients: patients[i], Owed: major(sums.ages[i].owed)})
	}
	for _, m := range c.Months() {
		out.ByMonth = append(out.ByMonth, billingapi.ReceivablesMonth{Month: m, Invoices: sums.ofMonth[m].invoices, Owed: major(sums.ofMonth[m].owed)})
	}
	out.ByDoctor, err = topDebts(c, sums.ofDoctor)
	return out, err
}

// addDebts reads the packs of the invoices issued up to the last day.
func addDebts(c *reportsapi.Call) (*debts, error) {
	var patients, doctors int
	err := c.DB.NewQuery("SELECT coalesce((SELECT max(no) FROM owed_patients), 0), coalesce((SELECT max(no) FROM owed_doctors), 0)").Row(&patients, &doctors)
	if err != nil {
		return nil, err
	}
	sums := &debts{ages: make([]debt, len(billingapi.Ages)), ofMonth: map[string]debt{}, ofDoctor: make([]debt, doctors+1), owing: make([]uint8, patients+1)}
	statement, months := c.PacksByMonth("owed_packs", true)
	rows, err := c.DB.NewQuery(statement).Bind(dbx.Params{"months": months}).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	last, _ := clinicapi.ParseDay(c.To) // ParseRange made it
	today := int(last.Sub(time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)).Hours() / 24)
	for rows.Next() {
		var month string
		var pack []byte
		if err := rows.Scan(&month, &pack); err != nil {
			return nil, err
		}
		if err := sums.month(month, pack, today); err != nil {
			return nil, fmt.Errorf("pack of %s: %w", month, err)
		}
	}
	return sums, rows.Err()
}

// month adds the invoices of one month; today is counted as due days are.
func (s *debts) month(month string, pack []byte, today int) error {
	if len(pack)%owedEntry != 0 {
		return fmt.Errorf("%d bytes are no whole entries", len(pack))
	}
	sum := debt{}
	for ; len(pack) > 0; pack = pack[owedEntry:] {
		digits := pack[1:]
		next := func(n int) int64 {
			v := reportsapi.Digits(digits[:n])
			digits = digits[n:]
			return v
		}
		patient, doctor, due, owed := next(patientDigits), next(doctorDigits), next(dueDigits), next(owedDigits)
		if int(patient) >= len(s.owing) || int(doctor) >= len(s.ofDoctor) {
			return fmt.Errorf("an entry of nobody")
		}
		days, age := today-int(due), len(billingapi.Ages)-1
		for days < billingapi.Ages[age].Days {
			age--
		}
		sum.add(owed, age > 0)
		s.ages[age].add(owed, age > 0)
		s.ofDoctor[doctor].add(owed, age > 0)
		s.owing[patient] |= 1 << age
	}
	s.all = debt{s.all.invoices + sum.invoices, s.all.owed + sum.owed, s.all.overdue + sum.overdue}
	s.ofMonth[month] = sum
	return nil
}

// topDebts names the doctors for whose services most is owed.
func topDebts(c *reportsapi.Call, ofDoctor []debt) ([]billingapi.ReceivablesOf, error) {
	rows, err := c.DB.NewQuery("SELECT no, id FROM owed_doctors").Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	sums := map[string]debt{}
	for rows.Next() {
		var no int
		var id string
		if err := rows.Scan(&no, &id); err != nil {
			return nil, err
		}
		if ofDoctor[no].invoices > 0 {
			sums[id] = ofDoctor[no]
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	ids := keys(sums)
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(sums[b].owed, sums[a].owed), cmp.Compare(a, b)) })
	ids = ids[:min(len(ids), billingapi.TopReceivables)]
	names, err := staffapi.DoctorNames(c.DB, ids)
	if err != nil {
		return nil, err
	}
	out := []billingapi.ReceivablesOf{}
	for _, id := range ids {
		d := sums[id]
		out = append(out, billingapi.ReceivablesOf{
			DoctorID: id, Name: names[id], Invoices: d.invoices,
			Owed: clinicapi.Major(d.owed, c.Clinic.Currency), Overdue: clinicapi.Major(d.overdue, c.Clinic.Currency),
		})
	}
	return out, nil
}
