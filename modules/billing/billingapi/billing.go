// Package billingapi is what siblings may know of billing.
package billingapi

import (
	"github.com/pocketbase/pocketbase/core"
)

// Collections of billing.
const (
	Invoices = "invoices"
	Payments = "payments"
)

// Statuses of an invoice. Only the server sets them.
const (
	Draft    = "draft"    // not issued: no number, nothing is owed
	Unpaid   = "unpaid"   // issued, nothing was paid
	Partial  = "partial"  // something was paid, something is owed
	Paid     = "paid"     // nothing is owed
	Void     = "void"     // called off ahead of any payment; it keeps its number
	Refunded = "refunded" // all that was paid was given back; nothing is owed
)

// Kinds of a row in payments.
const (
	Payment = "payment"
	Refund  = "refund"
)

// Methods of payment.
var Methods = []string{"cash", "card", "transfer", "insurance", "other"}

// Rows of the cast.
const (
	CastUnpaid  = "invada000000001" // Ada's, 80.00, unpaid
	CastPaid    = "invbob000000002" // Bob's, 150.00, paid by card
	CastPayment = "paybob000000001" // the payment of Bob's
)

// Charge is a line for a patient's invoice.
type Charge struct {
	PatientID      string // required
	Description    string // required, at most 500 characters; the patient reads it
	Quantity       int    // 0 means 1
	UnitPriceMinor int64  // in minor units of the clinic's currency, not negative
	AppointmentID  string // the visit it belongs to, may be ""; of the same patient
	DoctorID       string // whose service it is, may be ""
	By             string // the account that causes it, "" for jobs
}

// Charges puts services of other modules on invoices. Billing provides one:
//
//	charges, err := kernel.One[billingapi.Charges](k)
type Charges interface {
	// Add puts a line on the patient's newest draft invoice of the same visit and doctor,
	// or on a new draft, in the caller's transaction. It returns the invoice's id, and
	// kernel.Invalid when the charge does not hold.
	Add(tx core.App, c Charge) (invoiceID string, err error)
}
