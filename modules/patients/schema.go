package patients

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var migrations = []kernel.Migration{
	{ID: "1780000400_patients", Up: initPatients},
	{ID: "1780000401_numbers", Up: initNumbers},
	{ID: "1780000490_summary", Up: initSummary},
	{ID: "1780000491_care", Up: initCare},
	{ID: "1780000492_sums", Up: initSums},
	{ID: "1780000493_stamps", Up: initStamps},
	{ID: "1780000495_restriction", Up: initRestriction},
	{ID: "1780000496_age", Up: ageUnknown},
	{ID: "1780000498_days", Up: initDays},
	{ID: "1795010001_counter", Up: keepCounter},
	{ID: "1795020104_days_again", Up: initDays}, // as every SQLite reads them
	{ID: "1795020204_births_again", Up: keepSums},
}

func initPatients(tx core.App) error {
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	doctors, err := tx.FindCollectionByNameOrId("doctors")
	if err != nil {
		return err
	}
	low, high := 0.0, 150.0
	c := core.NewBaseCollection("patients")
	c.Fields.Add(
		&core.TextField{Name: "mrn", Max: 30},
		&core.TextField{Name: "name", Required: true, Max: 200},
		// Civil days are text: a date field would shift them with the time zone.
		&core.TextField{Name: "dateOfBirth", Pattern: `^\d{4}(-\d{2}-\d{2})?$`},
		&core.NumberField{Name: "age", OnlyInt: true, Min: &low, Max: &high},
		&core.TextField{Name: "gender", Max: 30},
		&core.TextField{Name: "bloodGroup", Max: 10},
		&core.TextField{Name: "contact", Max: 100},
		&core.EmailField{Name: "email"},
		&core.TextField{Name: "address", Max: 500},
		&core.TextField{Name: "emergencyContact", Max: 300},
		&core.TextField{Name: "allergies", Max: 5000},
		&core.TextField{Name: "notes", Max: 20000},
		&core.RelationField{Name: "assignedDoctorId", CollectionId: doctors.Id, MaxSelect: 1},
		&core.RelationField{Name: "userId", CollectionId: users.Id, MaxSelect: 1},
		&core.DateField{Name: "deletedAt", Hidden: true},
		&core.TextField{Name: "sourceId", Max: 300, Hidden: true},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("idx_patients_mrn", true, "mrn", "")
	c.AddIndex("idx_patients_user", true, "userId", "userId != ''")
	c.AddIndex("idx_patients_userId", false, "userId", "")
	c.AddIndex("idx_patients_doctor", false, "assignedDoctorId", "")
	c.AddIndex("idx_patients_source", true, "sourceId", "sourceId != ''")
	c.AddIndex("idx_patients_sourceId", false, "sourceId", "") // SQLite takes no partial index for "= ?"
	c.AddIndex("idx_patients_name", false, "name", "")
	c.AddIndex("idx_patients_created", false, "created", "")
	if err := tx.Save(c); err != nil {
		return err
	}
	_, err = tx.NonconcurrentDB().NewQuery(`
		CREATE TRIGGER patients_kept BEFORE DELETE ON patients
		BEGIN SELECT RAISE(ABORT, 'polyclinic:patient_kept:'); END`).Execute()
	return err
}

// initNumbers makes the counter that medical record numbers come from: one row.
func initNumbers(tx core.App) error {
	c := core.NewBaseCollection("patient_numbers")
	c.Fields.Add(&core.NumberField{Name: "last", OnlyInt: true})
	if err := tx.Save(c); err != nil {
		return err
	}
	r := core.NewRecord(c)
	r.Id = "patientnumber01"
	return tx.Save(r)
}

// keepCounter lets the counter neither go back, where a number could be given to two, nor go:
// without it nobody can be registered.
func keepCounter(tx core.App) error {
	for _, statement := range []string{
		`CREATE TRIGGER patient_numbers_step BEFORE UPDATE ON patient_numbers WHEN NEW.last < OLD.last
			BEGIN SELECT RAISE(ABORT, 'polyclinic:number_kept:last'); END`,
		`CREATE TRIGGER patient_numbers_kept BEFORE DELETE ON patient_numbers
			BEGIN SELECT RAISE(ABORT, 'polyclinic:number_kept:last'); END`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// initDays lets no day in that does not exist.
func initDays(tx core.App) error { return clinicapi.OnlyDays(tx, "patients", "registeredOn") }
