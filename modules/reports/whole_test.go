package reports_test

import (
	"fmt"
	"strings"
	"testing"
)

// A fraction, a text or infinity in what is added up would leave a report without an answer, and
// stay in the sums when it is mended: nothing lets one in, plain SQL neither.
func TestNoNumberThatIsNotWhole(t *testing.T) {
	s := set.Start(t)
	do := func(sql string) error {
		_, err := s.App.NonconcurrentDB().NewQuery(sql).Execute()
		return err
	}
	for _, f := range []struct{ table, field, more, values string }{
		{"appointments", "startMinute", "patientId, doctorId, appointmentDate, status", "'patada000000001', 'docgrace0000001', '2026-01-02', 'cancelled'"},
		{"appointments", "endMinute", "patientId, doctorId, appointmentDate, status", "'patada000000001', 'docgrace0000001', '2026-01-02', 'cancelled'"},
		{"invoices", "amountMinor", "patientId, invoiceNumber, status, issuedOn", "'patada000000001', '%[1]s', 'draft', '2026-01-02'"},
		{"invoices", "paidMinor", "patientId, invoiceNumber, status, issuedOn", "'patada000000001', '%[1]s', 'unpaid', '2026-01-02'"},
		{"invoices", "balanceMinor", "patientId, invoiceNumber, status, issuedOn", "'patada000000001', '%[1]s', 'unpaid', '2026-01-02'"},
		{"invoices", "refundedMinor", "patientId, invoiceNumber, status, issuedOn", "'patada000000001', '%[1]s', 'unpaid', '2026-01-02'"},
		{"inventory", "quantity", "itemName", "'X'"},
		{"inventory", "unitPriceMinor", "itemName", "'X'"},
		{"inventory", "reorderLevel", "itemName", "'X'"},
		{"inventory_movements", "delta", "itemId, quantityAfter, kind, movedOn", "'invgauze0000001', 1, 'outside', '2026-01-02'"},
		{"inventory_movements", "quantityAfter", "itemId, delta, kind, movedOn", "'invgauze0000001', 1, 'outside', '2026-01-02'"},
		{"payments", "amountMinor", "invoiceId, kind, method, paidOn", "'invada000000001', 'payment', 'cash', '2026-01-02'"},
	} {
		insert := func(id, number string) error {
			return do(fmt.Sprintf("INSERT INTO %s (id, %s, %s) VALUES ('%s', %s, %s)", f.table, f.field, f.more, id, number, strings.ReplaceAll(f.values, "%[1]s", id)))
		}
		wrong := []string{"2.5", "'soon'", "''", "x'31'", "9e999", "-9e999", "1e17", "9223372036854775807", "-9223372036854775808"}
		for i, n := range wrong {
			if err := insert(fmt.Sprintf("badnumber%06d", i), n); err == nil || !strings.Contains(err.Error(), "validation_not_whole:"+f.field) {
				t.Errorf("%s.%s takes %s: %v", f.table, f.field, n, err)
			}
		}
		if f.table == "inventory_movements" || f.table == "payments" { // final
			continue
		}
		id := ("good" + strings.ToLower(f.field) + "00000000000")[:15]
		for _, err := range []error{insert(id, "'7'"), do(fmt.Sprintf("UPDATE %s SET %s = 8.0 WHERE id = '%s'", f.table, f.field, id))} {
			if err != nil {
				t.Errorf("%s.%s: %v", f.table, f.field, err)
			}
		}
		for _, n := range wrong {
			if err := do(fmt.Sprintf("UPDATE %s SET %s = %s WHERE id = '%s'", f.table, f.field, n, id)); err == nil || !strings.Contains(err.Error(), "validation_not_whole:"+f.field) {
				t.Errorf("%s.%s is changed to %s: %v", f.table, f.field, n, err)
			}
		}
	}
	for _, path := range paths {
		report(t, s, path, "2020-01-01", "2030-12-31")
	}
	if said, err := doctor(t, s); err != nil {
		t.Errorf("the sums: %v %s", err, said)
	}
}
