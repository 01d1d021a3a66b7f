package billing

import (
	"net/http"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// withInvoice returns a row of the ledger with the invoice as it is now in "invoice".
func withInvoice(c *kernel.Call, paymentID string) (*core.Record, error) {
	r, err := c.App.FindRecordById("payments", paymentID)
	if err != nil {
		return nil, err
	}
	invoice, err := c.App.FindRecordById("invoices", r.GetString("invoiceId"))
	if err != nil {
		return nil, err
	}
	if err := apis.EnrichRecord(c.RequestEvent, invoice); err != nil {
		return nil, err
	}
	r.SetRaw("invoice", invoice)
	return r.WithCustomData(true), nil
}

// PaymentsInput names the part of the list that is asked for.
type PaymentsInput struct {
	Page    int `query:"page" doc:"1 is the first"`
	PerPage int `query:"perPage" doc:"30 by default, 200 at most"`
}

// PaymentList is the ledger of one invoice, newest first.
type PaymentList struct {
	Page       int            `json:"page"`
	PerPage    int            `json:"perPage"`
	TotalItems int            `json:"totalItems"`
	TotalPages int            `json:"totalPages"`
	Items      []*core.Record `json:"items" doc:"rows of the collection payments"`
}

var paymentsRoute = kernel.Op(kernel.Route{
	Method: http.MethodGet, Path: "/api/billing/{id}/payments", Record: "invoices", Allow: readers,
	Summary: "List the payments and refunds of an invoice, newest first",
}, func(c *kernel.Call, in PaymentsInput) (PaymentList, error) {
	out := PaymentList{Page: max(in.Page, 1), PerPage: min(in.PerPage, 200), Items: []*core.Record{}}
	if out.PerPage < 1 {
		out.PerPage = 30
	}
	of := dbx.HashExp{"invoiceId": c.Record.Id}
	total, err := c.App.CountRecords("payments", of)
	if err != nil {
		return out, err
	}
	out.TotalItems, out.TotalPages = int(total), (int(total)+out.PerPage-1)/out.PerPage
	err = c.App.RecordQuery("payments").Where(of).OrderBy("paidAt DESC", "rowid DESC").
		Limit(int64(out.PerPage)).Offset(int64(out.PerPage) * int64(out.Page-1)).All(&out.Items)
	if err != nil {
		return out, err
	}
	return out, apis.EnrichRecords(c.RequestEvent, out.Items)
})

var issueRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/billing/{id}/issue", Record: "invoices", Allow: writers, Returns: "invoices",
	Summary: "Issue a draft: it is given its number and is owed from now on", Errors: []*kernel.Error{errIssued, errVoid},
}, func(c *kernel.Call, _ kernel.Nothing) (*core.Record, error) {
	kernel.SetActor(c.Record, c.Auth.Id)
	return c.Record, Issue(c.App, c.Record)
})

// VoidInput says why an invoice is called off.
type VoidInput struct {
	Reason string `json:"reason" doc:"why, 1 to 500 characters"`
}

// Validate wants a reason.
func (in VoidInput) Validate() error {
	switch reason := strings.TrimSpace(in.Reason); {
	case reason == "":
		return kernel.Invalid{kernel.Required("reason")}
	case len([]rune(reason)) > 500:
		return kernel.Invalid{kernel.Bad("reason", "validation_length_too_long", "At most 500 characters.")}
	}
	return nil
}

var voidRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/billing/{id}/void", Record: "invoices", Allow: writers, Returns: "invoices",
	Summary: "Call off an invoice on which nothing was paid; it keeps its number", Errors: []*kernel.Error{errHasPayments, errVoid},
}, func(c *kernel.Call, in VoidInput) (*core.Record, error) {
	kernel.SetActor(c.Record, c.Auth.Id)
	return c.Record, Cancel(c.App, c.Record, in.Reason)
})
