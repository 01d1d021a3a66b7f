// Package billing owns invoices and the ledger of their payments.
package billing

import (
	"github.com/polyclinic-os/polyclinic/kernel"
)

// Module declares billing.
func Module() kernel.Module {
	return kernel.Module{
		Name: "billing", Doc: "Invoices, payments and refunds.",
		Requires:   []string{"auth", "clinic", "patients", "staff", "appointments"},
		Migrations: migrations,
		Access:     access,
		Resources: []kernel.Resource{{
			Path: "/api/billing", Collection: "invoices", Noun: "invoice",
			Verbs:  []kernel.Verb{kernel.List, kernel.View, kernel.Create, kernel.Update},
			Search: []string{"invoiceNumber", "details"}, Sort: "-issuedAt,-created",
			Inputs: map[string]string{"draft": "true: not issued yet, and without a number"},
			Errors: []*kernel.Error{errAmountLocked, errVoid},
		}, {
			// The row id breaks ties: several can fall into one millisecond.
			Path: "/api/billing/{id}/payments", Collection: "payments", Noun: "payments and refunds of an invoice",
			Verbs: []kernel.Verb{kernel.List}, ListBy: "invoiceId", Sort: "-paidAt,-@rowid", Search: []string{"reference", "reason"},
		}},
		Hooks: []kernel.Hook{
			kernel.OnRequest(kernel.Create, "invoices", "an amount or items, perhaps a draft, and doctors bill for themselves", readRequest),
			kernel.OnRequest(kernel.Update, "invoices", "an amount of null is no amount", readRequest),
			kernel.Before(kernel.Create, "invoices", "the invoice adds up and is issued with the next number, unless it is a draft", open),
			kernel.Before(kernel.Update, "invoices", "what is billed stays once something was paid, and the totals follow the ledger", change),
			kernel.Before(kernel.Create, "invoices", "what a client bills is more than nothing", forSomething),
			kernel.Before(kernel.Update, "invoices", "what a client bills is more than nothing", forSomething),
			kernel.Before(kernel.Delete, "invoices", "an issued invoice is kept", keepIssued),
			kernel.Before(kernel.Create, "payments", "never more is paid than owed, nor refunded than paid", enter),
			kernel.After(kernel.Create, "payments", "the invoice's totals follow", bookOnInvoice),
			kernel.Before(kernel.Update, "payments", "the ledger is never changed", keepLedger),
			kernel.Before(kernel.Delete, "payments", "the ledger is never changed", keepLedger),
		},
		Routes:   []kernel.Route{payRoute, refundRoute, issueRoute, voidRoute, pdfRoute, revenueReport.Route, receivablesReport.Route},
		Errors:   raised,
		Provides: append(personal, charges{}, guard{}, revenueReport, receivablesReport, invoiceSums, paymentSums, owedPacks, invoiceImport, paymentImport, warehouse[0], warehouse[1], fontFiles),
		Cast:     cast,
		Demo:     demo,
	}
}
