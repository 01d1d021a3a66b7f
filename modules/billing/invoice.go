package billing

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// derived are the fields that follow from others: whoever writes an invoice, they are
// worked out again.
var derived = []string{"invoiceNumber", "paid", "balance", "refunded", "paidMinor", "balanceMinor", "refundedMinor", "issuedOn", "voidedAt"}

// open makes a new invoice add up, and issues it unless it is to be a draft.
func open(tx core.App, r *core.Record) error {
	for _, field := range derived {
		if v := r.GetString(field); v != "" && v != "0" {
			return kernel.ErrServerSet.At(field)
		}
	}
	s, err := clinicapi.Current(tx)
	if err != nil {
		return err
	}
	if r.GetString("currency") == "" {
		r.Set("currency", s.Currency)
	}
	if r.GetString("createdById") == "" {
		r.Set("createdById", kernel.Actor(r))
	}
	asked := r.GetString("status")
	r.Set("status", billingapi.Draft)
	if err := entriesAndPrice(tx, r); err != nil {
		return err
	}
	switch asked {
	case billingapi.Draft:
		if !r.GetDateTime("issuedAt").IsZero() {
			return kernel.ErrServerSet.At("issuedAt")
		}
	case "", billingapi.Unpaid:
		if err := issue(tx, r, s); err != nil {
			return err
		}
	default:
		return kernel.ErrServerSet.At("status")
	}
	return settle(r, 0, 0)
}

func entriesAndPrice(tx core.App, r *core.Record) error {
	bad, err := checkEntries(tx, r)
	if err != nil {
		return err
	}
	if err := price(r); err != nil {
		var one *kernel.Error
		var several kernel.Invalid
		switch {
		case errors.As(err, &several):
			bad = append(bad, several...)
		case errors.As(err, &one):
			bad = append(bad, one)
		default:
			return err
		}
	}
	return bad.Complete(tx, r)
}

// issue gives a draft its number and day.
func issue(tx core.App, r *core.Record, s clinicapi.Settings) error {
	number, err := nextNumber(tx, s.InvoicePrefix)
	if err != nil {
		return err
	}
	if r.GetDateTime("issuedAt").IsZero() {
		r.Set("issuedAt", types.NowDateTime())
	}
	r.Load(map[string]any{
		"invoiceNumber": number, "status": billingapi.Unpaid,
		"issuedOn": s.Today(r.GetDateTime("issuedAt").Time()),
	})
	return nil
}

// change holds every update of an invoice to what its state allows, and makes it add up
// again from the ledger. A caller moves the state by setting the status: from draft to
// unpaid issues, void with a reason calls off. What was paid is nobody's to say.
func change(tx core.App, r *core.Record) error {
	old := r.Original()
	if old.GetString("status") == billingapi.Void {
		return errVoid
	}
	for _, field := range append([]string{"currency", "createdById", "patientId"}, derived...) {
		if changed(r, field) && !(field == "patientId" && old.GetString("status") == billingapi.Draft) {
			return kernel.ErrServerSet.At(field)
		}
	}
	asked := r.GetString("status")
	r.Set("status", old.GetString("status"))
	if err := entriesAndPrice(tx, r); err != nil {
		return err
	}
	if err := unlocked(r); err != nil {
		return err
	}
	if err := move(tx, r, asked); err != nil {
		return err
	}
	paid, refunded, err := ledger(tx, r.Id)
	if err != nil {
		return err
	}
	return settle(r, paid, refunded)
}

// unlocked refuses another amount, and other items, once something was paid.
func unlocked(r *core.Record) error {
	old := r.Original()
	if slices.Contains([]string{billingapi.Draft, billingapi.Unpaid}, old.GetString("status")) {
		return nil
	}
	if old.GetInt("amountMinor") != r.GetInt("amountMinor") {
		return errAmountLocked.At("amount")
	}
	if changed(r, "items") {
		return errAmountLocked.At("items")
	}
	return nil
}

