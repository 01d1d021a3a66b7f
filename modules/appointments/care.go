package appointments

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// initCare notes in the table "care" who has or had an appointment with whom, unless it
// was cancelled.
func initCare(tx core.App) error {
	const columns = `INSERT OR IGNORE INTO care (id, patientId, doctorId, accountId, source, until, created)
		SELECT lower(substr(hex(randomblob(8)), 1, 15)), `
	const rest = `, d.id, d.userId, 'appointment', '9999-12-31 23:59:59.999Z', strftime('%Y-%m-%d %H:%M:%fZ', 'now') FROM `
	const remove = `DELETE FROM care WHERE patientId = OLD.patientId AND doctorId = OLD.doctorId AND source = 'appointment' AND NOT EXISTS (
		SELECT 1 FROM appointments a WHERE a.patientId = OLD.patientId AND a.doctorId = OLD.doctorId AND a.status != 'cancelled');`
	for _, statement := range []string{
		columns + `a.patientId` + rest + `(SELECT DISTINCT patientId, doctorId FROM appointments WHERE status != 'cancelled') a JOIN doctors d ON d.id = a.doctorId`,
		`CREATE TRIGGER care_appointment_insert AFTER INSERT ON appointments WHEN NEW.status != 'cancelled' BEGIN
			` + columns + `NEW.patientId` + rest + `doctors d WHERE d.id = NEW.doctorId;
		END`,
		`CREATE TRIGGER care_appointment_update AFTER UPDATE OF patientId, doctorId, status ON appointments
		WHEN NEW.patientId != OLD.patientId OR NEW.doctorId != OLD.doctorId OR (NEW.status = 'cancelled') != (OLD.status = 'cancelled') BEGIN
			` + remove + `
			` + columns + `NEW.patientId` + rest + `doctors d WHERE d.id = NEW.doctorId AND NEW.status != 'cancelled';
		END`,
		`CREATE TRIGGER care_appointment_delete AFTER DELETE ON appointments BEGIN
			` + remove + `
		END`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// seen tells the register of an imported visit.
func seen(tx core.App, r *core.Record) error {
	if r.GetString("sourceId") == "" {
		return nil
	}
	return patientsapi.SeenOn(tx, r.GetString("patientId"), r.GetString("appointmentDate"))
}
