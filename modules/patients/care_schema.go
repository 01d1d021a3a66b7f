package patients

import (
	"github.com/pocketbase/pocketbase/core"
)

// initRestriction adds since when the use of a patient's data is restricted.
func initRestriction(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("patients")
	if err != nil {
		return err
	}
	c.Fields.Add(&core.DateField{Name: "restrictedAt"})
	return tx.Save(c)
}

// initCare makes the table of who cares for whom, see patientsapi.InCare. Triggers keep it:
// rules ask it on every read, and a write that goes round the hooks counts too.
func initCare(tx core.App) error {
	patients, err := tx.FindCollectionByNameOrId("patients")
	if err != nil {
		return err
	}
	c := core.NewBaseCollection("care")
	c.Fields.Add(
		&core.RelationField{Name: "patientId", CollectionId: patients.Id, MaxSelect: 1, Required: true},
		// Text: nobody expands them, and a relation would be emptied with its target.
		&core.TextField{Name: "doctorId"},
		&core.TextField{Name: "accountId"},
		&core.TextField{Name: "source", Required: true, Max: 30},
		&core.DateField{Name: "until"},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	c.AddIndex("idx_care_once", true, "patientId, doctorId, accountId, source", "")
	c.AddIndex("idx_care_account", false, "accountId, patientId, until", "")
	c.AddIndex("idx_care_doctor", false, "doctorId", "")
	if err := tx.Save(c); err != nil {
		return err
	}
	const columns = `INSERT OR IGNORE INTO care (id, patientId, doctorId, accountId, source, until, created)
		SELECT lower(substr(hex(randomblob(8)), 1, 15)), `
	const rest = `, d.id, d.userId, 'assigned', '9999-12-31 23:59:59.999Z', strftime('%Y-%m-%d %H:%M:%fZ', 'now') FROM `
	for _, statement := range []string{
		columns + `p.id` + rest + `patients p JOIN doctors d ON d.id = p.assignedDoctorId WHERE p.assignedDoctorId != ''`,
		`CREATE TRIGGER care_assigned_insert AFTER INSERT ON patients WHEN NEW.assignedDoctorId != '' BEGIN
			` + columns + `NEW.id` + rest + `doctors d WHERE d.id = NEW.assignedDoctorId;
		END`,
		`CREATE TRIGGER care_assigned_update AFTER UPDATE OF assignedDoctorId ON patients WHEN NEW.assignedDoctorId != OLD.assignedDoctorId BEGIN
			DELETE FROM care WHERE patientId = OLD.id AND source = 'assigned';
			` + columns + `NEW.id` + rest + `doctors d WHERE d.id = NEW.assignedDoctorId;
		END`,
		// Whoever is given a doctor's profile takes over the doctor's patients.
		`CREATE TRIGGER care_account AFTER UPDATE OF userId ON doctors WHEN NEW.userId != OLD.userId BEGIN
			UPDATE OR REPLACE care SET accountId = NEW.userId WHERE doctorId = NEW.id;
		END`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}
