package billing

import (
	"net/http"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Conflicts with what an invoice is by now.
var (
	errOverpaid     = kernel.Fail(http.StatusConflict, "overpaid", "This is more than is owed on the invoice.")
	errOverRefunded = kernel.Fail(http.StatusConflict, "refund_exceeds_paid", "This is more than was paid and not given back yet.")
	errAmountLocked = kernel.Fail(http.StatusConflict, "amount_locked", "Something was paid on the invoice, or nothing is owed: what it bills cannot be changed any more.")
	errNotIssued    = kernel.Fail(http.StatusConflict, "not_issued", "The invoice is a draft: issue it first.")
	errIssued       = kernel.Fail(http.StatusConflict, "already_issued", "The invoice was issued already.")
	errVoid         = kernel.Fail(http.StatusConflict, "invoice_void", "The invoice is void.")
	errRefunded     = kernel.Fail(http.StatusConflict, "invoice_refunded", "All that was paid was given back: nothing is owed on the invoice. Write a new one.")
	errHasPayments  = kernel.Fail(http.StatusConflict, "has_payments", "Something was paid on the invoice: refund it instead.")
	errKept         = kernel.Fail(http.StatusConflict, "invoice_kept", "An invoice that was issued is never removed: void it instead.")
	errNumberKept   = kernel.Fail(http.StatusConflict, "invoice_number_kept", "Invoice numbers are given once, without gaps, and never change.")
	errLedger       = kernel.Fail(http.StatusConflict, "ledger_immutable", "Payments are never changed or removed: enter a refund instead.")
)

// raised are those that the database itself refuses a write with.
var raised = []*kernel.Error{errOverpaid, errOverRefunded, errAmountLocked, errVoid, errHasPayments, errKept, errNumberKept, errLedger}

// Refusals of single values.
var (
	errAmount    = kernel.Fail(http.StatusBadRequest, "validation_invalid_amount", "Must be an amount of money.")
	errMismatch  = kernel.Fail(http.StatusBadRequest, "amount_mismatch", "Is not what the items come to: leave it out.")
	errNoPatient = kernel.Fail(http.StatusBadRequest, "unknown_patient", "There is no such patient.")
	errNoDoctor  = kernel.Fail(http.StatusBadRequest, "unknown_doctor", "There is no such doctor.")
	errNoVisit   = kernel.Fail(http.StatusBadRequest, "unknown_appointment", "The patient has no such appointment.")
	errNoMethod  = kernel.Fail(http.StatusBadRequest, "validation_in_invalid", "Must be cash, card, transfer, insurance or other.")
)
