package billing_test

import (
	"slices"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

var full = &kerneltest.Set{Modules: modules(), Full: true}

func TestTheDemoHasInvoicesInEveryState(t *testing.T) {
	s := full.Start(t)
	var rows []struct {
		Status string `db:"status"`
		N      int    `db:"n"`
	}
	if err := s.App.DB().NewQuery("SELECT status, count(*) AS n FROM invoices GROUP BY 1").All(&rows); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, r := range rows {
		if total += r.N; r.N < 3 {
			t.Errorf("only %d are %s", r.N, r.Status)
		}
	}
	if len(rows) != 6 || total < 400 {
		t.Errorf("got %v", rows)
	}
	for what, sql := range map[string]string{
		"invoices or payments ahead of today":  "SELECT count(*) FROM invoices i LEFT JOIN payments p ON p.invoiceId = i.id WHERE i.issuedOn > date('now', '+1 day') OR p.paidOn > date('now', '+1 day')",
		"payments ahead of their invoice":      "SELECT count(*) FROM payments p JOIN invoices i ON i.id = p.invoiceId WHERE p.paidAt < i.issuedAt AND p.id LIKE 'paydemo%'",
		"invoices that their ledger denies":    "SELECT count(*) FROM invoices i WHERE i.paidMinor != (SELECT coalesce(sum(amountMinor), 0) FROM payments p WHERE p.invoiceId = i.id AND p.kind = 'payment')",
		"invoices of a visit with another one": "SELECT count(*) FROM invoices i JOIN appointments a ON a.id = i.appointmentId WHERE a.patientId != i.patientId OR a.doctorId != i.doctorId",
		"numbers out of the order of days":     "SELECT count(*) FROM invoices a JOIN invoices b ON b.invoiceNumber > a.invoiceNumber AND a.invoiceNumber != '' WHERE b.issuedAt < a.issuedAt AND a.id LIKE 'invdemo%' AND b.id LIKE 'invdemo%'",
	} {
		var n int
		if err := s.App.DB().NewQuery(sql).Row(&n); err != nil || n > 0 {
			t.Errorf("%d %s (%v)", n, what, err)
		}
	}
	var withVisit int
	if err := s.App.DB().NewQuery("SELECT count(*) FROM invoices WHERE appointmentId != ''").Row(&withVisit); err != nil || withVisit < 50 {
		t.Errorf("%d invoices are of a visit (%v)", withVisit, err)
	}
	if list := numbers(t, s); !slices.IsSorted(list) || list[len(list)-1] < "INV-000390" {
		t.Errorf("last number %s", list[len(list)-1])
	}
}
