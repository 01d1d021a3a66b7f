package patients

import (
	"github.com/pocketbase/pocketbase/core"
)

// initSummary adds the day of the register and the table that reports tell by which
// months changed.
func initSummary(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("patients")
	if err != nil {
		return err
	}
	c.Fields.Add(&core.TextField{Name: "registeredOn", Hidden: true, Pattern: `^\d{4}-\d{2}-\d{2}$`})
	c.AddIndex("idx_patients_registered", false, "registeredOn, gender, dateOfBirth", "deletedAt = ''")
	if err := tx.Save(c); err != nil {
		return err
	}
	for _, statement := range []string{
		`UPDATE patients SET registeredOn = substr(created, 1, 10)`,
		`CREATE TABLE patient_months (
			month    TEXT    PRIMARY KEY NOT NULL,
			patients INTEGER NOT NULL,
			stamp    INTEGER NOT NULL
		) WITHOUT ROWID`,
		`INSERT INTO patient_months SELECT substr(registeredOn, 1, 7), count(*), random() FROM patients WHERE deletedAt = '' GROUP BY 1`,
		`CREATE TRIGGER patient_months_insert AFTER INSERT ON patients WHEN NEW.deletedAt = '' BEGIN
			INSERT INTO patient_months VALUES (substr(NEW.registeredOn, 1, 7), 1, random())
			ON CONFLICT (month) DO UPDATE SET patients = patients + 1, stamp = random();
		END`,
		// A patient who changes nothing that is counted leaves the month alone.
		`CREATE TRIGGER patient_months_update AFTER UPDATE ON patients
		WHEN NEW.deletedAt != OLD.deletedAt OR NEW.registeredOn != OLD.registeredOn OR NEW.gender != OLD.gender OR NEW.dateOfBirth != OLD.dateOfBirth BEGIN
			UPDATE patient_months SET patients = patients - (OLD.deletedAt = ''), stamp = random()
			WHERE month = substr(OLD.registeredOn, 1, 7);
			INSERT INTO patient_months VALUES (substr(NEW.registeredOn, 1, 7), NEW.deletedAt = '', random())
			ON CONFLICT (month) DO UPDATE SET patients = patients + (NEW.deletedAt = ''), stamp = random();
		END`,
		`CREATE TRIGGER patient_months_delete AFTER DELETE ON patients WHEN OLD.deletedAt = '' BEGIN
			UPDATE patient_months SET patients = patients - 1, stamp = random() WHERE month = substr(OLD.registeredOn, 1, 7);
		END`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}
