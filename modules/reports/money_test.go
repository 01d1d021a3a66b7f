package reports_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

type invoiceRow struct {
	PatientID    string `db:"patientId"`
	DueOn        string `db:"dueOn"`
	DoctorID     string `db:"doctorId"`
	Status       string `db:"status"`
	IssuedOn     string `db:"issuedOn"`
	AmountMinor  int64  `db:"amountMinor"`
	BalanceMinor int64  `db:"balanceMinor"`
}

type paymentRow struct {
	Kind        string `db:"kind"`
	Method      string `db:"method"`
	PaidOn      string `db:"paidOn"`
	AmountMinor int64  `db:"amountMinor"`
}

// dollars writes cents as the decimal number that they are.
func dollars(cents int64) json.Number {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return json.Number(fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100))
}

// naiveRevenue returns the revenue summary as the JSON it must be, without generatedAt.
func naiveRevenue(t testing.TB, app core.App, from, to string) map[string]any {
	in := func(day string) bool { return from <= day && day <= to }
	type sums struct{ invoices, billed, collected, refunded, outstanding int64 }
	months, all := map[string]*sums{}, &sums{}
	for _, m := range monthsOf(from, to) {
		months[m] = &sums{}
	}
	methods, doctors := map[string]int64{}, map[string]*sums{}
	for _, i := range rowsOf[invoiceRow](t, app, "invoices") {
		if i.Status == "void" || i.Status == "draft" || !in(i.IssuedOn) {
			continue
		}
		if doctors[i.DoctorID] == nil {
			doctors[i.DoctorID] = &sums{}
		}
		for _, s := range []*sums{all, months[i.IssuedOn[:7]], doctors[i.DoctorID]} {
			s.invoices++
			s.billed += i.AmountMinor
			s.outstanding += i.BalanceMinor
		}
	}
	for _, p := range rowsOf[paymentRow](t, app, "payments") {
		if !in(p.PaidOn) {
			continue
		}
		if p.Kind == "payment" {
			methods[p.Method] += p.AmountMinor
		}
		for _, s := range []*sums{all, months[p.PaidOn[:7]]} {
			if p.Kind == "payment" {
				s.collected += p.AmountMinor
			} else {
				s.refunded += p.AmountMinor
			}
		}
	}
	byMonth, byMethod, byDoctor := []any{}, []any{}, []any{}
	for m, s := range months {
		byMonth = append(byMonth, map[string]any{
			"month": m, "invoices": s.invoices, "billed": dollars(s.billed), "collected": dollars(s.collected),
			"refunded": dollars(s.refunded), "outstanding": dollars(s.outstanding),
		})
	}
	for m, n := range methods {
		byMethod = append(byMethod, map[string]any{"method": m, "collected": dollars(n)})
	}
	names := namesOfDoctors(t, app)
	for d, s := range doctors {
		byDoctor = append(byDoctor, map[string]any{"doctorId": d, "name": names[d], "invoices": s.invoices, "billed": dollars(s.billed), "outstanding": dollars(s.outstanding)})
	}
	return map[string]any{
		"from": from, "to": to, "currency": "USD", "billed": dollars(all.billed), "collected": dollars(all.collected),
		"refunded": dollars(all.refunded), "outstanding": dollars(all.outstanding), "byMonth": byMonth, "byMethod": byMethod, "byDoctor": byDoctor,
	}
}

var auckland = func() *time.Location {
	zone, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		panic(err)
	}
	return zone
}()

// instant returns a moment of an edge day in Auckland: its first or last minute, or the
// hours around the change of the clocks.
func (l *life) instant() (at time.Time, day string) {
	day = l.edge()
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		l.Fatal(err)
	}
	minute := []int{0, 1, 119, 120, 179, 180, 181, 720, 1438}[l.dice.IntN(9)]
	at = time.Date(d.Year(), d.Month(), d.Day(), 0, minute, 0, 0, auckland)
	return at.UTC(), day
}

// cents is an amount with odd cents, so that floats would show.
func (l *life) cents() int64 { return 1 + l.dice.Int64N(100_000) }

