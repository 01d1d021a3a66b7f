package billing

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// enter holds a new row of the ledger to what the invoice allows.
func enter(tx core.App, r *core.Record) error {
	invoice, err := tx.FindRecordById("invoices", r.GetString("invoiceId"))
	if errors.Is(err, sql.ErrNoRows) {
		return kernel.Bad("invoiceId", "unknown_invoice", "There is no such invoice.")
	}
	if err != nil {
		return fmt.Errorf("invoice of a payment: %w", err)
	}
	for _, field := range []string{"reference", "reason"} {
		r.Set(field, strings.TrimSpace(r.GetString(field)))
	}
	if r.GetString("kind") == "" {
		r.Set("kind", billingapi.Payment)
	}
	if r.GetString("receivedById") == "" {
		r.Set("receivedById", kernel.Actor(r))
	}
	if r.GetDateTime("paidAt").IsZero() {
		r.Set("paidAt", types.NowDateTime())
	}
	s, err := clinicapi.Current(tx)
	if err != nil {
		return err
	}
	r.Set("paidOn", s.Today(r.GetDateTime("paidAt").Time()))
	if err := refundMethod(tx, r); err != nil {
		return err
	}
	var bad kernel.Invalid
	if !slices.Contains(billingapi.Methods, r.GetString("method")) {
		bad = append(bad, errNoMethod.At("method"))
	}
	minor, wrong := amountMinor(invoice, r.GetFloat("amount"))
	if wrong != nil {
		bad = append(bad, wrong)
	}
	r.Set("amountMinor", minor)
	if len(bad) > 0 {
		return bad.Complete(tx, r)
	}
	return allowed(invoice, r.GetString("kind"), minor)
}

// amountMinor returns an amount that is paid or refunded in the invoice's minor units.
func amountMinor(invoice *core.Record, amount float64) (minor int64, wrong *kernel.Error) {
	currency := invoice.GetString("currency")
	minor, ok := clinicapi.Minor(amount, currency)
	if !ok || minor <= 0 {
		return minor, errAmount.Saying(fmt.Sprintf("Must be more than 0, with at most %d decimals, as %s has.", clinicapi.Decimals(currency), currency)).At("amount")
	}
	return minor, nil
}

// refundMethod gives a refund without one the method of the last payment.
func refundMethod(tx core.App, r *core.Record) error {
	if r.GetString("kind") != billingapi.Refund || r.GetString("method") != "" {
		return nil
	}
	var last string
	err := tx.DB().Select("method").From("payments").Where(dbx.HashExp{"invoiceId": r.GetString("invoiceId"), "kind": billingapi.Payment}).
		OrderBy("paidAt DESC", "rowid DESC").Limit(1).Row(&last)
	if errors.Is(err, sql.ErrNoRows) {
		last = "other" // nothing was paid: the amount is refused
	} else if err != nil {
		return fmt.Errorf("last payment: %w", err)
	}
	r.Set("method", last)
	return nil
}

// allowed returns why an amount cannot be paid or refunded on the invoice as it is now.
func allowed(invoice *core.Record, kind string, minor int64) error {
	paid, refunded := int64(invoice.GetInt("paidMinor")), int64(invoice.GetInt("refundedMinor"))
	if kind == billingapi.Refund {
		if minor > paid-refunded {
			return errOverRefunded.At("amount")
		}
		return nil
	}
	switch invoice.GetString("status") {
	case billingapi.Draft:
		return errNotIssued
	case billingapi.Void:
		return errVoid
	case billingapi.Refunded:
		return errRefunded
	}
	if minor > int64(invoice.GetInt("balanceMinor")) {
		return errOverpaid.At("amount")
	}
	return nil
}

// bookOnInvoice makes the invoice add up with the new row.
func bookOnInvoice(tx core.App, r *core.Record) error {
	invoice, err := tx.FindRecordById("invoices", r.GetString("invoiceId"))
	if err != nil {
		return fmt.Errorf("invoice of a payment: %w", err)
	}
	kernel.SetActor(invoice, kernel.Actor(r))
	return tx.Save(invoice) // the hook "change" works the totals out
}

// keepLedger refuses every change of what was entered.
func keepLedger(core.App, *core.Record) error { return errLedger }

// Entry is one row of the ledger to be.
type Entry struct {
	Kind              string // billingapi.Payment or billingapi.Refund
	AmountMinor       int64  // in the invoice's currency, more than 0
	Method            string // one of billingapi.Methods; a refund without one takes the last payment's
	Reference, Reason string
	By                string // the account that enters it
}

