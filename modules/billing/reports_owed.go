package billing

import (
	"errors"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// Digits of an entry in an owed_packs pack: '!', then the numbers of patient and doctor,
// the due day counted from 1900-01-01, and the balance in minor units.
const (
	patientDigits = 5
	doctorDigits  = 3
	dueDigits     = 3
	owedDigits    = 9
	owedEntry     = 1 + patientDigits + doctorDigits + dueDigits + owedDigits
)

// owedEntrySQL is the entry of an invoice X, p and d its patient's and doctor's rows. An
// invoice is due on its due day, or where none is set on the day of issue.
var owedEntrySQL = "'!' || " + reportsapi.PackSQL("p.no", patientDigits) + " || " + reportsapi.PackSQL("d.no", doctorDigits) +
	" || " + reportsapi.PackSQL("CAST(coalesce(julianday(X.dueOn), julianday(X.issuedOn), 2415020.5) - 2415020.5 AS INTEGER)", dueDigits) +
	" || " + reportsapi.PackSQL("X.balanceMinor", owedDigits)

// initOwed makes owed_packs: the invoices on which something is owed, by day of issue.
func initOwed(tx core.App) error {
	const owes = "X.status NOT IN ('draft', 'void') AND X.balanceMinor > 0"
	add := `
			INSERT INTO owed_patients (id) SELECT X.patientId WHERE ` + owes + ` AND NOT EXISTS (SELECT 1 FROM owed_patients WHERE id = X.patientId);
			INSERT INTO owed_doctors (id) SELECT X.doctorId WHERE ` + owes + ` AND NOT EXISTS (SELECT 1 FROM owed_doctors WHERE id = X.doctorId);
			INSERT INTO owed_packs SELECT X.issuedOn, ` + owedEntrySQL + ` FROM owed_patients p, owed_doctors d
			WHERE p.id = X.patientId AND d.id = X.doctorId AND ` + owes + `
			ON CONFLICT (day) DO UPDATE SET pack = pack || excluded.pack;`
	remove := `
			UPDATE owed_packs SET pack = substr(pack, 1, instr(pack, old.entry) - 1) || substr(pack, instr(pack, old.entry) + 21)
			FROM (SELECT ` + owedEntrySQL + ` AS entry FROM owed_patients p, owed_doctors d WHERE p.id = X.patientId AND d.id = X.doctorId) old
			WHERE day = X.issuedOn AND ` + owes + ` AND instr(pack, old.entry) > 0;
			DELETE FROM owed_packs WHERE day = X.issuedOn AND pack = '';`
	row := func(name, sql string) string { return strings.ReplaceAll(sql, "X.", name+".") }
	for _, statement := range append([]string{
		`CREATE TABLE owed_patients (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)`,
		`CREATE TABLE owed_doctors (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)`,
		`CREATE TABLE owed_packs (day TEXT PRIMARY KEY NOT NULL, pack TEXT NOT NULL) WITHOUT ROWID`,
		`CREATE TRIGGER owed_packs_insert AFTER INSERT ON invoices BEGIN` + row("NEW", add) + ` END`,
		`CREATE TRIGGER owed_packs_update AFTER UPDATE ON invoices
		WHEN NEW.status != OLD.status OR NEW.balanceMinor != OLD.balanceMinor OR NEW.issuedOn != OLD.issuedOn OR NEW.dueOn != OLD.dueOn
			OR NEW.patientId != OLD.patientId OR NEW.doctorId != OLD.doctorId
		BEGIN` + row("OLD", remove) + row("NEW", add) + ` END`,
		`CREATE TRIGGER owed_packs_delete AFTER DELETE ON invoices BEGIN` + row("OLD", remove) + ` END`,
	}, owedPacks.Rebuild...) {
		if _, err := tx.NonconcurrentDB().NewQuery(reportsapi.OfAll(statement)).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// initStamps lets reports keep what they read of months that did not change.
func initStamps(tx core.App) error {
	return errors.Join(reportsapi.Stamp(tx, "invoice_sums", reportsapi.BySum), reportsapi.Stamp(tx, "payment_sums", reportsapi.BySum),
		reportsapi.Stamp(tx, "owed_packs", reportsapi.ByPack))
}

// initDayStamps lets reports read the days that changed, not their months.
func initDayStamps(tx core.App) error { return reportsapi.StampDays(tx, "owed_packs") }

// owedPacks is what initOwed's triggers keep.
var owedPacks = reportsapi.Summary{
	Table: "owed_packs", Rows: "invoices", Day: "issuedOn", Along: "day", Keys: []string{"day", "patientId", "doctorId", "dueDay"}, Sums: []string{"invoices", "owed"},
	Triggers: slices.Concat(reportsapi.StampTriggers("owed_packs"), reportsapi.DayStampTriggers("owed_packs"),
		[]string{"owed_packs_insert", "owed_packs_update", "owed_packs_delete"}),
	Recount: `SELECT issuedOn AS day, patientId, doctorId, CAST(coalesce(julianday(dueOn), julianday(issuedOn), 2415020.5) - 2415020.5 AS INTEGER) AS dueDay,
			count(*) AS invoices, sum(balanceMinor) AS owed
		FROM invoices WHERE status NOT IN ('draft', 'void') AND balanceMinor > 0 AND ` + reportsapi.Part("issuedOn") + ` GROUP BY 1, 2, 3, 4`,
	Kept: `SELECT e.day AS day, coalesce(p.id, 'patient ' || e.patient) AS patientId, coalesce(d.id, 'doctor ' || e.doctor) AS doctorId, e.due AS dueDay,
			count(*) AS invoices, sum(e.owed) AS owed
		FROM (SELECT day, ` + reportsapi.UnpackSQL("value", 1, patientDigits) + ` AS patient, ` + reportsapi.UnpackSQL("value", 6, doctorDigits) + ` AS doctor,
				` + reportsapi.UnpackSQL("value", 9, dueDigits) + ` AS due, ` + reportsapi.UnpackSQL("value", 12, owedDigits) + ` AS owed
			FROM owed_packs, ` + reportsapi.EntriesSQL("pack") + ` WHERE pack != '' AND ` + reportsapi.Part("day") + `) e
		LEFT JOIN owed_patients p ON p.no = e.patient LEFT JOIN owed_doctors d ON d.no = e.doctor GROUP BY 1, 2, 3, 4`,
	Rebuild: []string{
		"DELETE FROM owed_packs",
		"INSERT INTO owed_patients (id) SELECT DISTINCT patientId FROM invoices WHERE status NOT IN ('draft', 'void') AND balanceMinor > 0 AND patientId NOT IN (SELECT id FROM owed_patients)",
		"INSERT INTO owed_doctors (id) SELECT DISTINCT doctorId FROM invoices WHERE status NOT IN ('draft', 'void') AND balanceMinor > 0 AND doctorId NOT IN (SELECT id FROM owed_doctors)",
		"INSERT INTO owed_packs SELECT X.issuedOn, group_concat(" + owedEntrySQL + ", '') FROM invoices X JOIN owed_patients p ON p.id = X.patientId JOIN owed_doctors d ON d.id = X.doctorId" +
			" WHERE X.status NOT IN ('draft', 'void') AND X.balanceMinor > 0 AND " + reportsapi.Part("X.issuedOn") + " GROUP BY 1",
	},
}
