package billing

import (
	"net/http"
	"strings"

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

// actorOf returns the calling account, "" for a superuser, who is none of the clinic's.
func actorOf(c *kernel.Call) string {
	if c.Auth.IsSuperuser() {
		return ""
	}
	return c.Auth.Id
}

var issueRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/billing/{id}/issue", Record: "invoices", Allow: writers, Returns: "invoices",
	Summary: "Issue a draft: it is given its number and is owed from now on", Errors: []*kernel.Error{errIssued, errVoid},
}, func(c *kernel.Call, _ kernel.Nothing) (*core.Record, error) {
	kernel.SetActor(c.Record, actorOf(c))
	return c.Record, Issue(c.App, c.Record)
})

// VoidInput says why an invoice is called off.
type VoidInput struct {
	Reason string `json:"reason" required:"true" doc:"why, 1 to 500 characters"`
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
	kernel.SetActor(c.Record, actorOf(c))
	return c.Record, Cancel(c.App, c.Record, in.Reason)
})