func (l *life) method() string { return l.pick("cash", "card", "transfer", "insurance", "other") }

var moneyActs = []act{
	{"an invoice of the past is saved", func(l *life, tx core.App) error {
		c, err := tx.FindCollectionByNameOrId("invoices")
		if err != nil {
			return err
		}
		at, day := l.instant()
		r := core.NewRecord(c)
		r.Load(map[string]any{"patientId": l.anyID(tx, "patients"), "doctorId": l.pick(l.anyID(tx, "doctors"), ""), "amount": float64(l.cents()) / 100, "issuedAt": at})
		if err := tx.Save(r); err != nil {
			return err
		}
		if got := r.GetString("issuedOn"); got != day {
			l.Errorf("an invoice of %v is of the day %s, want %s", at, got, day)
		}
		return nil
	}},
	{"a payment of the past is saved", func(l *life, tx core.App) error {
		owed := dbx.NewExp("status IN ('unpaid', 'partial')")
		invoice, err := tx.FindRecordById("invoices", l.anyID(tx, "invoices", owed))
		if err != nil {
			return err
		}
		c, err := tx.FindCollectionByNameOrId("payments")
		if err != nil {
			return err
		}
		at, day := l.instant()
		cents := int64(invoice.GetInt("balanceMinor"))
		if l.dice.IntN(2) == 0 {
			cents = 1 + l.dice.Int64N(cents)
		}
		r := core.NewRecord(c)
		r.Load(map[string]any{"invoiceId": invoice.Id, "kind": "payment", "amount": float64(cents) / 100, "method": l.method(), "paidAt": at})
		if err := tx.Save(r); err != nil {
			return err
		}
		if got := r.GetString("paidOn"); got != day {
			l.Errorf("a payment of %v is of the day %s, want %s", at, got, day)
		}
		return nil
	}},
	{"an invoice is inserted in SQL", func(l *life, tx core.App) error {
		return raw(tx, `INSERT INTO invoices (id, patientId, doctorId, status, currency, issuedOn, amountMinor, balanceMinor) VALUES ({:id}, {:p}, {:d}, {:s}, 'USD', {:day}, {:n}, {:n})`,
			dbx.Params{"id": l.id(), "p": l.anyID(tx, "patients"), "d": l.pick(l.anyID(tx, "doctors"), ""), "s": l.pick("unpaid", "draft", "void"), "day": l.edge(), "n": l.cents()})
	}},
	{"invoices are moved in SQL", func(l *life, tx core.App) error {
		return raw(tx, "UPDATE invoices SET issuedOn = {:day}, doctorId = {:d} WHERE rowid % 13 = {:k} AND status != 'void'", dbx.Params{"day": l.edge(), "d": l.anyID(tx, "doctors"), "k": l.dice.IntN(13)})
	}},
	{"an invoice is changed in SQL", func(l *life, tx core.App) error {
		return raw(tx, "UPDATE invoices SET amountMinor = {:n}, balanceMinor = {:n}, status = {:s} WHERE id = {:id}",
			dbx.Params{"n": l.cents(), "s": l.pick("unpaid", "draft", "void"), "id": l.anyID(tx, "invoices", dbx.NewExp("status = 'unpaid'"))})
	}},
	{"invoices without a number are deleted in SQL", func(l *life, tx core.App) error {
		return raw(tx, "DELETE FROM invoices WHERE invoiceNumber = '' AND rowid % 7 = {:k}", dbx.Params{"k": l.dice.IntN(7)})
	}},
	{"a payment is inserted in SQL", func(l *life, tx core.App) error {
		return raw(tx, `INSERT INTO payments (id, invoiceId, kind, amountMinor, method, paidOn) SELECT {:id}, id, 'payment', balanceMinor, {:m}, {:day} FROM invoices WHERE id = {:i}`,
			dbx.Params{"id": l.id(), "m": l.method(), "day": l.edge(), "i": l.anyID(tx, "invoices", dbx.NewExp("status = 'unpaid'"))})
	}},
	{"a refund is inserted in SQL", func(l *life, tx core.App) error {
		return raw(tx, `INSERT INTO payments (id, invoiceId, kind, amountMinor, method, paidOn) SELECT {:id}, invoiceId, 'refund', 1 + amountMinor / 2, method, {:day} FROM payments WHERE id = {:p}`,
			dbx.Params{"id": l.id(), "day": l.edge(), "p": l.anyID(tx, "payments", dbx.NewExp("kind = 'payment'"))})
	}},
}