// move carries out the step that the caller asked for by setting the status.
func move(tx core.App, r *core.Record, asked string) error {
	old := r.Original()
	was := old.GetString("status")
	issuing := was == billingapi.Draft && asked == billingapi.Unpaid
	switch {
	case changed(r, "issuedAt") && !issuing:
		return kernel.ErrServerSet.At("issuedAt")
	case changed(r, "voidReason") && asked != billingapi.Void:
		return kernel.ErrServerSet.At("voidReason")
	case asked == was:
		return nil
	case issuing:
		s, err := clinicapi.Current(tx)
		if err != nil {
			return err
		}
		return issue(tx, r, s)
	case asked != billingapi.Void:
		return kernel.ErrServerSet.At("status")
	case old.GetInt("paidMinor") > 0:
		return errHasPayments
	case r.GetString("voidReason") == "":
		return kernel.Required("voidReason")
	}
	r.Load(map[string]any{"status": billingapi.Void, "voidedAt": types.NowDateTime()})
	return nil
}

// ledger returns what was paid and refunded on an invoice, in minor units.
func ledger(tx core.App, invoiceID string) (paid, refunded int64, err error) {
	err = tx.DB().NewQuery(`SELECT COALESCE(SUM((kind = 'payment') * amountMinor), 0), COALESCE(SUM((kind = 'refund') * amountMinor), 0)
		FROM payments WHERE invoiceId = {:id}`).Bind(dbx.Params{"id": invoiceID}).Row(&paid, &refunded)
	if err != nil {
		return 0, 0, fmt.Errorf("payments of invoice %s: %w", invoiceID, err)
	}
	return paid, refunded, nil
}

// settle sets the status, the balance and the totals that clients see. A refund does not
// bring the debt back: what was given back is no longer asked for. An invoice of which all
// that was paid was given back is closed.
func settle(r *core.Record, paid, refunded int64) error {
	amount, status := int64(r.GetInt("amountMinor")), r.GetString("status")
	balance := amount - paid
	switch {
	case balance < 0:
		return errOverpaid.At("amount")
	case status == billingapi.Draft || status == billingapi.Void:
		balance = 0
	case paid > 0 && refunded == paid:
		status, balance = billingapi.Refunded, 0
	case balance == 0:
		status = billingapi.Paid
	case paid > 0:
		status = billingapi.Partial
	default:
		status = billingapi.Unpaid
	}
	r.Set("status", status)
	currency := r.GetString("currency")
	for field, minor := range map[string]int64{"paid": paid, "balance": balance, "refunded": refunded} {
		r.Set(field+"Minor", minor)
		r.Set(field, clinicapi.Major(minor, currency))
	}
	return nil
}

// keepIssued refuses to remove an invoice that has a number.
func keepIssued(_ core.App, r *core.Record) error {
	if r.GetString("invoiceNumber") != "" {
		return errKept
	}
	return nil
}

// Issue gives a draft its number: from now on it is owed. It returns errIssued or errVoid.
func Issue(tx core.App, invoice *core.Record) error {
	switch invoice.GetString("status") {
	case billingapi.Draft:
		invoice.Set("status", billingapi.Unpaid)
		return tx.Save(invoice)
	case billingapi.Void:
		return errVoid
	}
	return errIssued
}

// Cancel makes an invoice void; its number is kept. It returns errHasPayments once
// something was paid, errVoid when it is void already.
func Cancel(tx core.App, invoice *core.Record, reason string) error {
	if invoice.GetString("status") == billingapi.Void {
		return errVoid
	}
	invoice.Load(map[string]any{"status": billingapi.Void, "voidReason": reason})
	return tx.Save(invoice)
}

// guard tells the clinic that its currency stays: sums of two would mean nothing.
type guard struct{}

var _ clinicapi.CurrencyGuard = guard{}

// CurrencyInUse implements clinicapi.CurrencyGuard.
func (guard) CurrencyInUse(tx core.App) (bool, error) {
	var used bool
	err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM invoices)").Row(&used)
	return used, err
}
