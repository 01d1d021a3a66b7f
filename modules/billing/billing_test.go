package billing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var set = &kerneltest.Set{Modules: modules()}

func modules() []kernel.Module {
	return []kernel.Module{
		hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(),
		appointments.Module(), billing.Module(),
	}
}

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

var (
	alma, ada, bob, grace = as(authapi.Alma), as(authapi.Ada), as(authapi.Bob), as(authapi.Grace)
	omar, nia, dana, carl = as(authapi.Omar), as(authapi.Nia), as(authapi.Dana), as(authapi.Carl)
	petra, guest          = as(authapi.Petra), kerneltest.Account{}
)

const (
	path       = "/api/billing"
	collection = "/api/collections/invoices/records"
	ledger     = "/api/collections/payments/records"
	unpaid     = path + "/" + billingapi.CastUnpaid
	paid       = path + "/" + billingapi.CastPaid
)

// forAda is the body of an invoice of Ada's with more fields.
func forAda(more string) string {
	return strings.TrimSuffix(`{"patientId":"`+patientsapi.Ada+`",`+more, ",") + "}"
}

// inBatch is the body of a batch with one request in it.
func inBatch(method, url, body string) string {
	return fmt.Sprintf(`{"requests":[{"method":%q,"url":%q,"body":%s}]}`, method, url, body)
}

