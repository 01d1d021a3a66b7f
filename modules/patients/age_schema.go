package patients

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// ageUnknown lets the column hold NULL, and has it hold NULL for whoever has no date of birth:
// a filter for children found everybody whose age nobody knows, as 0 is stored for "absent" in
// PocketBase's number fields. Triggers see to it, since PocketBase writes that 0 with every row.
//
// SQLite has no statement for it. It documents this way of removing a NOT NULL, which leaves
// indexes, triggers and a clinic's own views alone: https://www.sqlite.org/lang_altertable.html,
// section 7.
func ageUnknown(tx core.App) error {
	db := tx.NonconcurrentDB()
	var version int
	if err := db.NewQuery("PRAGMA schema_version").Row(&version); err != nil {
		return err
	}
	if _, err := db.NewQuery("PRAGMA writable_schema = ON").Execute(); err != nil {
		return err
	}
	changed, err := db.NewQuery("UPDATE sqlite_schema SET sql = replace(sql, '`age` NUMERIC DEFAULT 0 NOT NULL', '`age` NUMERIC DEFAULT NULL') " +
		"WHERE type = 'table' AND name = 'patients' AND instr(sql, '`age` NUMERIC DEFAULT 0 NOT NULL') > 0").Execute()
	if err != nil {
		return err
	}
	if n, err := changed.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("the column of the age was not found in %d tables (%v)", n, err)
	}
	for _, statement := range []string{
		fmt.Sprintf("PRAGMA schema_version = %d", version+1),
		"PRAGMA writable_schema = RESET",
		"UPDATE patients SET age = NULL WHERE dateOfBirth = ''",
		`CREATE TRIGGER patients_age_insert AFTER INSERT ON patients WHEN NEW.dateOfBirth = '' BEGIN
			UPDATE patients SET age = NULL WHERE id = NEW.id;
		END`,
		// PocketBase leaves out what did not change: from unknown to a newborn's it is 0 to 0.
		`CREATE TRIGGER patients_age_update AFTER UPDATE OF dateOfBirth, age ON patients WHEN (NEW.dateOfBirth = '') != (NEW.age IS NULL) BEGIN
			UPDATE patients SET age = CASE WHEN NEW.dateOfBirth != '' THEN 0 END WHERE id = NEW.id;
		END`,
	} {
		if _, err := db.NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}