// Book enters a payment or refund and returns the row. It returns errOverpaid,
// errOverRefunded, errNotIssued, errVoid or errRefunded when the invoice does not allow it.
func Book(tx core.App, invoice *core.Record, e Entry) (*core.Record, error) {
	c, err := tx.FindCollectionByNameOrId("payments")
	if err != nil {
		return nil, err
	}
	r := core.NewRecord(c)
	kernel.SetActor(r, e.By)
	r.Load(map[string]any{
		"invoiceId": invoice.Id, "kind": e.Kind, "amount": clinicapi.Major(e.AmountMinor, invoice.GetString("currency")),
		"method": e.Method, "reference": e.Reference, "reason": e.Reason,
	})
	if err := tx.Save(r); err != nil {
		return nil, err
	}
	return r, nil
}

// PaymentInput is a payment as a cashier enters it.
type PaymentInput struct {
	Amount    *float64 `json:"amount" required:"true" doc:"in major units; at most what is owed"`
	Method    string   `json:"method" required:"true" doc:"cash, card, transfer, insurance or other"`
	Reference string   `json:"reference" doc:"such as the number of the transfer"`
}

// Validate names what is missing.
func (in PaymentInput) Validate() error {
	var bad kernel.Invalid
	if in.Amount == nil {
		bad = append(bad, kernel.Required("amount"))
	}
	if in.Method == "" {
		bad = append(bad, kernel.Required("method"))
	} else if !slices.Contains(billingapi.Methods, in.Method) {
		bad = append(bad, errNoMethod.At("method"))
	}
	return bad.OrNil()
}

// Complete looks at the amount as well.
func (in PaymentInput) Complete(c *kernel.Call) error {
	return entryHolds(c, in.Amount, map[string]string{"reference": in.Reference})
}

// entryHolds names what of an entry the table refuses. Its texts have limits there.
func entryHolds(c *kernel.Call, amount *float64, texts map[string]string) error {
	var bad kernel.Invalid
	if amount != nil {
		if _, wrong := amountMinor(c.Record, *amount); wrong != nil {
			bad = append(bad, wrong)
		}
	}
	ledger, err := c.App.FindCachedCollectionByNameOrId("payments")
	if err != nil {
		return err
	}
	for name, text := range texts {
		if f, ok := ledger.Fields.GetByName(name).(*core.TextField); ok && len([]rune(strings.TrimSpace(text))) > f.Max {
			bad = append(bad, kernel.Bad(name, "validation_max_text_constraint", fmt.Sprintf("Must be no more than %d characters.", f.Max)))
		}
	}
	return bad.OrNil()
}

// RefundInput is a refund as a cashier enters it.
type RefundInput struct {
	Amount    *float64 `json:"amount" required:"true" doc:"in major units; at most what was paid and not given back yet"`
	Method    string   `json:"method" doc:"cash, card, transfer, insurance or other; by default that of the last payment"`
	Reason    string   `json:"reason" doc:"why, at most 500 characters"`
	Reference string   `json:"reference" doc:"such as the number of the transfer"`
}

// Validate names what is missing.
func (in RefundInput) Validate() error {
	var bad kernel.Invalid
	if in.Amount == nil {
		bad = append(bad, kernel.Required("amount"))
	}
	if in.Method != "" && !slices.Contains(billingapi.Methods, in.Method) {
		bad = append(bad, errNoMethod.At("method"))
	}
	return bad.OrNil()
}

// Complete looks at the amount as well.
func (in RefundInput) Complete(c *kernel.Call) error {
	return entryHolds(c, in.Amount, map[string]string{"reference": in.Reference, "reason": in.Reason})
}

var payRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/billing/{id}/payments", Record: "invoices", Allow: writers,
	Status: http.StatusCreated, Returns: "payments", Summary: "Enter a payment; the answer holds it and, as invoice, what the invoice is now",
	Errors: []*kernel.Error{errOverpaid, errNotIssued, errVoid, errRefunded},
}, func(c *kernel.Call, in PaymentInput) (*core.Record, error) {
	return book(c, billingapi.Payment, *in.Amount, Entry{Method: in.Method, Reference: in.Reference})
})

var refundRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/billing/{id}/refunds", Record: "invoices", Allow: writers,
	Status: http.StatusCreated, Returns: "payments", Summary: "Enter a refund; the answer holds it and, as invoice, what the invoice is now",
	Errors: []*kernel.Error{errOverRefunded},
}, func(c *kernel.Call, in RefundInput) (*core.Record, error) {
	return book(c, billingapi.Refund, *in.Amount, Entry{Method: in.Method, Reference: in.Reference, Reason: in.Reason})
})

func book(c *kernel.Call, kind string, amount float64, e Entry) (*core.Record, error) {
	minor, wrong := amountMinor(c.Record, amount)
	if wrong != nil {
		return nil, wrong
	}
	e.Kind, e.AmountMinor, e.By = kind, minor, actorOf(c)
	r, err := Book(c.App, c.Record, e)
	if err != nil {
		return nil, err
	}
	return withInvoice(c, r.Id)
}
