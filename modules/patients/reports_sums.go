package patients

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// initSums replaces patient_months by sums from which a report of any day is added up:
// register_sums by gender, of each day and month of registration; register_births by date
// of birth. The latter are those registered at any time ("all") and in each year, month
// and day, each by year, month and day of birth, so that those born up to a day are some
// forty rows, and those registered up to one some fifty times that.
func initSums(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("patients")
	if err != nil {
		return err
	}
	c.RemoveIndex("idx_patients_registered") // nothing reads patients any more to count them
	if err := tx.Save(c); err != nil {
		return err
	}
	for _, statement := range []string{
		`DROP TRIGGER patient_months_insert`, `DROP TRIGGER patient_months_update`, `DROP TRIGGER patient_months_delete`, `DROP TABLE patient_months`,
		`CREATE TABLE register_sums (
			unit TEXT NOT NULL, period TEXT NOT NULL, gender TEXT NOT NULL, patients INTEGER NOT NULL, PRIMARY KEY (unit, period, gender)
		) WITHOUT ROWID`,
		`CREATE TABLE register_births (
			unit TEXT NOT NULL, period TEXT NOT NULL, grain TEXT NOT NULL, born TEXT NOT NULL, patients INTEGER NOT NULL,
			PRIMARY KEY (unit, period, grain, born)
		) WITHOUT ROWID`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	if err := keepSums(tx); err != nil {
		return err
	}
	for _, statement := range []string{
		"INSERT INTO register_sums " + reportsapi.OfAll(registerSums.Recount),
		"INSERT INTO register_births " + reportsapi.OfAll(registerBirths.Recount),
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// keepSums makes the triggers, or makes them anew. What is a day they ask as clinicapi.OnlyDays
// does, so that every SQLite says the same: a birth on 30 February that one of them added to the
// sums another would not take off again.
func keepSums(tx core.App) error {
	const add = `
			INSERT INTO register_sums SELECT column1, column2, X.gender, ± 1
			FROM (VALUES ('month', substr(X.registeredOn, 1, 7)), ('day', X.registeredOn)) WHERE X.deletedAt = ''
			ON CONFLICT (unit, period, gender) DO UPDATE SET patients = patients + excluded.patients;
			INSERT INTO register_births SELECT r.column1, r.column2, b.column1, b.column2, ± 1
			FROM (VALUES ('all', ''), ('year', substr(X.registeredOn, 1, 4)), ('month', substr(X.registeredOn, 1, 7)), ('day', X.registeredOn)) r,
				(VALUES ('year', substr(X.dateOfBirth, 1, 4)), ('month', substr(X.dateOfBirth, 1, 7)), ('day', X.dateOfBirth)) b
			WHERE X.deletedAt = '' AND (X.dateOfBirth GLOB '[0-9][0-9][0-9][0-9]' OR date(X.dateOfBirth, '+0 days') = X.dateOfBirth)
			ON CONFLICT (unit, period, grain, born) DO UPDATE SET patients = patients + excluded.patients;`
	plus := func(row string) string { return strings.NewReplacer("X.", row+".", "± ", "").Replace(add) }
	minus := func(row string) string { return strings.NewReplacer("X.", row+".", "± ", "-").Replace(add) }
	for _, statement := range []string{
		`DROP TRIGGER IF EXISTS register_sums_insert`, `DROP TRIGGER IF EXISTS register_sums_update`, `DROP TRIGGER IF EXISTS register_sums_delete`,
		`CREATE TRIGGER register_sums_insert AFTER INSERT ON patients BEGIN` + plus("NEW") + ` END`,
		// A patient who changes nothing that is counted leaves the sums alone.
		`CREATE TRIGGER register_sums_update AFTER UPDATE ON patients
		WHEN NEW.deletedAt != OLD.deletedAt OR NEW.registeredOn != OLD.registeredOn OR NEW.gender != OLD.gender OR NEW.dateOfBirth != OLD.dateOfBirth
		BEGIN` + minus("OLD") + plus("NEW") + ` END`,
		`CREATE TRIGGER register_sums_delete AFTER DELETE ON patients BEGIN` + minus("OLD") + ` END`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// initStamps lets reports keep what they read of months that did not change. Whatever
// changes a birth draws a stamp too: both tables have the same triggers.
func initStamps(tx core.App) error {
	return reportsapi.Stamp(tx, "register_sums", reportsapi.BySum)
}

var sumTriggers = []string{"register_sums_insert", "register_sums_update", "register_sums_delete"}

// registerSums and registerBirths are what initSums' triggers keep. Somebody whose day of
// registration is not known was always on the register.
var registerSums = reportsapi.Summary{
	Table: "register_sums", Rows: "patients", Day: "registeredOn", Along: "period", Keys: []string{"unit", "period", "gender"}, Sums: []string{"patients"}, Triggers: append(reportsapi.StampTriggers("register_sums"), sumTriggers...),
	Recount: `SELECT column1 AS unit, substr(registeredOn, 1, column2) AS period, gender, count(*) AS patients
		FROM patients, (VALUES ('month', 7), ('day', 10)) WHERE deletedAt = '' AND ` + reportsapi.Part("registeredOn") + ` GROUP BY 1, 2, 3`,
}

var registerBirths = reportsapi.Summary{
	Table: "register_births", Rows: "patients", Day: "dateOfBirth", Along: "born", Years: true, Keys: []string{"unit", "period", "grain", "born"}, Sums: []string{"patients"}, Triggers: sumTriggers,
	Recount: `SELECT r.column1 AS unit, substr(registeredOn, 1, r.column2) AS period, b.column1 AS grain, substr(dateOfBirth, 1, b.column2) AS born, count(*) AS patients
		FROM patients, (VALUES ('all', 0), ('year', 4), ('month', 7), ('day', 10)) r, (VALUES ('year', 4), ('month', 7), ('day', 10)) b
		WHERE deletedAt = '' AND (dateOfBirth GLOB '[0-9][0-9][0-9][0-9]' OR date(dateOfBirth) = dateOfBirth) AND ` + reportsapi.Part("dateOfBirth") + ` GROUP BY 1, 2, 3, 4`,
}
