package billing

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// initSummary makes the sums that reports add up: what was billed and is owed by doctor,
// what was paid and paid back by method, each for every month and for every day.
func initSummary(tx core.App) error {
	for _, statement := range []string{
		`CREATE TABLE invoice_sums (
			unit        TEXT    NOT NULL, -- month or day
			period      TEXT    NOT NULL,
			doctorId    TEXT    NOT NULL,
			invoices    INTEGER NOT NULL,
			billed      INTEGER NOT NULL,
			outstanding INTEGER NOT NULL,
			PRIMARY KEY (unit, period, doctorId)
		) WITHOUT ROWID`,
		`CREATE TRIGGER invoice_sums_insert AFTER INSERT ON invoices WHEN NEW.status NOT IN ('draft', 'void') BEGIN
			INSERT INTO invoice_sums VALUES
				('month', substr(NEW.issuedOn, 1, 7), NEW.doctorId, 1, NEW.amountMinor, NEW.balanceMinor),
				('day', NEW.issuedOn, NEW.doctorId, 1, NEW.amountMinor, NEW.balanceMinor)
			ON CONFLICT (unit, period, doctorId) DO UPDATE SET invoices = invoices + excluded.invoices,
				billed = billed + excluded.billed, outstanding = outstanding + excluded.outstanding;
		END`,
		`CREATE TRIGGER invoice_sums_update AFTER UPDATE ON invoices
		WHEN NEW.status != OLD.status OR NEW.issuedOn != OLD.issuedOn OR NEW.doctorId != OLD.doctorId
			OR NEW.amountMinor != OLD.amountMinor OR NEW.balanceMinor != OLD.balanceMinor BEGIN
			INSERT INTO invoice_sums
			SELECT column1, column2, OLD.doctorId, -1, -OLD.amountMinor, -OLD.balanceMinor
			FROM (VALUES ('month', substr(OLD.issuedOn, 1, 7)), ('day', OLD.issuedOn)) WHERE OLD.status NOT IN ('draft', 'void')
			ON CONFLICT (unit, period, doctorId) DO UPDATE SET invoices = invoices + excluded.invoices,
				billed = billed + excluded.billed, outstanding = outstanding + excluded.outstanding;
			INSERT INTO invoice_sums
			SELECT column1, column2, NEW.doctorId, 1, NEW.amountMinor, NEW.balanceMinor
			FROM (VALUES ('month', substr(NEW.issuedOn, 1, 7)), ('day', NEW.issuedOn)) WHERE NEW.status NOT IN ('draft', 'void')
			ON CONFLICT (unit, period, doctorId) DO UPDATE SET invoices = invoices + excluded.invoices,
				billed = billed + excluded.billed, outstanding = outstanding + excluded.outstanding;
		END`,
		`CREATE TRIGGER invoice_sums_delete AFTER DELETE ON invoices WHEN OLD.status NOT IN ('draft', 'void') BEGIN
			INSERT INTO invoice_sums VALUES
				('month', substr(OLD.issuedOn, 1, 7), OLD.doctorId, -1, -OLD.amountMinor, -OLD.balanceMinor),
				('day', OLD.issuedOn, OLD.doctorId, -1, -OLD.amountMinor, -OLD.balanceMinor)
			ON CONFLICT (unit, period, doctorId) DO UPDATE SET invoices = invoices + excluded.invoices,
				billed = billed + excluded.billed, outstanding = outstanding + excluded.outstanding;
		END`,
		`CREATE TABLE payment_sums (
			unit      TEXT    NOT NULL, -- month or day
			period    TEXT    NOT NULL,
			method    TEXT    NOT NULL,
			collected INTEGER NOT NULL,
			refunded  INTEGER NOT NULL,
			PRIMARY KEY (unit, period, method)
		) WITHOUT ROWID`,
		`CREATE TRIGGER payment_sums_insert AFTER INSERT ON payments BEGIN
			INSERT INTO payment_sums VALUES
				('month', substr(NEW.paidOn, 1, 7), NEW.method, (NEW.kind = 'payment') * NEW.amountMinor, (NEW.kind = 'refund') * NEW.amountMinor),
				('day', NEW.paidOn, NEW.method, (NEW.kind = 'payment') * NEW.amountMinor, (NEW.kind = 'refund') * NEW.amountMinor)
			ON CONFLICT (unit, period, method) DO UPDATE SET collected = collected + excluded.collected, refunded = refunded + excluded.refunded;
		END`,
		`CREATE TRIGGER payment_sums_update AFTER UPDATE ON payments
		WHEN NEW.paidOn != OLD.paidOn OR NEW.method != OLD.method OR NEW.kind != OLD.kind OR NEW.amountMinor != OLD.amountMinor BEGIN
			INSERT INTO payment_sums VALUES
				('month', substr(OLD.paidOn, 1, 7), OLD.method, (OLD.kind = 'payment') * -OLD.amountMinor, (OLD.kind = 'refund') * -OLD.amountMinor),
				('day', OLD.paidOn, OLD.method, (OLD.kind = 'payment') * -OLD.amountMinor, (OLD.kind = 'refund') * -OLD.amountMinor),
				('month', substr(NEW.paidOn, 1, 7), NEW.method, (NEW.kind = 'payment') * NEW.amountMinor, (NEW.kind = 'refund') * NEW.amountMinor),
				('day', NEW.paidOn, NEW.method, (NEW.kind = 'payment') * NEW.amountMinor, (NEW.kind = 'refund') * NEW.amountMinor)
			ON CONFLICT (unit, period, method) DO UPDATE SET collected = collected + excluded.collected, refunded = refunded + excluded.refunded;
		END`,
		`CREATE TRIGGER payment_sums_delete AFTER DELETE ON payments BEGIN
			INSERT INTO payment_sums VALUES
				('month', substr(OLD.paidOn, 1, 7), OLD.method, (OLD.kind = 'payment') * -OLD.amountMinor, (OLD.kind = 'refund') * -OLD.amountMinor),
				('day', OLD.paidOn, OLD.method, (OLD.kind = 'payment') * -OLD.amountMinor, (OLD.kind = 'refund') * -OLD.amountMinor)
			ON CONFLICT (unit, period, method) DO UPDATE SET collected = collected + excluded.collected, refunded = refunded + excluded.refunded;
		END`,
		`INSERT INTO invoice_sums
			SELECT 'month', substr(issuedOn, 1, 7), doctorId, count(*), sum(amountMinor), sum(balanceMinor)
			FROM invoices WHERE status NOT IN ('draft', 'void') GROUP BY 2, 3
			UNION ALL
			SELECT 'day', issuedOn, doctorId, count(*), sum(amountMinor), sum(balanceMinor)
			FROM invoices WHERE status NOT IN ('draft', 'void') GROUP BY 2, 3`,
		`INSERT INTO payment_sums
			SELECT 'month', substr(paidOn, 1, 7), method, sum((kind = 'payment') * amountMinor), sum((kind = 'refund') * amountMinor)
			FROM payments GROUP BY 2, 3
			UNION ALL
			SELECT 'day', paidOn, method, sum((kind = 'payment') * amountMinor), sum((kind = 'refund') * amountMinor)
			FROM payments GROUP BY 2, 3`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// invoiceSums and paymentSums are what initSummary's triggers keep, in minor units.
// Drafts and void invoices are not billed.
var invoiceSums = reportsapi.Summary{
	Table: "invoice_sums", Rows: "invoices", Day: "issuedOn", Along: "period", Keys: []string{"unit", "period", "doctorId"}, Sums: []string{"invoices", "billed", "outstanding"},
	Triggers: append(reportsapi.StampTriggers("invoice_sums"), "invoice_sums_insert", "invoice_sums_update", "invoice_sums_delete"),
	Recount: `WITH i AS (SELECT issuedOn, doctorId, amountMinor, balanceMinor FROM invoices WHERE status NOT IN ('draft', 'void') AND ` + reportsapi.Part("issuedOn") + `)
		SELECT 'month' AS unit, substr(issuedOn, 1, 7) AS period, doctorId, count(*) AS invoices, sum(amountMinor) AS billed, sum(balanceMinor) AS outstanding
		FROM i GROUP BY 2, 3
		UNION ALL SELECT 'day', issuedOn, doctorId, count(*), sum(amountMinor), sum(balanceMinor) FROM i GROUP BY 2, 3`,
}

var paymentSums = reportsapi.Summary{
	Table: "payment_sums", Rows: "payments", Day: "paidOn", Along: "period", Keys: []string{"unit", "period", "method"}, Sums: []string{"collected", "refunded"},
	Triggers: append(reportsapi.StampTriggers("payment_sums"), "payment_sums_insert", "payment_sums_update", "payment_sums_delete"),
	Recount: `SELECT 'month' AS unit, substr(paidOn, 1, 7) AS period, method,
			sum((kind = 'payment') * amountMinor) AS collected, sum((kind = 'refund') * amountMinor) AS refunded
		FROM payments WHERE ` + reportsapi.Part("paidOn") + ` GROUP BY 2, 3
		UNION ALL SELECT 'day', paidOn, method, sum((kind = 'payment') * amountMinor), sum((kind = 'refund') * amountMinor)
		FROM payments WHERE ` + reportsapi.Part("paidOn") + ` GROUP BY 2, 3`,
}
