package records

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// initCare notes in the table "care" who wrote a record of whom, unless it was entered in
// error.
func initCare(tx core.App) error {
	const insert = `INSERT OR IGNORE INTO care (id, patientId, doctorId, accountId, source, until, created)
		SELECT lower(substr(hex(randomblob(8)), 1, 15)), r.patientId, r.doctorId,
			COALESCE((SELECT userId FROM doctors WHERE id = r.doctorId AND userId != ''), r.authorId),
			'record', '9999-12-31 23:59:59.999Z', strftime('%Y-%m-%d %H:%M:%fZ', 'now')
		FROM medical_records r WHERE r.enteredInErrorAt = '' AND (r.doctorId != '' OR r.authorId != '')`
	// Where the author has no profile, it is the account that wrote.
	const remove = `DELETE FROM care WHERE patientId = OLD.patientId AND doctorId = OLD.doctorId AND source = 'record'
		AND (OLD.doctorId != '' OR accountId = OLD.authorId) AND NOT EXISTS (
			SELECT 1 FROM medical_records r WHERE r.patientId = OLD.patientId AND r.enteredInErrorAt = '' AND r.doctorId = OLD.doctorId
				AND (OLD.doctorId != '' OR r.authorId = OLD.authorId));`
	for _, statement := range []string{
		insert,
		`CREATE TRIGGER care_record_insert AFTER INSERT ON medical_records BEGIN
			` + insert + ` AND r.id = NEW.id;
		END`,
		`CREATE TRIGGER care_record_update AFTER UPDATE OF enteredInErrorAt, authorId, doctorId ON medical_records
		WHEN NEW.enteredInErrorAt != OLD.enteredInErrorAt OR NEW.authorId != OLD.authorId OR NEW.doctorId != OLD.doctorId BEGIN
			` + remove + `
			` + insert + ` AND r.id = NEW.id;
		END`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// seen tells the register of an imported record.
func seen(tx core.App, r *core.Record) error {
	if r.GetString("sourceId") == "" {
		return nil
	}
	s, err := clinicapi.Current(tx)
	if err != nil {
		return err
	}
	return patientsapi.SeenOn(tx, r.GetString("patientId"), s.Today(r.GetDateTime("recordedAt").Time()))
}
