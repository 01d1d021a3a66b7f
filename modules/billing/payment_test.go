package billing_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

func TestPaying(t *testing.T) {
	const to = unpaid + "/payments"
	set.Run(t, []kerneltest.Scenario{
		{Name: "a part", As: carl, Path: to, Body: `{"amount":30.5,"method":"cash","reference":"R1"}`, Want: 201, Has: []string{
			`"amount":30.5`, `"kind":"payment"`, `"method":"cash"`, `"reference":"R1"`, `"receivedById":"` + authapi.Carl.ID + `"`, `"paidOn":"`,
			`"invoice":{"amount":80`, `"balance":49.5`, `"paid":30.5`, `"status":"partial"`,
		}, Not: []string{"Minor", "sourceId", "@"}},
		{Name: "all", As: alma, Path: to, Body: `{"amount":80,"method":"insurance"}`, Want: 201, Has: []string{`"balance":0`, `"status":"paid"`}},
		{Name: "a cent too much", As: carl, Path: to, Body: `{"amount":80.01,"method":"cash"}`, Want: 409, Has: []string{`"amount":{"code":"overpaid"`}},
		{Name: "twice", As: carl, Path: paid + "/payments", Body: `{"amount":1,"method":"cash"}`, Want: 409, Has: []string{`"amount":{"code":"overpaid"`}},
		{Name: "amount and method are needed", As: carl, Path: to, Body: `{}`, Want: 400, Has: []string{`"amount":{"code":"validation_required"`, `"method":{"code":"validation_required"`}},
		{Name: "nothing is no payment", As: carl, Path: to, Body: `{"amount":0,"method":"cash"}`, Want: 400, Has: []string{`"amount":{"code":"validation_invalid_amount"`}},
		{Name: "nor less", As: carl, Path: to, Body: `{"amount":-5,"method":"cash"}`, Want: 400, Has: []string{`"amount":{`}},
		{Name: "nor half a cent", As: carl, Path: to, Body: `{"amount":0.005,"method":"cash"}`, Want: 400, Has: []string{`"amount":{`}},
		{Name: "nor more than there is", As: carl, Path: to, Body: `{"amount":1e300,"method":"cash"}`, Want: 400, Has: []string{`"amount":{`}},
		{Name: "nor words", As: carl, Path: to, Body: `{"amount":"80","method":"cash"}`, Want: 400, Has: []string{`"amount":{`}},
		{Name: "a method of nobody's", As: carl, Path: to, Body: `{"amount":80,"method":"barter"}`, Want: 400, Has: []string{`"method":{`}},
		{Name: "a reference too long", As: carl, Path: to, Body: `{"amount":80,"method":"cash","reference":"` + strings.Repeat("x", 201) + `"}`, Want: 400, Has: []string{`"reference":{`}},
		{Name: "the reception takes no money", As: dana, Path: to, Body: `{"amount":80,"method":"cash"}`, Want: 403},
		{Name: "nor does a doctor", As: grace, Path: to, Body: `{"amount":80,"method":"cash"}`, Want: 403},
		{Name: "nor the patient", As: ada, Path: to, Body: `{"amount":80,"method":"cash"}`, Want: 403},
		{Name: "what the server sets is named", As: carl, Path: to, Body: `{"amount":1,"method":"cash","kind":"refund","paidAt":"2020-01-01 00:00:00.000Z"}`, Want: 400, Has: []string{`"kind":{"code":"server_set"`, `"paidAt":{"code":"server_set"`}},
		{Name: "an invoice that is not there", As: carl, Path: path + "/nobody000000000/payments", Body: `{"amount":80,"method":"cash"}`, Want: 404},
		{Name: "the ledger is no client's to write", As: carl, Path: ledger, Body: `{"invoiceId":"` + billingapi.CastUnpaid + `","kind":"payment","amount":1,"method":"cash"}`, Want: 403},
		{Name: "nor in batch", As: alma, Path: "/api/batch", Body: inBatch("POST", ledger, `{"invoiceId":"`+billingapi.CastUnpaid+`","kind":"payment","amount":1,"method":"cash"}`), Want: 400},
		{Name: "nor to change", As: alma, Method: "PATCH", Path: ledger + "/" + billingapi.CastPayment, Body: `{"amount":1}`, Want: 403},
		{Name: "nor to delete", As: alma, Method: "DELETE", Path: ledger + "/" + billingapi.CastPayment, Want: 403},
	})
}

func TestTheSamePaymentSentTwice(t *testing.T) {
	s := set.Start(t)
	const body = `{"amount":30,"method":"cash"}`
	one := s.As(t, carl, "POST", unpaid+"/payments", body, "Idempotency-Key: p1")
	two := s.As(t, carl, "POST", unpaid+"/payments", body, "Idempotency-Key: p1")
	if one.Status != 201 || two.Status != 201 || one.Body != two.Body {
		t.Errorf("first %d %s, second %d %s", one.Status, one.Body, two.Status, two.Body)
	}
	if got := s.As(t, carl, "GET", unpaid, nil).JSON(t)["paid"]; got != 30.0 {
		t.Errorf("paid %v, want 30", got)
	}
}

