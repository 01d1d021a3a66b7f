package records

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780000800_medical_records", Up: initRecords},
	{ID: "1780000801_care", Up: initCare},
	{ID: "1795030001_attachment_names", Up: initAttachmentNames},
}

func initRecords(tx core.App) error {
	ids := map[string]string{}
	for _, name := range []string{"users", "doctors", "patients", "appointments"} {
		c, err := tx.FindCollectionByNameOrId(name)
		if err != nil {
			return err
		}
		ids[name] = c.Id
	}
	c := core.NewBaseCollection("medical_records")
	c.Fields.Add(
		&core.RelationField{Name: "patientId", CollectionId: ids["patients"], MaxSelect: 1, Required: true},
		&core.RelationField{Name: "appointmentId", CollectionId: ids["appointments"], MaxSelect: 1},
		&core.TextField{Name: "diagnosis", Max: 5000, Required: true},
		&core.TextField{Name: "treatment", Max: 20000},
		&core.JSONField{Name: "prescriptions", MaxSize: 100_000},
		&core.TextField{Name: "notes", Max: 50000},
		&core.JSONField{Name: "codes", MaxSize: 50_000},
		&core.FileField{Name: "attachments", Protected: true, MaxSelect: 10, MaxSize: 10 << 20, MimeTypes: []string{
			"application/pdf", "image/png", "image/jpeg", "image/webp", "application/dicom", "text/plain",
		}},
		&core.DateField{Name: "recordedAt", Required: true},
		&core.RelationField{Name: "authorId", CollectionId: ids["users"], MaxSelect: 1},
		&core.RelationField{Name: "doctorId", CollectionId: ids["doctors"], MaxSelect: 1},
		&core.NumberField{Name: "version", OnlyInt: true, Required: true},
		&core.RelationField{Name: "changedById", CollectionId: ids["users"], MaxSelect: 1},
		&core.SelectField{Name: "status", MaxSelect: 1, Required: true, Values: []string{"active", "entered-in-error"}},
		&core.DateField{Name: "enteredInErrorAt"},
		&core.TextField{Name: "enteredInErrorReason", Max: 1000},
		&core.TextField{Name: "sourceId", Max: 300, Hidden: true},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("idx_medical_records_patient", false, "patientId, recordedAt", "")
	c.AddIndex("idx_medical_records_appointment", false, "appointmentId", "")
	c.AddIndex("idx_medical_records_author", false, "authorId", "")
	c.AddIndex("idx_medical_records_doctor", false, "doctorId", "")
	c.AddIndex("idx_medical_records_changer", false, "changedById", "")
	c.AddIndex("idx_medical_records_recorded", false, "recordedAt", "")
	c.AddIndex("idx_medical_records_source", true, "sourceId", "sourceId != ''")
	if err := tx.Save(c); err != nil {
		return err
	}
	versions := core.NewBaseCollection("medical_record_versions")
	versions.Fields.Add(
		&core.RelationField{Name: "recordId", CollectionId: c.Id, MaxSelect: 1, Required: true},
		&core.NumberField{Name: "version", OnlyInt: true, Required: true},
		&core.JSONField{Name: "content", MaxSize: 10 << 20},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	versions.AddIndex("idx_medical_record_versions_record", true, "recordId, version", "")
	if err := tx.Save(versions); err != nil {
		return err
	}
	for _, sql := range []string{recordKept, recordNumbered, recordVersioned, versionFixed, versionKept} {
		if _, err := tx.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// Nothing clinical is lost, whatever path a write comes by.
const (
	recordKept = `CREATE TRIGGER medical_records_kept BEFORE DELETE ON medical_records
BEGIN SELECT RAISE(ABORT, 'polyclinic:record_kept:'); END`

	recordNumbered = `CREATE TRIGGER medical_records_numbered BEFORE UPDATE ON medical_records
WHEN NEW.version IS NOT OLD.version + 1 OR NEW.id IS NOT OLD.id OR NEW.patientId IS NOT OLD.patientId
BEGIN SELECT RAISE(ABORT, 'polyclinic:record_version:version'); END`

	// It names every column; from the first start on versionsFollowSchema keeps it up to date.
	recordVersioned = `CREATE TRIGGER medical_records_versioned AFTER UPDATE ON medical_records
BEGIN INSERT INTO medical_record_versions (id, recordId, version, created, content)
VALUES (lower(substr(hex(randomblob(8)), 1, 15)), OLD.id, OLD.version, strftime('%Y-%m-%d %H:%M:%fZ', 'now'), json_object(
  'id', OLD.id, 'patientId', OLD.patientId, 'appointmentId', OLD.appointmentId, 'diagnosis', OLD.diagnosis,
  'treatment', OLD.treatment, 'prescriptions', OLD.prescriptions, 'notes', OLD.notes, 'codes', OLD.codes,
  'attachments', OLD.attachments, 'recordedAt', OLD.recordedAt, 'authorId', OLD.authorId, 'doctorId', OLD.doctorId,
  'version', OLD.version, 'changedById', OLD.changedById, 'status', OLD.status, 'enteredInErrorAt', OLD.enteredInErrorAt,
  'enteredInErrorReason', OLD.enteredInErrorReason, 'sourceId', OLD.sourceId, 'created', OLD.created, 'updated', OLD.updated)); END`

	versionFixed = `CREATE TRIGGER medical_record_versions_fixed BEFORE UPDATE ON medical_record_versions
BEGIN SELECT RAISE(ABORT, 'polyclinic:version_kept:'); END`

	versionKept = `CREATE TRIGGER medical_record_versions_kept BEFORE DELETE ON medical_record_versions
BEGIN SELECT RAISE(ABORT, 'polyclinic:version_kept:'); END`
)
