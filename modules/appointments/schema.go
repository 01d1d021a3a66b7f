package appointments

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var migrations = []kernel.Migration{
	{ID: "1780000500_appointments", Up: initAppointments},
	{ID: "1780000501_no_overlap", Up: initNoOverlap},
	{ID: "1780000590_summary", Up: initSummary},
	{ID: "1780000591_care", Up: initCare},
	{ID: "1780000592_sums", Up: initSums},
	{ID: "1780000593_stamps", Up: initStamps},
	{ID: "1780000594_day_stamps", Up: initDayStamps},
	{ID: "1780000598_days", Up: initDays},
	{ID: "1795020005_whole", Up: initWhole},
	{ID: "1795020105_days_again", Up: initDays}, // as every SQLite reads them
}

func initAppointments(tx core.App) error {
	patients, err := tx.FindCollectionByNameOrId("patients")
	if err != nil {
		return err
	}
	doctors, err := tx.FindCollectionByNameOrId("doctors")
	if err != nil {
		return err
	}
	low, high := 0.0, 1440.0
	c := core.NewBaseCollection("appointments")
	c.Fields.Add(
		&core.RelationField{Name: "patientId", CollectionId: patients.Id, MaxSelect: 1, Required: true},
		&core.RelationField{Name: "doctorId", CollectionId: doctors.Id, MaxSelect: 1, Required: true},
		// Civil days and times of day are text: a date field would shift them with the time zone.
		&core.TextField{Name: "appointmentDate", Required: true, Pattern: `^\d{4}-\d{2}-\d{2}$`},
		&core.TextField{Name: "timeSlot", Required: true, Pattern: `^\d{2}:\d{2}-\d{2}:\d{2}$`},
		&core.TextField{Name: "reason", Max: 1000},
		&core.SelectField{Name: "status", Required: true, MaxSelect: 1, Values: []string{"scheduled", "checked-in", "in-progress", "completed", "cancelled", "no-show"}},
		&core.TextField{Name: "cancelReason", Max: 500},
		// Minutes of the day, for comparing slots.
		&core.NumberField{Name: "startMinute", OnlyInt: true, Min: &low, Max: &high, Hidden: true},
		&core.NumberField{Name: "endMinute", OnlyInt: true, Min: &low, Max: &high, Hidden: true},
		&core.DateField{Name: "startsAt"},
		&core.DateField{Name: "checkedInAt"},
		&core.DateField{Name: "startedAt"},
		&core.DateField{Name: "completedAt"},
		&core.TextField{Name: "sourceId", Max: 300, Hidden: true},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("idx_appointments_doctor", false, "doctorId, appointmentDate, startMinute", "")
	c.AddIndex("idx_appointments_patient", false, "patientId, appointmentDate, startMinute", "")
	c.AddIndex("idx_appointments_day", false, "appointmentDate, startMinute", "")
	c.AddIndex("idx_appointments_starts", false, "startsAt", "")
	c.AddIndex("idx_appointments_status", false, "status, startsAt", "")
	c.AddIndex("idx_appointments_source", true, "sourceId", "sourceId != ''")
	return tx.Save(c)
}

// initNoOverlap is the last line under the hook "the slot is free": two live appointments
// of one doctor, or of one patient, never overlap.
func initNoOverlap(tx core.App) error {
	const live = "('scheduled', 'checked-in', 'in-progress')"
	for _, who := range []string{"doctorId", "patientId"} {
		for _, on := range [][2]string{
			{"insert", "INSERT"},
			{"update", "UPDATE OF doctorId, patientId, appointmentDate, startMinute, endMinute, status"},
		} {
			if _, err := tx.NonconcurrentDB().NewQuery(`
				CREATE TRIGGER appointments_` + who + `_` + on[0] + ` BEFORE ` + on[1] + ` ON appointments
				WHEN NEW.status IN ` + live + ` AND EXISTS (
					SELECT 1 FROM appointments a
					WHERE a.` + who + ` = NEW.` + who + ` AND a.appointmentDate = NEW.appointmentDate
						AND a.startMinute < NEW.endMinute AND a.endMinute > NEW.startMinute
						AND a.status IN ` + live + ` AND a.id != NEW.id
				)
				BEGIN SELECT RAISE(ABORT, 'polyclinic:slot_taken:timeSlot'); END`).Execute(); err != nil {
				return err
			}
		}
	}
	return nil
}

// initDays lets no day in that does not exist.
func initDays(tx core.App) error { return clinicapi.OnlyDays(tx, "appointments", "appointmentDate") }

// initWhole lets no slot in whose minutes are no whole numbers.
func initWhole(tx core.App) error {
	return clinicapi.OnlyWhole(tx, "appointments", "startMinute", "endMinute")
}
