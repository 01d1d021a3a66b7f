package reports_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/reports"
)

// grown starts a clinic with n appointments, n/10 patients, 2n invoices, n payments and n
// movements of 500 items over ten years up to 2026-11-23, for 50 doctors. Of the last
// year's invoices one in nine is still owed, of older ones one in a hundred.
func grown(tb testing.TB, n int) *kerneltest.Server {
	tb.Helper()
	s := set.Start(tb, func(app *tests.TestApp) {
		// The file is written while nobody else has it open.
		if err := app.ResetBootstrapState(); err != nil {
			tb.Fatal(err)
		}
		if err := fill(tb, filepath.Join(app.DataDir(), "data.db"), n); err != nil {
			tb.Fatal(err)
		}
		if err := app.Bootstrap(); err != nil {
			tb.Fatal(err)
		}
	})
	sql := func(statement string) {
		if _, err := s.App.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			tb.Fatal(err)
		}
	}
	// A page takes twice its size, in a mapping of the kernel for every few: of 65,530 that a process may
	// have, 2 GB took all.
	sql("PRAGMA cache_size = -400000")
	if err := reports.Repair(s.App); err != nil {
		tb.Fatal(err)
	}
	sql("ANALYZE")
	sql("PRAGMA cache_size = -32000") // as the server has it
	return s
}

// fill writes the rows with triggers and indexes away, and makes the indexes at the end: with
// them ten million take hours. Whatever the triggers keep is left to Repair.
func fill(tb testing.TB, path string, n int) error {
	tb.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)&_pragma=cache_size(-250000)&_pragma=temp_store(FILE)")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	away, back, err := triggersAndIndexes(db)
	if err != nil {
		return err
	}
	fill := strings.NewReplacer("{n}", fmt.Sprint(n), "{p}", fmt.Sprint(max(n/10, 1)), "{day}", "date('2016-11-24', '+' || (i * 3652 / "+fmt.Sprint(n)+") || ' days')")
	for _, statement := range append(append(away, rowsOfTenYears...), back...) {
		start := time.Now()
		if _, err := db.Exec(fill.Replace(statement)); err != nil {
			return fmt.Errorf("%.60s: %w", statement, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			tb.Logf("%.60s: %v", statement, took)
		}
	}
	return nil
}

// triggersAndIndexes returns the statements that drop them and make them again.
func triggersAndIndexes(db *sql.DB) (away, back []string, err error) {
	list, err := db.Query("SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql != '' ORDER BY type")
	if err != nil {
		return nil, nil, err
	}
	defer list.Close()
	for list.Next() {
		var kind, name, statement string
		if err := list.Scan(&kind, &name, &statement); err != nil {
			return nil, nil, err
		}
		away, back = append(away, "DROP "+kind+" `"+name+"`"), append(back, statement)
	}
	return away, back, list.Err()
}

const counted = "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < {n}) "

// rowsOfTenYears are the statements that fill a clinic. Their ids go up, so that each table
// only grows at its end.
var rowsOfTenYears = []string{
	counted + `INSERT INTO doctors (id, name, specialty) SELECT printf('benchdc%08d', i), 'Dr ' || i, 'Cardiology' FROM c LIMIT 50`,
	counted + `INSERT INTO patients (id, mrn, name, gender, dateOfBirth, registeredOn)
		SELECT printf('benchpt%08d', i), 'B-' || i, 'Patient ' || i, iif(i % 2, 'female', 'male'),
			date('1930-01-01', '+' || (i * 7919 % 35000) || ' days'), date('2016-11-24', '+' || (i * 3652 / {p}) || ' days')
		FROM c LIMIT {p}`,
	counted + `INSERT INTO appointments (id, patientId, doctorId, appointmentDate, timeSlot, status)
		SELECT printf('benchap%08d', i), printf('benchpt%08d', i * 48271 % {p}), printf('benchdc%08d', i * 31 % 50), {day},
			'09:00-09:30', iif(i % 10 = 3, 'cancelled', iif(i % 17 = 5, 'no-show', 'completed')) FROM c`,
	counted + `INSERT INTO invoices (id, patientId, doctorId, invoiceNumber, status, currency, issuedOn, amountMinor, balanceMinor)
		SELECT printf('benchiv%08d', 2 * i + k), printf('benchpt%08d', i * 48271 % {p}), printf('benchdc%08d', i * 31 % 50), 'B-' || i || '-' || k,
			iif(i % 20 = 7, 'void', iif(open, 'unpaid', 'paid')), 'USD', {day}, 1000 + i % 9973, iif(open, 1000 + i % 9973, 0)
		FROM (SELECT i, value AS k, (2 * i + value) % iif(i * 10 >= {n} * 9, 9, 100) = 2 AS open FROM c, json_each('[0,1]'))`,
	counted + `INSERT INTO payments (id, invoiceId, kind, amountMinor, method, paidOn)
		SELECT printf('benchpy%08d', i), printf('benchiv%08d', i), iif(i % 40 = 11, 'refund', 'payment'), 1000 + i % 9973,
			CASE i % 3 WHEN 0 THEN 'cash' WHEN 1 THEN 'card' ELSE 'insurance' END, {day} FROM c`,
	counted + `INSERT INTO inventory (id, itemName, quantity, unitPriceMinor, category, expiryDate)
		SELECT printf('benchit%08d', i), 'Item ' || i, i, 100 + i, 'Category ' || i % 12, date('2026-06-01', '+' || i || ' days') FROM c LIMIT 500`,
	counted + `INSERT INTO inventory_movements (id, itemId, delta, kind, movedOn)
		SELECT printf('benchmv%08d', i), printf('benchit%08d', i * 7919 % 90), iif(i % 10 = 0, 90, -9), 'adjustment', {day} FROM c`,
}
