package billing

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// What the demo's books hold: the visits of the diary, and older invoices.
const (
	demoInvoices  = 400
	demoDaysBack  = 210
	demoMaxVisits = 220
)

// books fills the demo's books.
type books struct {
	tx                 core.App
	invoices, payments *core.Collection
	clinic             clinicapi.Settings
	dice               *rand.Rand
	now                time.Time
	fees               map[string]float64
	doctors, patients  []string
	made, booked       int
}

// service is what is billed for.
type service struct {
	patient, doctor, visit string
	at                     time.Time
}

// demo bills the diary's visits and those of the months before, oldest first. The same
// numbers are thrown at every run.
func demo(tx core.App) error {
	b := &books{tx: tx, dice: rand.New(rand.NewPCG(23, 1494)), now: time.Now(), fees: map[string]float64{}}
	if err := b.read(); err != nil {
		return err
	}
	if len(b.patients) == 0 || len(b.doctors) == 0 {
		return nil
	}
	visits, err := b.visits()
	if err != nil {
		return err
	}
	for i := len(visits); i < demoInvoices; i++ {
		back := demoDaysBack - (i-len(visits))*(demoDaysBack-15)/max(1, demoInvoices-len(visits))
		at := b.now.AddDate(0, 0, -back).Add(-time.Duration(b.dice.IntN(8*60)) * time.Minute)
		s := service{b.patients[b.dice.IntN(len(b.patients))], b.doctors[b.dice.IntN(len(b.doctors))], "", at}
		if err := b.bill(s); err != nil {
			return err
		}
	}
	for _, s := range visits {
		if err := b.bill(s); err != nil {
			return err
		}
	}
	return nil
}

func (b *books) read() (err error) {
	if b.clinic, err = clinicapi.Current(b.tx); err != nil {
		return err
	}
	if b.invoices, err = b.tx.FindCollectionByNameOrId("invoices"); err != nil {
		return err
	}
	if b.payments, err = b.tx.FindCollectionByNameOrId("payments"); err != nil {
		return err
	}
	alive := dbx.HashExp{"deletedAt": ""}
	if err := b.tx.DB().Select("id").From("patients").Where(alive).OrderBy("id").Column(&b.patients); err != nil {
		return err
	}
	var doctors []struct {
		ID  string  `db:"id"`
		Fee float64 `db:"consultationFee"`
	}
	if err := b.tx.DB().Select("id", "consultationFee").From("doctors").Where(alive).OrderBy("id").All(&doctors); err != nil {
		return err
	}
	for _, d := range doctors {
		b.doctors = append(b.doctors, d.ID)
		if b.fees[d.ID] = d.Fee; d.Fee == 0 {
			b.fees[d.ID] = 90
		}
	}
	return nil
}

// visits are those of the diary that took place and are not billed, oldest first.
func (b *books) visits() (list []service, err error) {
	var rows []struct {
		ID      string `db:"id"`
		Patient string `db:"patientId"`
		Doctor  string `db:"doctorId"`
		Starts  string `db:"startsAt"`
	}
	err = b.tx.DB().Select("id", "patientId", "doctorId", "startsAt").From("appointments").
		Where(dbx.HashExp{"status": appointmentsapi.StatusCompleted}).AndWhere(dbx.NewExp("id NOT IN (SELECT appointmentId FROM invoices)")).
		OrderBy("startsAt DESC", "id").Limit(demoMaxVisits).All(&rows)
	for i := len(rows) - 1; i >= 0; i-- {
		r := rows[i]
		at, parseErr := time.Parse("2006-01-02 15:04:05.000Z", r.Starts)
		if parseErr != nil {
			return nil, parseErr
		}
		list = append(list, service{r.Patient, r.Doctor, r.ID, at.Add(40 * time.Minute)})
	}
	return list, err
}

// bill writes one invoice and what became of it.
func (b *books) bill(s service) error {
	if s.at.After(b.now) {
		s.at = b.now
	}
	fate := b.fate(b.now.Sub(s.at))
	b.made++
	r := core.NewRecord(b.invoices)
	r.Id = fmt.Sprintf("invdemo%08d", b.made)
	r.Load(map[string]any{
		"patientId": s.patient, "doctorId": s.doctor, "appointmentId": s.visit, "createdById": authapi.Carl.ID,
		"items": b.items(b.fees[s.doctor]),
	})
	if fate == billingapi.Draft {
		r.Set("status", billingapi.Draft)
	} else {
		r.Load(map[string]any{"issuedAt": s.at.UTC(), "dueOn": b.clinic.Today(s.at.AddDate(0, 0, 14))})
	}
	if err := b.tx.Save(r); err != nil {
		return fmt.Errorf("invoice %d: %w", b.made, err)
	}
	if fate == billingapi.Void {
		reasons := []string{"Billed twice", "Wrong patient", "Visit did not take place", "Goodwill"}
		return Cancel(b.tx, r, reasons[b.dice.IntN(len(reasons))])
	}
	return b.settle(r, fate, s.at)
}