func TestRefunds(t *testing.T) {
	s := set.Start(t)
	const to = paid + "/refunds"
	s.On(t, []kerneltest.Scenario{
		{Name: "more than was paid", As: carl, Path: to, Body: `{"amount":150.01}`, Want: 409, Has: []string{`"amount":{"code":"refund_exceeds_paid"`}},
		{Name: "of nothing", As: carl, Path: unpaid + "/refunds", Body: `{"amount":1}`, Want: 409, Has: []string{"refund_exceeds_paid"}},
		{Name: "without an amount", As: carl, Path: to, Body: `{"reason":"x"}`, Want: 400, Has: []string{`"amount":{"code":"validation_required"`}},
		{Name: "a part, the way it was paid", As: carl, Path: to, Body: `{"amount":50,"reason":"ECG not done"}`, Want: 201, Has: []string{`"kind":"refund"`, `"method":"card"`, `"reason":"ECG not done"`, `"refunded":50`, `"paid":150`, `"balance":0`, `"status":"paid"`}},
		{Name: "what was given back is not given twice", As: carl, Path: to, Body: `{"amount":100.01}`, Want: 409, Has: []string{"refund_exceeds_paid"}},
		{Name: "the reception gives nothing back", As: dana, Path: to, Body: `{"amount":1}`, Want: 403},
		{Name: "all of the rest", As: carl, Path: to, Body: `{"amount":100,"method":"cash","reference":"K7"}`, Want: 201, Has: []string{`"method":"cash"`, `"refunded":150`, `"balance":0`, `"status":"refunded"`}},
		{Name: "a refunded invoice is closed", As: carl, Path: paid + "/payments", Body: `{"amount":1,"method":"cash"}`, Want: 409, Has: []string{`"invoice_refunded"`}},
		{Name: "it is not called off", As: carl, Path: paid + "/void", Body: `{"reason":"x"}`, Want: 409, Has: []string{`"has_payments"`}},
	})
}

func TestARefundOfAllThatWasPaidOfAPartEndsTheDebt(t *testing.T) {
	s := set.Start(t)
	s.As(t, carl, "POST", unpaid+"/payments", `{"amount":30,"method":"cash"}`)
	r := s.As(t, carl, "POST", unpaid+"/refunds", `{"amount":29.99}`)
	if !strings.Contains(r.Body, `"status":"partial"`) || !strings.Contains(r.Body, `"balance":50`) {
		t.Errorf("a cent was kept: %s", r.Body)
	}
	r = s.As(t, carl, "POST", unpaid+"/refunds", `{"amount":0.01}`)
	if !strings.Contains(r.Body, `"status":"refunded"`) || !strings.Contains(r.Body, `"balance":0`) {
		t.Errorf("nothing was kept: %s", r.Body)
	}
}

func TestVoid(t *testing.T) {
	s := set.Start(t)
	s.On(t, []kerneltest.Scenario{
		{Name: "a reason is needed", As: carl, Path: unpaid + "/void", Body: `{"reason":" "}`, Want: 400, Has: []string{`"reason":{"code":"validation_required"`}},
		{Name: "not once something was paid", As: carl, Path: paid + "/void", Body: `{"reason":"x"}`, Want: 409, Has: []string{`"has_payments"`}},
		{Name: "not by the reception", As: dana, Path: unpaid + "/void", Body: `{"reason":"x"}`, Want: 403},
		{Name: "it keeps its number", As: carl, Path: unpaid + "/void", Body: `{"reason":"Billed twice"}`, Want: 200, Has: []string{`"status":"void"`, `"balance":0`, `"invoiceNumber":"INV-000001"`, `"voidReason":"Billed twice"`}},
		{Name: "once", As: carl, Path: unpaid + "/void", Body: `{"reason":"x"}`, Want: 409, Has: []string{`"invoice_void"`}},
		{Name: "nothing is paid on it", As: carl, Path: unpaid + "/payments", Body: `{"amount":1,"method":"cash"}`, Want: 409, Has: []string{`"invoice_void"`}},
		{Name: "nothing changes on it", As: carl, Method: "PUT", Path: unpaid, Body: `{"details":"x"}`, Want: 409, Has: []string{`"invoice_void"`}},
		{Name: "it is not issued again", As: carl, Path: unpaid + "/issue", Want: 409, Has: []string{`"invoice_void"`}},
		{Name: "the patient still sees it", As: ada, Method: "GET", Path: unpaid, Want: 200, Has: []string{`"status":"void"`}},
	})
}

