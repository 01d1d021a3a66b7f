package reports_test

import (
	"fmt"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/reports"
)

// grow fills the clinic with n appointments, n/10 patients, 2n invoices, n payments and n
// movements of 500 items over ten years up to 2026-11-23, for 50 doctors. Of the last
// year's invoices one in nine is still owed, of older ones one in a hundred. The triggers and indexes are away
// meanwhile, as a row by row insert takes minutes, and Repair makes up for the former.
func grow(tb testing.TB, app core.App, n int) {
	tb.Helper()
	const day = "date('2016-11-24', '+' || (i * 3652 / {:n}) || ' days')"
	const count = "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < {:n}) "
	patients := max(n/10, 1)
	err := app.RunInTransaction(func(tx core.App) error {
		var away []struct {
			Type string `db:"type"`
			Name string `db:"name"`
			SQL  string `db:"sql"`
		}
		if err := tx.DB().NewQuery("SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql != '' ORDER BY type").All(&away); err != nil {
			return err
		}
		statements := []string{"PRAGMA cache_size = -500000"}
		for _, a := range away {
			statements = append(statements, "DROP "+a.Type+" `"+a.Name+"`")
		}
		statements = append(statements,
			count+`INSERT INTO doctors (id, name, specialty) SELECT printf('benchdoc%07d', i), 'Dr ' || i, 'Cardiology' FROM c LIMIT 50`,
			count+`INSERT INTO patients (id, mrn, name, gender, dateOfBirth, registeredOn)
				SELECT printf('benchpat%07d', i), 'B-' || i, 'Patient ' || i, iif(i % 2, 'female', 'male'),
					date('1930-01-01', '+' || (i * 7919 % 35000) || ' days'), date('2016-11-24', '+' || (i * 3652 / {:p}) || ' days')
				FROM c LIMIT {:p}`,
			count+`INSERT INTO appointments (id, patientId, doctorId, appointmentDate, timeSlot, status)
				SELECT printf('benchapp%07d', i), printf('benchpat%07d', i * 48271 % {:p}), printf('benchdoc%07d', i * 31 % 50), `+day+`,
					'09:00-09:30', iif(i % 10 = 3, 'cancelled', iif(i % 17 = 5, 'no-show', 'completed')) FROM c`,
		)
		statements = append(statements,
			count+`INSERT INTO invoices (id, patientId, doctorId, invoiceNumber, status, currency, issuedOn, amountMinor, balanceMinor)
				SELECT printf('benchinv%07d', 2 * i + k), printf('benchpat%07d', i * 48271 % {:p}), printf('benchdoc%07d', i * 31 % 50), 'B-' || i || '-' || k,
					iif(i % 20 = 7, 'void', iif(open, 'unpaid', 'paid')), 'USD', `+day+`, 1000 + i % 9973, iif(open, 1000 + i % 9973, 0)
				FROM (SELECT i, value AS k, (2 * i + value) % iif(i * 10 >= {:n} * 9, 9, 100) = 2 AS open FROM c, json_each('[0,1]'))`,
			count+`INSERT INTO payments (id, invoiceId, kind, amountMinor, method, paidOn)
				SELECT printf('benchpay%07d', i), printf('benchinv%07d', i), iif(i % 40 = 11, 'refund', 'payment'), 1000 + i % 9973,
					CASE i % 3 WHEN 0 THEN 'cash' WHEN 1 THEN 'card' ELSE 'insurance' END, `+day+` FROM c`,
			count+`INSERT INTO inventory (id, itemName, quantity, unitPriceMinor, category, expiryDate)
				SELECT printf('benchitm%07d', i), 'Item ' || i, i, 100 + i, 'Category ' || i % 12, date('2026-06-01', '+' || i || ' days') FROM c LIMIT 500`,
			count+`INSERT INTO inventory_movements (id, itemId, delta, kind, movedOn)
				SELECT printf('benchmov%07d', i), printf('benchitm%07d', i * 7919 % 90), iif(i % 10 = 0, 90, -9), 'adjustment', `+day+` FROM c`,
		)
		for _, a := range away {
			statements = append(statements, a.SQL)
		}
		for _, s := range statements {
			if _, err := tx.NonconcurrentDB().NewQuery(s).Bind(dbx.Params{"n": n, "p": patients}).Execute(); err != nil {
				return fmt.Errorf("%.60s: %w", s, err)
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	if err := reports.Repair(app); err != nil {
		tb.Fatal(err)
	}
	if _, err := app.NonconcurrentDB().NewQuery("ANALYZE").Execute(); err != nil {
		tb.Fatal(err)
	}
}