// fate is what has become of an invoice by now: the older, the more often paid.
func (b *books) fate(age time.Duration) string {
	n := b.dice.IntN(100)
	days := int(age.Hours() / 24)
	switch {
	case n < 4:
		return billingapi.Void
	case n < 9:
		return billingapi.Refunded
	case days < 4 && n < 17:
		return billingapi.Draft
	case n < 9+max(6, 45-days):
		return billingapi.Unpaid
	case n < 20+max(6, 45-days):
		return billingapi.Partial
	}
	return billingapi.Paid
}

func (b *books) items(fee float64) []map[string]any {
	items := []map[string]any{{"description": "Consultation", "quantity": 1, "unitPrice": fee}}
	for range []int{0, 0, 0, 1, 1, 2}[b.dice.IntN(6)] {
		e := demoServices[b.dice.IntN(len(demoServices))]
		line := map[string]any{"description": e.name, "quantity": 1 + b.dice.IntN(e.most), "unitPrice": e.price}
		if e.tax > 0 {
			line["taxRate"] = e.tax
		}
		items = append(items, line)
	}
	if b.dice.IntN(12) == 0 {
		items[0]["discount"] = 10
	}
	return items
}

// settle enters the payments and refunds that an invoice's fate asks for.
func (b *books) settle(r *core.Record, fate string, at time.Time) error {
	amount := int64(r.GetInt("amountMinor"))
	share := amount * int64(2+b.dice.IntN(6)) / 10
	switch fate {
	case billingapi.Partial:
		return b.enter(r, billingapi.Payment, share, at)
	case billingapi.Paid:
		if b.dice.IntN(4) > 0 {
			return b.enter(r, billingapi.Payment, amount, at)
		}
		if err := b.enter(r, billingapi.Payment, share, at); err != nil {
			return err
		}
		return b.enter(r, billingapi.Payment, amount-share, at.AddDate(0, 0, 1+b.dice.IntN(20)))
	case billingapi.Refunded:
		if err := b.enter(r, billingapi.Payment, amount, at); err != nil {
			return err
		}
		if b.dice.IntN(3) == 0 {
			amount = share // a part of it: the invoice stays paid
		}
		return b.enter(r, billingapi.Refund, amount, at.AddDate(0, 0, 2))
	}
	return nil
}

func (b *books) enter(invoice *core.Record, kind string, minor int64, at time.Time) error {
	if at.After(b.now) {
		at = b.now
	}
	method := demoMethods[b.dice.IntN(len(demoMethods))]
	b.booked++
	r := core.NewRecord(b.payments)
	r.Id = fmt.Sprintf("paydemo%08d", b.booked)
	kernel.SetActor(r, authapi.Carl.ID)
	r.Load(map[string]any{
		"invoiceId": invoice.Id, "kind": kind, "amount": clinicapi.Major(minor, b.clinic.Currency), "method": method, "paidAt": at.UTC(),
	})
	switch {
	case kind == billingapi.Refund:
		r.Set("reason", "Service not given")
	case method == "transfer" || method == "insurance":
		r.Set("reference", fmt.Sprintf("%s-%06d", map[string]string{"transfer": "TRF", "insurance": "CLM"}[method], 100_000+b.dice.IntN(900_000)))
	}
	if err := b.tx.Save(r); err != nil {
		return fmt.Errorf("payment %d: %w", b.booked, err)
	}
	return nil
}

var demoMethods = []string{"cash", "cash", "cash", "card", "card", "card", "card", "transfer", "insurance", "insurance", "insurance", "other"}

// demoServices is what is billed besides the consultation; most is how many at once.
var demoServices = []struct {
	name  string
	price float64
	most  int
	tax   float64
}{
	{"Blood count", 24.5, 1, 0}, {"Blood lipids", 31, 1, 0}, {"HbA1c", 18.75, 1, 0}, {"Urine test", 9.9, 1, 0}, {"ECG", 40, 1, 0},
	{"Chest X-ray, two views", 85, 1, 0}, {"Ultrasound of the abdomen", 120, 1, 0}, {"Wound dressing", 15, 3, 0}, {"Stitches", 35, 1, 0},
	{"Influenza vaccine", 28, 1, 0}, {"Infusion", 22.4, 2, 0}, {"Elastic bandage", 6.95, 4, 10}, {"Sick note for an insurer", 12, 1, 20},
	{"Travel health certificate", 25, 1, 20}, {"Spirometry", 45, 1, 0}, {"Allergy test panel", 95.6, 1, 0},
}