func TestBilling(t *testing.T) {
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", As: guest, Path: path, Body: forAda(`"amount":80`), Want: 401},
		{Name: "a patient bills nobody", As: ada, Path: path, Body: forAda(`"amount":80`), Want: 403},
		{Name: "nor does a nurse", As: nia, Path: path, Body: forAda(`"amount":80`), Want: 403},
		{Name: "nor the pharmacy", As: petra, Path: path, Body: forAda(`"amount":80`), Want: 403},
		{Name: "the cashier bills an amount", As: carl, Path: path, Body: forAda(`"amount":1500,"details":"Surgery"`), Want: 201, Has: []string{
			`"amount":1500`, `"balance":1500`, `"paid":0`, `"refunded":0`, `"status":"unpaid"`, `"invoiceNumber":"INV-000003"`, `"currency":"USD"`, `"issuedOn":"`, `"createdById":"` + authapi.Carl.ID + `"`,
		}, Not: []string{"Minor", "sourceId"}},
		{Name: "so does the admin", As: alma, Path: path, Body: forAda(`"amount":12.5`), Want: 201, Has: []string{`"amount":12.5`}},
		{Name: "the reception too", As: dana, Path: path, Body: forAda(`"amount":12.5`), Want: 201},
		{Name: "a doctor bills for themself", As: grace, Path: path, Body: forAda(`"amount":12.5`), Want: 201, Has: []string{`"doctorId":"` + staffapi.Grace + `"`}},
		{Name: "and for nobody else", As: grace, Path: path, Body: forAda(`"amount":12.5,"doctorId":"` + staffapi.Omar + `"`), Want: 403, Has: []string{`"doctorId"`}},
		{Name: "the visit says whose service it was", As: dana, Path: path, Body: forAda(`"amount":80,"appointmentId":"` + appointmentsapi.CastYesterday + `"`), Want: 201, Has: []string{`"doctorId":"` + staffapi.Grace + `"`}},
		{Name: "another patient's visit is refused", As: dana, Path: path, Body: forAda(`"amount":80,"appointmentId":"` + appointmentsapi.CastNextWeek + `"`), Want: 400, Has: []string{`"appointmentId":{"code":"unknown_appointment"`}},
		{Name: "a visit with another doctor too", As: dana, Path: path, Body: forAda(`"amount":80,"appointmentId":"` + appointmentsapi.CastYesterday + `","doctorId":"` + staffapi.Omar + `"`), Want: 400, Has: []string{`"doctorId":{"code":"other_doctor"`}},
		{Name: "items make the amount", As: carl, Path: path, Body: forAda(`"items":[{"description":" Dressing ","quantity":3,"unitPrice":15.5,"discount":1.5,"taxRate":10},{"description":"Visit","quantity":1,"unitPrice":80}]`),
			Want: 201, Has: []string{`"amount":129.5`, `{"description":"Dressing","quantity":3,"unitPrice":15.5,"taxRate":10,"discount":1.5,"total":49.50}`}},
		{Name: "items and the amount they make", As: carl, Path: path, Body: forAda(`"amount":80,"items":[{"description":"Visit","quantity":1,"unitPrice":80}]`), Want: 201},
		{Name: "items and another amount", As: carl, Path: path, Body: forAda(`"amount":79,"items":[{"description":"Visit","quantity":1,"unitPrice":80}]`), Want: 400, Has: []string{`"amount":{"code":"amount_mismatch"`}},
		{Name: "items and an amount of 0", As: carl, Path: path, Body: forAda(`"amount":0,"items":[{"description":"Visit","quantity":1,"unitPrice":80}]`), Want: 400, Has: []string{"amount_mismatch"}},
		{Name: "every bad entry is named", As: carl, Path: path, Body: forAda(`"dueOn":"2026-02-30","items":[{"quantity":0,"unitPrice":1.005},{"description":"x","quantity":"1","unitPrice":-1,"taxRate":101}]`),
			Want: 400, Has: []string{`"dueOn":{`, `"items.0.description":{"code":"validation_required"`, `"items.0.unitPrice":{"code":"too_many_decimals"`, `"items.1.quantity":{"code":"validation_invalid_number"`, `"items.1.unitPrice":{"code":"validation_min_number_constraint"`, `"items.1.taxRate":{"code":"validation_max_number_constraint"`}},
		{Name: "a discount of more than the line", As: carl, Path: path, Body: forAda(`"items":[{"description":"x","quantity":1,"unitPrice":1,"discount":1.01}]`), Want: 400, Has: []string{`"items.0.discount":{"code":"discount_too_large"`}},
		{Name: "a total that is not the line's", As: carl, Path: path, Body: forAda(`"items":[{"description":"x","quantity":1,"unitPrice":1,"total":0.5}]`), Want: 400, Has: []string{`"items.0.total":{"code":"server_set"`}},
		{Name: "items that are none", As: carl, Path: path, Body: forAda(`"items":{"a":1}`), Want: 400, Has: []string{`"items":{"code":"validation_invalid_type"`}},
		{Name: "lines that are none", As: carl, Path: path, Body: forAda(`"items":[1,null,"x",[]]`), Want: 400, Has: []string{`"items.0":{`, `"items.1":{`, `"items.2":{`, `"items.3":{`}},
		{Name: "a number too large to compute", As: carl, Path: path, Body: forAda(`"items":[{"description":"x","quantity":1e300,"unitPrice":1}]`), Want: 400, Has: []string{`"items.0.quantity"`}},
		{Name: "a sum that is too large", As: carl, Path: path, Body: forAda(`"items":[{"description":"x","quantity":1000000,"unitPrice":1000000}]`), Want: 400, Has: []string{`"items.0.unitPrice":{"code":"validation_invalid_amount"`}},
		{Name: "neither amount nor items", As: carl, Path: path, Body: forAda(`"details":"x"`), Want: 400, Has: []string{`"amount":{"code":"validation_required"`}, Not: []string{`"status":{`, `"currency":{`}},
		{Name: "an empty body names both", As: carl, Path: path, Body: `{}`, Want: 400, Has: []string{`"amount":{`, `"patientId":{"code":"validation_required"`}},
		{Name: "no amount but an empty list", As: carl, Path: path, Body: forAda(`"amount":null,"items":[]`), Want: 400, Has: []string{`"amount":{"code":"validation_required"`}},
		{Name: "nothing is not billed", As: carl, Path: path, Body: forAda(`"amount":0`), Want: 400, Has: []string{`"amount":{"code":"validation_min_greater_than_required"`}},
		{Name: "nor items that come to nothing", As: carl, Path: path, Body: forAda(`"items":[{"description":"Visit","quantity":1,"unitPrice":0}]`), Want: 400, Has: []string{`"items":{`}},
		{Name: "a negative amount", As: carl, Path: path, Body: forAda(`"amount":-1`), Want: 400, Has: []string{`"amount":{`}},
		{Name: "a tenth of a cent", As: carl, Path: path, Body: forAda(`"amount":1.001`), Want: 400, Has: []string{`"amount":{"code":"validation_invalid_amount"`}},
		{Name: "no number", As: carl, Path: path, Body: forAda(`"amount":"a lot"`), Want: 400, Has: []string{`"amount":{`}},
		{Name: "a patient who is not there", As: carl, Path: path, Body: `{"patientId":"patnobody000000","amount":1}`, Want: 400, Has: []string{`"patientId":{"code":"unknown_patient"`}},
		{Name: "a doctor who is not there", As: carl, Path: path, Body: forAda(`"amount":1,"doctorId":"docnobody000000"`), Want: 400, Has: []string{`"doctorId":{"code":"unknown_doctor"`}},
		{Name: "the server sets the rest", As: carl, Path: path, Body: forAda(`"amount":1,"status":"paid","invoiceNumber":"X","paid":1,"balance":0.5,"issuedAt":"2020-01-01 00:00:00Z","currency":"EUR"`),
			Want: 400, Has: []string{`"status":{"code":"server_set"`, `"invoiceNumber":{"code":"server_set"`, `"paid":{"code":"server_set"`, `"balance":{"code":"server_set"`, `"issuedAt":{"code":"server_set"`, `"currency":{"code":"server_set"`}},
		{Name: "the hidden twins too", As: carl, Path: path, Body: forAda(`"amount":1,"amountMinor":1,"paidMinor":1`), Want: 400, Has: []string{`"amountMinor":{"code":"server_set"`, `"paidMinor":{"code":"server_set"`}},
		{Name: "the collection takes the same", As: carl, Path: collection, Body: forAda(`"amount":1500`), Want: 200, Has: []string{`"status":"unpaid"`, `"invoiceNumber":"INV-`}},
		{Name: "and refuses the same", As: carl, Path: collection, Body: forAda(`"amount":1.001`), Want: 400, Has: []string{`"amount":{`}},
		{Name: "a patient not there either", As: ada, Path: collection, Body: forAda(`"amount":1`), Want: 400},
		{Name: "batch takes the same", As: carl, Path: "/api/batch", Body: inBatch("POST", collection, forAda(`"amount":7.25`)), Want: 200, Has: []string{`"balance":7.25`}},
		{Name: "and refuses the same in batch", As: carl, Path: "/api/batch", Body: inBatch("POST", collection, forAda(`"amount":1,"status":"paid"`)), Want: 400, Has: []string{"server_set"}},
	})
}

