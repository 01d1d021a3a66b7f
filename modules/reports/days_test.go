package reports_test

import (
	"fmt"
	"strings"
	"testing"
)

// A day that does not exist would be counted by its text here and not at all in the warehouse:
// nothing lets one in, plain SQL neither.
func TestNoDayThatDoesNotExist(t *testing.T) {
	s := set.Start(t)
	do := func(sql string) error {
		_, err := s.App.NonconcurrentDB().NewQuery(sql).Execute()
		return err
	}
	for _, f := range []struct{ table, field, more, values string }{
		{"patients", "registeredOn", "mrn, name", "'%[1]s', 'X'"},
		{"appointments", "appointmentDate", "patientId, doctorId, status, startMinute, endMinute", "'patada000000001', 'docgrace0000001', 'cancelled', 1, 2"},
		{"invoices", "issuedOn", "patientId, invoiceNumber, status", "'patada000000001', '%[1]s', 'unpaid'"},
		{"invoices", "dueOn", "patientId, invoiceNumber, status", "'patada000000001', '%[1]s', 'unpaid'"},
		{"inventory", "expiryDate", "itemName", "'X'"},
		{"inventory_movements", "movedOn", "itemId, delta, quantityAfter, kind", "'invgauze0000001', 1, 1, 'adjustment'"},
	} {
		insert := func(id, day string) error {
			return do(fmt.Sprintf("INSERT INTO %s (id, %s, %s) VALUES ('%s', '%s', %s)", f.table, f.field, f.more, id, day, strings.ReplaceAll(f.values, "%[1]s", id)))
		}
		for i, day := range []string{"2026-02-30", "2026-13-01", "2026-1-2", "2026-01-02 00:00:00.000Z", "soon"} {
			if err := insert(fmt.Sprintf("badday%09d", i), day); err == nil || !strings.Contains(err.Error(), "validation_invalid_day:"+f.field) {
				t.Errorf("%s.%s takes %q: %v", f.table, f.field, day, err)
			}
		}
		id := ("goodday" + strings.ToLower(f.field) + "000")[:15]
		if err := insert(id, "2028-02-29"); err != nil {
			t.Errorf("%s.%s: %v", f.table, f.field, err)
		}
		if f.table == "inventory_movements" { // final
			continue
		}
		if err := do(fmt.Sprintf("UPDATE %s SET %s = '2026-02-29' WHERE id = '%s'", f.table, f.field, id)); err == nil || !strings.Contains(err.Error(), "validation_invalid_day") {
			t.Errorf("%s.%s is changed to a day that does not exist: %v", f.table, f.field, err)
		}
		for _, day := range []string{"", "2026-02-28"} {
			if err := do(fmt.Sprintf("UPDATE %s SET %s = '%s' WHERE id = '%s'", f.table, f.field, day, id)); err != nil {
				t.Errorf("%s.%s: %q: %v", f.table, f.field, day, err)
			}
		}
	}
	if err := do("INSERT INTO payments (id, invoiceId, kind, amountMinor, method, paidOn) VALUES ('badpayment00001', 'gooddayissuedon', 'payment', 1, 'cash', '2026-02-30')"); err == nil || !strings.Contains(err.Error(), "validation_invalid_day:paidOn") {
		t.Errorf("a payment: %v", err)
	}
	// This program's SQLite is not that of whoever writes plain SQL: to 3.40, date('2026-02-30')
	// without a modifier is what was given.
	var triggers []string
	if err := s.App.DB().NewQuery("SELECT name || ': ' || sql FROM sqlite_master WHERE type = 'trigger' AND (sql LIKE '%validation_invalid_day%' OR sql LIKE '%register_births%')").Column(&triggers); err != nil || len(triggers) < 17 {
		t.Fatalf("%d triggers, %v", len(triggers), err)
	}
	for _, sql := range triggers {
		if strings.Count(sql, " date(") != strings.Count(sql, ", '+0 days') ") {
			t.Errorf("an older SQLite lets a day in that does not exist: %s", sql)
		}
	}
	r := s.Do(t, "PATCH", "/api/collections/patients/records/gooddayregister", s.Superuser(t), map[string]any{"registeredOn": "2026-02-30"})
	if r.Status != 400 || r.Code("registeredOn") != "validation_invalid_day" {
		t.Errorf("the dashboard: %d %s", r.Status, r.Body)
	}
}