// crowd sends n requests at once and counts the statuses.
func crowd(t *testing.T, s *kerneltest.Server, n int, request func(i int) (method, url, body string)) map[int]int {
	t.Helper()
	token := s.Token(t, carl)
	got := map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			method, url, body := request(i)
			r := s.Do(t, method, url, token, body)
			mu.Lock()
			defer mu.Unlock()
			got[r.Status]++
		})
	}
	wg.Wait()
	return got
}

func TestThirtyPayTenEachOfEighty(t *testing.T) {
	s := set.Start(t)
	got := crowd(t, s, 30, func(int) (string, string, string) {
		return "POST", unpaid + "/payments", `{"amount":10,"method":"cash"}`
	})
	if got[http.StatusCreated] != 8 || got[http.StatusConflict] != 22 {
		t.Errorf("statuses %v, want 8 × 201 and 22 × 409", got)
	}
	r := s.As(t, carl, "GET", unpaid, nil).JSON(t)
	if r["paid"] != 80.0 || r["balance"] != 0.0 || r["status"] != "paid" {
		t.Errorf("invoice: %v", r)
	}
	inLedger(t, s, billingapi.CastUnpaid, 8000, 0)
}

// TestARushOfEverything pays, refunds, changes and calls off at once. Whatever got through,
// the invoice and its ledger agree.
func TestARushOfEverything(t *testing.T) {
	s := set.Start(t)
	id := s.As(t, carl, "POST", path, map[string]any{"patientId": patientsapi.Ada, "amount": 40}).ID(t)
	at := path + "/" + id
	got := crowd(t, s, 40, func(i int) (string, string, string) {
		switch i % 4 {
		case 0:
			return "POST", at + "/refunds", `{"amount":3}`
		case 1:
			return "PUT", at, fmt.Sprintf(`{"amount":%d}`, 40+i)
		case 2:
			return "POST", at + "/void", `{"reason":"rush"}`
		}
		return "POST", at + "/payments", `{"amount":7,"method":"cash"}`
	})
	for status := range got {
		if status != 200 && status != 201 && status != 409 {
			t.Errorf("statuses %v", got)
		}
	}
	invoice, err := s.App.FindRecordById("invoices", id)
	if err != nil {
		t.Fatal(err)
	}
	paidMinor, refundedMinor := int64(invoice.GetInt("paidMinor")), int64(invoice.GetInt("refundedMinor"))
	inLedger(t, s, id, paidMinor, refundedMinor)
	if paidMinor > int64(invoice.GetInt("amountMinor")) || refundedMinor > paidMinor || (invoice.GetString("status") == "void" && paidMinor > 0) {
		t.Errorf("amount %d, paid %d, refunded %d, %s", invoice.GetInt("amountMinor"), paidMinor, refundedMinor, invoice.GetString("status"))
	}
}

// inLedger compares the rows with sums in minor units.
func inLedger(t *testing.T, s *kerneltest.Server, id string, paid, refunded int64) {
	t.Helper()
	var p, r int64
	err := s.App.DB().NewQuery("SELECT coalesce(sum(iif(kind = 'payment', amountMinor, 0)), 0), coalesce(sum(iif(kind = 'refund', amountMinor, 0)), 0) FROM payments WHERE invoiceId = {:id}").
		Bind(map[string]any{"id": id}).Row(&p, &r)
	if err != nil {
		t.Fatal(err)
	}
	if p != paid || r != refunded {
		t.Errorf("the ledger has %d paid and %d refunded, the invoice %d and %d", p, r, paid, refunded)
	}
}

func TestPaymentsAreAListLikeAnyOther(t *testing.T) {
	s := set.Start(t)
	to := path + "/" + billingapi.CastUnpaid + "/payments"
	for _, body := range []string{`{"amount":10,"method":"cash","reference":"till"}`, `{"amount":20,"method":"card"}`, `{"amount":5,"method":"cash"}`} {
		if r := s.As(t, carl, "POST", to, body); r.Status != 201 {
			t.Fatal(r.Body)
		}
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "newest first", As: carl, Method: "GET", Path: to + "?perPage=1", Want: 200, Has: []string{`"totalItems":3`, `"amount":5`}},
		{Name: "sorted", As: carl, Method: "GET", Path: to + "?sort=-amount&perPage=1", Want: 200, Has: []string{`"amount":20`}},
		{Name: "filtered", As: carl, Method: "GET", Path: to + "?filter=method='cash'", Want: 200, Has: []string{`"totalItems":2`}, Not: []string{`"card"`}},
		{Name: "searched", As: carl, Method: "GET", Path: to + "?q=till", Want: 200, Has: []string{`"totalItems":1`, `"amount":10`}},
		{Name: "with the invoice", As: carl, Method: "GET", Path: to + "?expand=invoiceId&perPage=1&skipTotal=1", Want: 200, Has: []string{`"invoiceNumber"`, `"totalItems":-1`}},
		{Name: "hidden sums stay hidden", As: carl, Method: "GET", Path: to + "?filter=amountMinor>0", Want: 400, Has: []string{`"filter":{"code":"query_not_allowed"`}},
	})
}
