package billing

import (
	"errors"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var migrations = []kernel.Migration{
	{ID: "1780000600_invoices", Up: initInvoices},
	{ID: "1780000601_payments", Up: initPayments},
	{ID: "1780000602_guards", Up: initGuards},
	{ID: "1780000690_summary", Up: initSummary},
	{ID: "1780000691_owed", Up: initOwed},
	{ID: "1780000692_stamps", Up: initStamps},
	{ID: "1780000693_day_stamps", Up: initDayStamps},
	{ID: "1780000698_days", Up: initDays},
	{ID: "1795020006_whole", Up: initWhole},
	{ID: "1795020106_days_again", Up: initDays}, // as every SQLite reads them
}

func initInvoices(tx core.App) error {
	ids, err := collectionIDs(tx, "patients", "appointments", "doctors", "users")
	if err != nil {
		return err
	}
	zero := 0.0
	c := core.NewBaseCollection("invoices")
	c.Fields.Add(
		&core.RelationField{Name: "patientId", CollectionId: ids["patients"], MaxSelect: 1, Required: true},
		&core.RelationField{Name: "appointmentId", CollectionId: ids["appointments"], MaxSelect: 1},
		&core.RelationField{Name: "doctorId", CollectionId: ids["doctors"], MaxSelect: 1},
		&core.RelationField{Name: "createdById", CollectionId: ids["users"], MaxSelect: 1},
		&core.TextField{Name: "invoiceNumber", Max: 40},
		&core.SelectField{Name: "status", Required: true, MaxSelect: 1, Values: []string{"draft", "unpaid", "partial", "paid", "void", "refunded"}},
		&core.TextField{Name: "currency", Required: true, Pattern: `^[A-Z]{3}$`},
		// What clients see is in major units; the twin in minor units is the truth.
		&core.NumberField{Name: "amount", Min: &zero},
		&core.NumberField{Name: "paid", Min: &zero},
		&core.NumberField{Name: "balance", Min: &zero},
		&core.NumberField{Name: "refunded", Min: &zero},
		&core.NumberField{Name: "amountMinor", OnlyInt: true, Min: &zero, Hidden: true},
		&core.NumberField{Name: "paidMinor", OnlyInt: true, Min: &zero, Hidden: true},
		&core.NumberField{Name: "balanceMinor", OnlyInt: true, Min: &zero, Hidden: true},
		&core.NumberField{Name: "refundedMinor", OnlyInt: true, Min: &zero, Hidden: true},
		&core.JSONField{Name: "items", MaxSize: 300_000},
		&core.TextField{Name: "details", Max: 5000},
		&core.DateField{Name: "issuedAt"},
		// Civil days are text: a date field would shift them with the time zone.
		&core.TextField{Name: "issuedOn", Pattern: `^\d{4}-\d{2}-\d{2}$`},
		&core.TextField{Name: "dueOn", Pattern: `^\d{4}-\d{2}-\d{2}$`},
		&core.DateField{Name: "voidedAt"},
		&core.TextField{Name: "voidReason", Max: 500},
		&core.TextField{Name: "sourceId", Max: 300, Hidden: true},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("idx_invoices_patient", false, "patientId, issuedAt", "")
	c.AddIndex("idx_invoices_appointment", false, "appointmentId", "")
	c.AddIndex("idx_invoices_doctor", false, "doctorId, issuedOn", "")
	c.AddIndex("idx_invoices_creator", false, "createdById", "")
	c.AddIndex("idx_invoices_number", true, "invoiceNumber", "invoiceNumber != ''")
	c.AddIndex("idx_invoices_source", true, "sourceId", "sourceId != ''")
	c.AddIndex("idx_invoices_issued", false, "issuedAt, created", "")
	c.AddIndex("idx_invoices_day", false, "issuedOn", "")
	c.AddIndex("idx_invoices_status", false, "status, issuedAt", "")
	if err := tx.Save(c); err != nil {
		return err
	}

	counters := core.NewBaseCollection("invoice_counters")
	counters.Fields.Add(
		&core.TextField{Name: "prefix", Max: 30},
		&core.NumberField{Name: "last", OnlyInt: true, Min: &zero},
	)
	counters.AddIndex("idx_invoice_counters_prefix", true, "prefix", "")
	return tx.Save(counters)
}

func initPayments(tx core.App) error {
	ids, err := collectionIDs(tx, "invoices", "users")
	if err != nil {
		return err
	}
	zero, one := 0.0, 1.0
	c := core.NewBaseCollection("payments")
	c.Fields.Add(
		&core.RelationField{Name: "invoiceId", CollectionId: ids["invoices"], MaxSelect: 1, Required: true},
		&core.SelectField{Name: "kind", Required: true, MaxSelect: 1, Values: []string{"payment", "refund"}},
		&core.NumberField{Name: "amount", Min: &zero},
		&core.NumberField{Name: "amountMinor", OnlyInt: true, Min: &one, Hidden: true},
		&core.SelectField{Name: "method", Required: true, MaxSelect: 1, Values: []string{"cash", "card", "transfer", "insurance", "other"}},
		&core.TextField{Name: "reference", Max: 200},
		&core.TextField{Name: "reason", Max: 500},
		&core.DateField{Name: "paidAt", Required: true},
		&core.TextField{Name: "paidOn", Pattern: `^\d{4}-\d{2}-\d{2}$`},
		&core.RelationField{Name: "receivedById", CollectionId: ids["users"], MaxSelect: 1},
		&core.TextField{Name: "sourceId", Max: 300, Hidden: true},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("idx_payments_invoice", false, "invoiceId, kind, amountMinor", "")
	c.AddIndex("idx_payments_receiver", false, "receivedById", "")
	c.AddIndex("idx_payments_day", false, "paidOn", "")
	c.AddIndex("idx_payments_source", true, "sourceId", "sourceId != ''")
	return tx.Save(c)
}

func collectionIDs(tx core.App, names ...string) (map[string]string, error) {
	ids := map[string]string{}
	for _, name := range names {
		c, err := tx.FindCollectionByNameOrId(name)
		if err != nil {
			return nil, err
		}
		ids[name] = c.Id
	}
	return ids, nil
}

// initGuards is the last line under the hooks, for whatever writes without them.
func initGuards(tx core.App) error {
	for _, statement := range []string{
		// An invoice, once issued, is never removed, and a void one never changed.
		`CREATE TRIGGER invoices_kept BEFORE DELETE ON invoices WHEN OLD.invoiceNumber != ''
			BEGIN SELECT RAISE(ABORT, 'polyclinic:invoice_kept:'); END`,
		`CREATE TRIGGER invoices_void BEFORE UPDATE ON invoices WHEN OLD.status = 'void'
			BEGIN SELECT RAISE(ABORT, 'polyclinic:invoice_void:'); END`,
		`CREATE TRIGGER invoices_void_paid BEFORE UPDATE OF status ON invoices
			WHEN NEW.status = 'void' AND EXISTS (SELECT 1 FROM payments WHERE invoiceId = OLD.id)
			BEGIN SELECT RAISE(ABORT, 'polyclinic:has_payments:'); END`,
		`CREATE TRIGGER invoices_number BEFORE UPDATE OF invoiceNumber ON invoices
			WHEN OLD.invoiceNumber != '' AND NEW.invoiceNumber != OLD.invoiceNumber
			BEGIN SELECT RAISE(ABORT, 'polyclinic:invoice_number_kept:invoiceNumber'); END`,
		`CREATE TRIGGER invoices_amount BEFORE UPDATE OF amountMinor, currency ON invoices
			WHEN (NEW.amountMinor != OLD.amountMinor OR NEW.currency != OLD.currency)
				AND EXISTS (SELECT 1 FROM payments WHERE invoiceId = OLD.id)
			BEGIN SELECT RAISE(ABORT, 'polyclinic:amount_locked:amount'); END`,
		// The ledger grows and never changes, and holds no more than is owed.
		`CREATE TRIGGER payments_update BEFORE UPDATE ON payments
			BEGIN SELECT RAISE(ABORT, 'polyclinic:ledger_immutable:'); END`,
		`CREATE TRIGGER payments_delete BEFORE DELETE ON payments
			BEGIN SELECT RAISE(ABORT, 'polyclinic:ledger_immutable:'); END`,
		`CREATE TRIGGER payments_owed BEFORE INSERT ON payments WHEN NEW.kind = 'payment' AND NOT EXISTS (
				SELECT 1 FROM invoices i WHERE i.id = NEW.invoiceId AND i.status IN ('unpaid', 'partial')
					AND i.amountMinor >= NEW.amountMinor + (SELECT COALESCE(SUM(p.amountMinor), 0) FROM payments p WHERE p.invoiceId = i.id AND p.kind = 'payment'))
			BEGIN SELECT RAISE(ABORT, 'polyclinic:overpaid:amount'); END`,
		`CREATE TRIGGER payments_refundable BEFORE INSERT ON payments WHEN NEW.kind != 'payment' AND NEW.amountMinor >
				(SELECT COALESCE(SUM(CASE p.kind WHEN 'payment' THEN p.amountMinor ELSE -p.amountMinor END), 0) FROM payments p WHERE p.invoiceId = NEW.invoiceId)
			BEGIN SELECT RAISE(ABORT, 'polyclinic:refund_exceeds_paid:amount'); END`,
		// A number is given once and none is left out.
		`CREATE TRIGGER invoice_counters_step BEFORE UPDATE ON invoice_counters WHEN NEW.last != OLD.last + 1 OR NEW.prefix != OLD.prefix
			BEGIN SELECT RAISE(ABORT, 'polyclinic:invoice_number_kept:last'); END`,
		`CREATE TRIGGER invoice_counters_kept BEFORE DELETE ON invoice_counters
			BEGIN SELECT RAISE(ABORT, 'polyclinic:invoice_number_kept:last'); END`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// initDays lets no day in that does not exist.
func initDays(tx core.App) error {
	return errors.Join(clinicapi.OnlyDays(tx, "invoices", "issuedOn", "dueOn"), clinicapi.OnlyDays(tx, "payments", "paidOn"))
}

// initWhole lets no amount in that is no whole number of minor units.
func initWhole(tx core.App) error {
	return errors.Join(clinicapi.OnlyWhole(tx, "invoices", "amountMinor", "paidMinor", "balanceMinor", "refundedMinor"), clinicapi.OnlyWhole(tx, "payments", "amountMinor"))
}
