package billing_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
)

// TestTheDatabaseHoldsWhatTheHooksDo goes round the hooks, as the SQL console or another
// program would.
func TestTheDatabaseHoldsWhatTheHooksDo(t *testing.T) {
	s := set.Start(t)
	const columns = "INSERT INTO payments (id, invoiceId, kind, amount, amountMinor, method, paidAt, paidOn) VALUES ('paysql000000001', "
	for _, c := range []struct{ name, sql, code string }{
		{"more than is owed", columns + "'" + billingapi.CastUnpaid + "', 'payment', 80.01, 8001, 'cash', '', '')", "overpaid"},
		{"on a paid invoice", columns + "'" + billingapi.CastPaid + "', 'payment', 1, 100, 'cash', '', '')", "overpaid"},
		{"on no invoice", columns + "'invnobody000000', 'payment', 1, 100, 'cash', '', '')", "overpaid"},
		{"a refund of more than was paid", columns + "'" + billingapi.CastPaid + "', 'refund', 150.01, 15001, 'cash', '', '')", "refund_exceeds_paid"},
		{"the ledger changed", "UPDATE payments SET amountMinor = 1", "ledger_immutable"},
		{"the ledger cut", "DELETE FROM payments", "ledger_immutable"},
		{"an amount after a payment", "UPDATE invoices SET amountMinor = 20000 WHERE id = '" + billingapi.CastPaid + "'", "amount_locked"},
		{"an issued invoice removed", "DELETE FROM invoices WHERE id = '" + billingapi.CastUnpaid + "'", "invoice_kept"},
		{"a number changed", "UPDATE invoices SET invoiceNumber = 'X' WHERE id = '" + billingapi.CastUnpaid + "'", "invoice_number_kept"},
		{"a number given twice", "UPDATE invoices SET invoiceNumber = 'INV-000001' WHERE id = '" + billingapi.CastPaid + "'", ""},
		{"a paid invoice void", "UPDATE invoices SET status = 'void' WHERE id = '" + billingapi.CastPaid + "'", "has_payments"},
		{"the counter set back", "UPDATE invoice_counters SET last = 0", "invoice_number_kept"},
		{"the counter set ahead", "UPDATE invoice_counters SET last = 10", "invoice_number_kept"},
		{"the counter removed", "DELETE FROM invoice_counters", "invoice_number_kept"},
	} {
		_, err := s.App.NonconcurrentDB().NewQuery(c.sql).Execute()
		if err == nil || !strings.Contains(err.Error(), c.code) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.code)
		}
	}
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE invoices SET status = 'void' WHERE id = '" + billingapi.CastUnpaid + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE invoices SET details = 'x' WHERE id = '" + billingapi.CastUnpaid + "'").Execute(); err == nil {
		t.Error("a void invoice was changed")
	}
}

// TestRowsThatStayGetNewFields adds, alters and removes a field of several values, which PocketBase fills by
// an update of all rows, as the dashboard does.
func TestRowsThatStayGetNewFields(t *testing.T) {
	s := set.Start(t)
	sql := func(statement string) error {
		_, err := s.App.NonconcurrentDB().NewQuery(statement).Execute()
		return err
	}
	if err := sql("UPDATE invoices SET status = 'void' WHERE id = '" + billingapi.CastUnpaid + "'"); err != nil {
		t.Fatal(err)
	}
	for name, refused := range map[string]string{
		"invoices": "UPDATE invoices SET details = 'x' WHERE id = '" + billingapi.CastUnpaid + "'",
		"payments": "UPDATE payments SET note = 'x'",
	} {
		for _, values := range []int{2, 1, 3, 0} {
			c, err := s.App.FindCollectionByNameOrId(name)
			if err != nil {
				t.Fatal(err)
			}
			if c.Fields.RemoveByName("x_tags"); values > 0 {
				c.Fields.Add(&core.SelectField{Name: "x_tags", Values: []string{"a", "b", "c"}, MaxSelect: values})
			}
			if err := s.App.Save(c); err != nil {
				t.Errorf("%s with up to %d values: %v", name, values, err)
			}
			if err := sql(refused); err == nil {
				t.Errorf("%s with up to %d values: rows are changed", name, values)
			}
		}
	}
}

// TestAFieldThatARefusalNamesStays has a trigger of the clinic's own: were it made anew without its column, no
// invoice could be changed any more.
func TestAFieldThatARefusalNamesStays(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("invoices")
	if err != nil {
		t.Fatal(err)
	}
	c.Fields.Add(&core.TextField{Name: "x_stamp"})
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	if _, err := s.App.NonconcurrentDB().NewQuery("CREATE TRIGGER own BEFORE UPDATE ON invoices WHEN NEW.x_stamp = 'no' BEGIN SELECT RAISE(ABORT, 'no'); END").Execute(); err != nil {
		t.Fatal(err)
	}
	c.Fields.RemoveByName("x_stamp")
	if err := s.App.Save(c); err == nil {
		t.Error("the field is gone")
	}
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE invoices SET details = 'x' WHERE id = '" + billingapi.CastUnpaid + "'").Execute(); err != nil {
		t.Error(err)
	}
}

// TestTheDashboardObeys writes as PocketBase's own admin does: no rule binds it, the hooks do.
func TestTheDashboardObeys(t *testing.T) {
	s := set.Start(t)
	get := func(collection, id string) *core.Record {
		t.Helper()
		r, err := s.App.FindRecordById(collection, id)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	set := func(r *core.Record, field string, v any) *core.Record { r.Set(field, v); return r }
	for name, save := range map[string]func() error{
		"a status that does not follow": func() error { return s.App.Save(set(get("invoices", billingapi.CastUnpaid), "status", "paid")) },
		"a total that does not follow":  func() error { return s.App.Save(set(get("invoices", billingapi.CastUnpaid), "paid", 80)) },
		"the truth behind it":           func() error { return s.App.Save(set(get("invoices", billingapi.CastUnpaid), "paidMinor", 8000)) },
		"another number":                func() error { return s.App.Save(set(get("invoices", billingapi.CastUnpaid), "invoiceNumber", "X")) },
		"another day":                   func() error { return s.App.Save(set(get("invoices", billingapi.CastUnpaid), "issuedOn", "2020-01-01")) },
		"void without a reason":         func() error { return s.App.Save(set(get("invoices", billingapi.CastUnpaid), "status", "void")) },
		"a locked amount":               func() error { return s.App.Save(set(get("invoices", billingapi.CastPaid), "amount", 1)) },
		"a changed payment":             func() error { return s.App.Save(set(get("payments", billingapi.CastPayment), "amount", 1)) },
		"a removed payment":             func() error { return s.App.Delete(get("payments", billingapi.CastPayment)) },
		"a removed invoice":             func() error { return s.App.Delete(get("invoices", billingapi.CastUnpaid)) },
		"a removed account with a trace": func() error {
			return s.App.Delete(get("users", get("payments", billingapi.CastPayment).GetString("receivedById")))
		},
	} {
		if err := save(); err == nil {
			t.Errorf("%s went through", name)
		}
	}
	r := set(get("invoices", billingapi.CastUnpaid), "voidReason", "Twice")
	if err := s.App.Save(set(r, "status", "void")); err != nil {
		t.Errorf("void with a reason: %v", err)
	}
}