// bill sends something about money that a client would.
func (l *life) bill(send func(name, method, path string, body any)) {
	app := l.s.App
	invoice := func(statuses ...string) string {
		return "/api/billing/" + l.anyID(app, "invoices", dbx.NewExp("status IN ('"+strings.Join(statuses, "', '")+"') AND invoiceNumber != ''"))
	}
	switch l.dice.IntN(7) {
	case 0, 1:
		send("POST invoice", "POST", "/api/billing", map[string]any{
			"patientId": l.anyID(app, "patients"), "doctorId": l.anyID(app, "doctors"), "draft": l.dice.IntN(3) == 0,
			"items": []any{map[string]any{"description": "Visit", "quantity": 1 + l.dice.IntN(3), "unitPrice": dollars(l.cents()), "taxRate": 7}},
		})
	case 2:
		send("issue", "POST", "/api/billing/"+l.anyID(app, "invoices", dbx.NewExp("status = 'draft'"))+"/issue", nil)
	case 3:
		send("PUT amount", "PUT", invoice("unpaid"), map[string]any{"items": []any{}, "amount": dollars(l.cents())})
	case 4:
		send("pay", "POST", invoice("unpaid", "partial")+"/payments", map[string]any{"amount": dollars(1 + l.cents()/20), "method": l.method()})
	case 5:
		send("refund", "POST", invoice("partial", "paid")+"/refunds", map[string]any{"amount": dollars(1 + l.cents()/50), "reason": "Too much"})
	case 6:
		send("void", "POST", invoice("unpaid")+"/void", map[string]any{"reason": "Not theirs"})
	}
}

func TestRevenueOfTheCast(t *testing.T) {
	s := set.Start(t)
	agrees(t, s, "2000-01-01", "2040-12-31")
	got := report(t, s, revenuePath, "", "")
	if fmt.Sprint(got["billed"]) == "0" || len(got["byMonth"].([]any)) != 12 {
		t.Errorf("got %v, want what the cast was billed", got)
	}
	empty := report(t, s, revenuePath, "1999-12-31", "2000-03-01")
	if len(empty["byMonth"].([]any)) != 4 || len(empty["byMethod"].([]any)) != 0 || len(empty["byDoctor"].([]any)) != 0 || fmt.Sprint(empty["billed"]) != "0" {
		t.Errorf("empty range: got %v", empty)
	}
}

// TestVoidLeavesItsMonth looks at one invoice through its life.
func TestVoidLeavesItsMonth(t *testing.T) {
	s := set.Start(t)
	sums := func() []string {
		r := report(t, s, revenuePath, "", "")
		var out []string
		for _, f := range []string{"billed", "collected", "refunded", "outstanding"} {
			out = append(out, fmt.Sprint(r[f]))
		}
		return out
	}
	before := sums()
	post := func(path string, body any) string {
		t.Helper()
		r := s.As(t, alma, "POST", path, body)
		if r.Status >= 300 {
			t.Fatalf("%s: %d %s", path, r.Status, r.Body)
		}
		return r.ID(t)
	}
	draft := post("/api/billing", `{"patientId":"patada000000001","amount":10.10,"draft":true}`)
	if got := sums(); !slices.Equal(got, before) {
		t.Errorf("a draft is not billed: %v, before %v", got, before)
	}
	post("/api/billing/"+draft+"/issue", nil)
	if got := sums(); slices.Equal(got, before) {
		t.Errorf("an issued invoice is billed: %v", got)
	}
	post("/api/billing/"+draft+"/void", `{"reason":"Wrong patient"}`)
	if got := sums(); !slices.Equal(got, before) {
		t.Errorf("a void takes it out again: %v, before %v", got, before)
	}
}
