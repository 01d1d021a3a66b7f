package billing

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

var receivablesReport = reportsapi.New("receivables", "Add up what is owed, by how long it is due",
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

// debts is the report in minor units.
type debts struct {
	all        debt
	ages       []debt
	ofMonth    map[string]debt
	ofDoctor   []debt  // by the doctor's number
	patients   int     // who owe anything
	patientsOf []int   // by age
	owing      []uint8 // ages by the patient's number, as bits, while they are added up
}

// bytes is about what they take in memory.
func (s *debts) bytes() int { return 24*len(s.ofDoctor) + 64*len(s.ofMonth) }

func receivables(c *reportsapi.Call) (*billingapi.Receivables, error) {
	sums, err := reportsapi.Once(c, "owed_packs", "", c.To, "debts from "+c.From, func() (*debts, int, error) {
		sums, err := addDebts(c)
		if err != nil {
			return nil, 0, err
		}
		return sums, sums.bytes(), nil
	})
	if err != nil {
		return nil, fmt.Errorf("what is owed: %w", err)
	}
	major := func(minor int64) float64 { return clinicapi.Major(minor, c.Clinic.Currency) }
	out := &billingapi.Receivables{
		From: c.From, To: c.To, Currency: c.Clinic.Currency, GeneratedAt: c.GeneratedAt(), Source: reportsapi.Local,
		Owed: major(sums.all.owed), Overdue: major(sums.all.overdue), Invoices: sums.all.invoices, Patients: sums.patients,
		Ageing: []billingapi.ReceivablesAge{}, ByMonth: []billingapi.ReceivablesMonth{}, ByDoctor: []billingapi.ReceivablesOf{},
	}
	for i, a := range billingapi.Ages {
		out.Ageing = append(out.Ageing, billingapi.ReceivablesAge{Group: a.Group, Invoices: sums.ages[i].invoices, Patients: sums.patientsOf[i], Owed: major(sums.ages[i].owed)})
	}
	for _, m := range c.Months() {
		out.ByMonth = append(out.ByMonth, billingapi.ReceivablesMonth{Month: m, Invoices: sums.ofMonth[m].invoices, Owed: major(sums.ofMonth[m].owed)})
	}
	out.ByDoctor, err = topDebts(c, sums.ofDoctor)
	return out, err
}

// owing is one invoice on which something is owed: its patient's and doctor's numbers, the
// day it is due, counted from 1900-01-01, and what is owed.
type owing struct {
	patient, doctor, due uint32
	owed                 int64
}

// addDebts adds up the invoices issued up to the last day.
func addDebts(c *reportsapi.Call) (*debts, error) {
	var patients, doctors uint32
	err := c.DB.NewQuery("SELECT coalesce((SELECT max(no) FROM owed_patients), 0), coalesce((SELECT max(no) FROM owed_doctors), 0)").Row(&patients, &doctors)
	if err != nil {
		return nil, err
	}
	last, _ := clinicapi.ParseDay(c.To) // ParseRange made it
	today := int(last.Sub(time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)).Hours() / 24)
	first, _ := clinicapi.ParseDay(c.From)
	var old, recent []issued
	for _, days := range [][2]string{{"", first.AddDate(0, 0, -1).Format(time.DateOnly)}, {c.From, c.To}} {
		err := reportsapi.EachPack(c, "owed_packs", days[0], days[1], readOwing, together, func(month string, all *owingIn) error {
			one := issued{month, all, days[0] != ""}
			if today-int(all.latest) >= billingapi.Ages[len(billingapi.Ages)-1].Days {
				old = append(old, one)
			} else {
				recent = append(recent, one)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var sums *debts
	err = reportsapi.Kept(c, "owed_packs", "", "old debts", func([]*oldDebts) *oldDebts { return &oldDebts{} }, func(o *oldDebts) error {
		sums, err = o.count(old, patients, doctors, today)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, one := range recent {
		if err := sums.addMonth(one, today); err != nil {
			return nil, err
		}
	}
	sums.owing = nil
	return sums, nil
}

// newDebts is nothing yet, of patients and doctors up to these numbers.
func newDebts(patients, doctors uint32) *debts {
	return &debts{
		ages: make([]debt, len(billingapi.Ages)), ofMonth: map[string]debt{}, ofDoctor: make([]debt, doctors+1),
		patientsOf: make([]int, len(billingapi.Ages)), owing: make([]uint8, patients+1),
	}
}

// addMonth adds the invoices of a month, and notes their sum where it is of the range.
func (s *debts) addMonth(one issued, today int) error {
	sum, err := s.add(one.all.days, today)
	if one.within {
		s.ofMonth[one.month] = sum
	}
	return err
}

// add adds the invoices of some days, and returns their sum; today is counted as due days are.
func (s *debts) add(issued [][]owing, today int) (sum debt, err error) {
	for _, day := range issued {
		for _, o := range day {
			if int(o.patient) >= len(s.owing) || int(o.doctor) >= len(s.ofDoctor) {
				return sum, fmt.Errorf("an entry of nobody")
			}
			days, age := today-int(o.due), len(billingapi.Ages)-1
			for days < billingapi.Ages[age].Days {
				age--
			}
			sum.add(o.owed, age > 0)
			s.ages[age].add(o.owed, age > 0)
			s.ofDoctor[o.doctor].add(o.owed, age > 0)
			// Without a branch, as in marks of visits: which patients were seen cannot be foreseen.
			seen := s.owing[o.patient]
			s.owing[o.patient] = seen | 1<<age
			s.patientsOf[age] += int(^seen >> age & 1)
			s.patients += int((uint64(seen) - 1) >> 63) // 1 for no age yet
		}
	}
	s.all = debt{s.all.invoices + sum.invoices, s.all.owed + sum.owed, s.all.overdue + sum.overdue}
	return sum, nil
}

// readOwing decodes packs.
func readOwing(packs []byte) (all []owing, bytes int, err error) {
	if len(packs)%owedEntry != 0 {
		return nil, 0, fmt.Errorf("%d bytes are no whole entries", len(packs))
	}
	all = make([]owing, len(packs)/owedEntry)
	for i := range all {
		digits := packs[i*owedEntry+1:]
		next := func(n int) int64 {
			v := reportsapi.Digits(digits[:n])
			digits = digits[n:]
			return v
		}
		all[i] = owing{uint32(next(patientDigits)), uint32(next(doctorDigits)), uint32(next(dueDigits)), next(owedDigits)}
	}
	return all, 24 * len(all), nil
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
		if no < len(ofDoctor) && ofDoctor[no].invoices > 0 { // one may have come since they were added up
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
