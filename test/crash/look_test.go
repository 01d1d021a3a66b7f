package crash

import (
	"path/filepath"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// whole are questions whose answer is 0 when nothing was done by half.
var whole = map[string]string{
	"stock that is not the sum of its movements": `SELECT count(*) FROM inventory i
		WHERE i.quantity != (SELECT coalesce(sum(m.delta), 0) FROM inventory_movements m WHERE m.itemId = i.id)`,
	"invoices whose paid sum is not that of their payments": `SELECT count(*) FROM invoices i
		WHERE i.paidMinor != (SELECT coalesce(sum(p.amountMinor), 0) FROM payments p WHERE p.invoiceId = i.id AND p.kind = 'payment')`,
	"invoices with a status that their sums do not have": `SELECT count(*) FROM invoices
		WHERE status = 'paid' AND balanceMinor != 0 OR status = 'partial' AND (balanceMinor = 0 OR paidMinor = 0)`,
	"gaps in the numbers of invoices": `SELECT count(*) - max(CAST(substr(invoiceNumber, 5) AS INTEGER)) FROM invoices WHERE invoiceNumber != ''`,
	"overlapping appointments of one doctor": `SELECT count(*) FROM appointments a JOIN appointments b
		ON a.doctorId = b.doctorId AND a.id < b.id AND a.appointmentDate = b.appointmentDate AND a.timeSlot = b.timeSlot
		WHERE a.status NOT IN ('cancelled', 'no-show') AND b.status NOT IN ('cancelled', 'no-show')`,
	"records whose earlier versions are not all there": `SELECT count(*) FROM medical_records r
		WHERE r.version - 1 != (SELECT count(*) FROM medical_record_versions v WHERE v.recordId = r.id)`,
}

// look compares the data folder, which a server has opened again, with what was acknowledged.
func look(t *testing.T, dir string, done *acks) {
	t.Helper()
	db, err := kernel.Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var said string
	if err := db.NewQuery("PRAGMA quick_check").Row(&said); err != nil || said != "ok" {
		t.Errorf("the database is not sound: %s, %v", said, err)
	}
	for what, q := range whole {
		var n int
		if err := db.NewQuery(q).Row(&n); err != nil || n != 0 {
			t.Errorf("%d %s, %v", n, what, err)
		}
	}
	for id, slot := range done.appointments {
		var got string
		if err := db.Select("timeSlot").From("appointments").Where(dbx.HashExp{"id": id}).Row(&got); err != nil || got != slot {
			t.Errorf("the appointment %s is at %q, acknowledged was %s: %v", id, got, slot, err)
		}
	}
	// One more than was acknowledged may have been on its way.
	atLeast(t, db, "version", "medical_records", "id", done.records)
	atLeast(t, db, "count(*)", "payments", "invoiceId", done.paid)
	atLeast(t, db, "count(*) - 1", "inventory_movements", "itemId", done.moved) // less the opening one
}

func atLeast(t *testing.T, db *dbx.DB, what, table, key string, acknowledged map[string]int) {
	t.Helper()
	for id, want := range acknowledged {
		var got int
		if err := db.NewQuery("SELECT " + what + " FROM " + table + " WHERE " + key + " = {:id}").Bind(dbx.Params{"id": id}).Row(&got); err != nil || got < want {
			t.Errorf("%s of %s in %s: %d, acknowledged %d: %v", what, id, table, got, want, err)
		}
	}
}