func TestReading(t *testing.T) {
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a patient sees their own", As: ada, Method: "GET", Path: unpaid, Want: 200, Has: []string{`"amount":80`}},
		{Name: "and nobody else's", As: bob, Method: "GET", Path: unpaid, Want: 404},
		{Name: "also in the list", As: bob, Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":1`, billingapi.CastPaid}},
		{Name: "the reception reads all", As: dana, Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":2`}},
		{Name: "a doctor reads what they billed or did", As: grace, Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":1`, billingapi.CastUnpaid}},
		{Name: "and nothing else", As: omar, Method: "GET", Path: unpaid, Want: 404},
		{Name: "a nurse reads none", As: nia, Method: "GET", Path: path, Want: 403},
		{Name: "search by number", As: carl, Method: "GET", Path: path + "?q=inv-000002", Want: 200, Has: []string{`"totalItems":1`, billingapi.CastPaid}},
		{Name: "filter by status", As: carl, Method: "GET", Path: path + "?filter=status='unpaid'&sort=-amount", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "no filter by what is hidden", As: carl, Method: "GET", Path: path + "?filter=amountMinor%3E1", Want: 400},
		{Name: "payments of an invoice", As: bob, Method: "GET", Path: paid + "/payments", Want: 200, Has: []string{`"totalItems":1`, `"method":"card"`, `"amount":150`}},
		{Name: "somebody else's payments are not there", As: ada, Method: "GET", Path: paid + "/payments", Want: 404},
		{Name: "nor in the collection", As: ada, Method: "GET", Path: ledger, Want: 200, Has: []string{`"items":[]`}},
		{Name: "the patient's own are", As: bob, Method: "GET", Path: ledger, Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "a bill is not deleted", As: alma, Method: "DELETE", Path: collection + "/" + billingapi.CastUnpaid, Want: 403},
		{Name: "nor on the documented path", As: alma, Method: "DELETE", Path: unpaid, Want: 404},
	})
}

func TestChanging(t *testing.T) {
	payTen := func(t *testing.T, s *kerneltest.Server) {
		t.Helper()
		if r := s.As(t, carl, "POST", unpaid+"/payments", `{"amount":10,"method":"cash"}`); r.Status != 201 {
			t.Fatal(r.Status, r.Body)
		}
	}
	set.Run(t, []kerneltest.Scenario{
		{Name: "an unpaid amount may change", As: carl, Method: "PUT", Path: unpaid, Body: `{"amount":90}`, Want: 200, Has: []string{`"amount":90`, `"balance":90`}},
		{Name: "into items", As: carl, Method: "PUT", Path: unpaid, Body: `{"items":[{"description":"x","quantity":2,"unitPrice":1.25}]}`, Want: 200, Has: []string{`"amount":2.5`, `"balance":2.5`}},
		{Name: "and back", As: carl, Method: "PUT", Path: paid, Body: `{"items":[],"amount":1}`, Want: 409, Has: []string{`"amount":{"code":"amount_locked"`}},
		{Name: "not once something was paid", As: carl, Method: "PUT", Path: unpaid, Body: `{"amount":90}`, Before: payTen, Want: 409, Has: []string{`"amount":{"code":"amount_locked"`}},
		{Name: "not by the collection", As: carl, Method: "PATCH", Path: collection + "/" + billingapi.CastUnpaid, Body: `{"amount":70}`, Before: payTen, Want: 409, Has: []string{"amount_locked"}},
		{Name: "not by batch", As: carl, Path: "/api/batch", Body: inBatch("PATCH", collection+"/"+billingapi.CastUnpaid, `{"amount":70}`), Before: payTen, Want: 409, Has: []string{"amount_locked"}},
		{Name: "the items are locked as well", As: carl, Method: "PUT", Path: paid, Body: `{"items":[{"description":"Other words","quantity":1,"unitPrice":150}]}`, Want: 409, Has: []string{`"items":{"code":"amount_locked"`}},
		{Name: "what was read may be sent back", As: carl, Method: "PUT", Path: paid, Want: 200,
			Body: `{"amount":150,"paid":150,"status":"paid","details":"New words","items":[{"description":"Consultation","quantity":1,"unitPrice":110,"total":110},{"description":"ECG","quantity":1,"unitPrice":40,"total":40}]}`,
			Has:  []string{`"details":"New words"`, `"status":"paid"`}},
		{Name: "the details may change after a payment", As: carl, Method: "PUT", Path: unpaid, Body: `{"details":"x"}`, Before: payTen, Want: 200, Has: []string{`"details":"x"`, `"status":"partial"`, `"balance":70`}},
		{Name: "the reception does not change bills", As: dana, Method: "PUT", Path: unpaid, Body: `{"amount":1}`, Want: 403},
		{Name: "nor does a patient", As: ada, Method: "PUT", Path: unpaid, Body: `{"amount":1}`, Want: 403},
		{Name: "nor somebody else's patient learn of it", As: bob, Method: "PUT", Path: unpaid, Body: `{"amount":1}`, Want: 403},
		{Name: "a bill stays the patient's", As: carl, Method: "PUT", Path: unpaid, Body: `{"patientId":"` + patientsapi.Bob + `"}`, Want: 400, Has: []string{`"patientId":{"code":"create_only"`}},
		{Name: "a status is not written", As: carl, Method: "PUT", Path: unpaid, Body: `{"status":"paid"}`, Want: 400, Has: []string{`"status":{"code":"server_set"`}},
		{Name: "nor what was paid", As: carl, Method: "PATCH", Path: collection + "/" + billingapi.CastUnpaid, Body: `{"paid":80,"balance":0}`, Want: 400, Has: []string{`"paid":{"code":"server_set"`, `"balance":{"code":"server_set"`}},
		{Name: "an amount is not added to", As: carl, Method: "PATCH", Path: collection + "/" + billingapi.CastUnpaid, Body: `{"amount-":10}`, Want: 400, Has: []string{`"amount":{"code":"counter_not_allowed"`}},
		{Name: "null says nothing of the amount", As: carl, Method: "PUT", Path: unpaid, Body: `{"amount":null,"details":"x"}`, Want: 200, Has: []string{`"amount":80`}},
		{Name: "a stale write is refused", As: carl, Method: "PUT", Path: unpaid, Body: `{"amount":1}`, Headers: []string{`If-Match: "2020-01-01 00:00:00.000Z"`}, Want: 409, Has: []string{"stale"}},
	})
}

func TestDrafts(t *testing.T) {
	s := set.Start(t)
	draft := s.As(t, dana, "POST", path, forAda(`"amount":50,"draft":true`))
	if body := draft.JSON(t); draft.Status != 201 || body["status"] != "draft" || body["invoiceNumber"] != "" || body["balance"] != 0.0 {
		t.Fatalf("draft: %d %s", draft.Status, draft.Body)
	}
	at := path + "/" + draft.ID(t)
	s.On(t, []kerneltest.Scenario{
		{Name: "a draft is not the patient's to see", As: ada, Method: "GET", Path: at, Want: 404},
		{Name: "nor in their list", As: ada, Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "nothing is paid on it", As: carl, Path: at + "/payments", Body: `{"amount":1,"method":"cash"}`, Want: 409, Has: []string{`"not_issued"`}},
		{Name: "it may be rewritten", As: carl, Method: "PUT", Path: at, Body: `{"items":[{"description":"a","quantity":1,"unitPrice":30},{"description":"b","quantity":1,"unitPrice":30}]}`, Want: 200, Has: []string{`"amount":60`, `"status":"draft"`}},
		{Name: "the reception does not issue it", As: dana, Path: at + "/issue", Want: 403},
		{Name: "the cashier does", As: carl, Path: at + "/issue", Want: 200, Has: []string{`"status":"unpaid"`, `"invoiceNumber":"INV-000003"`, `"balance":60`}},
		{Name: "once", As: carl, Path: at + "/issue", Want: 409, Has: []string{`"already_issued"`}},
		{Name: "now the patient sees it", As: ada, Method: "GET", Path: at, Want: 200},
		{Name: "a draft is asked for with true", As: dana, Path: path, Body: forAda(`"amount":50,"draft":"perhaps"`), Want: 400, Has: []string{`"draft":{`}},
		{Name: "not by naming the status", As: dana, Path: path, Body: forAda(`"amount":50,"status":"draft"`), Want: 400, Has: []string{`"status":{"code":"server_set"`}},
	})
}
