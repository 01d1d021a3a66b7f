package privacy

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780001400_privacy", Up: initPrivacy},
	{ID: "1795945800_list_key", Up: makeListKey},
}

func initPrivacy(tx core.App) error {
	patients, err := tx.FindCollectionByNameOrId("patients")
	if err != nil {
		return err
	}
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	patient := func() core.Field {
		return &core.RelationField{Name: "patientId", CollectionId: patients.Id, MaxSelect: 1, Required: true}
	}
	account := func(name string, required bool) core.Field {
		return &core.RelationField{Name: name, CollectionId: users.Id, MaxSelect: 1, Required: required}
	}
	for _, c := range []struct {
		name   string
		fields []core.Field
		index  []string // relations
	}{
		{"break_glass", []core.Field{
			patient(), account("accountId", true), &core.TextField{Name: "reason", Required: true, Max: 500}, &core.DateField{Name: "expiresAt", Required: true},
			&core.DateField{Name: "reviewedAt"}, account("reviewedById", false), &core.TextField{Name: "reviewNote", Max: 1000},
		}, []string{"patientId", "accountId", "reviewedById"}},
		{"consents", []core.Field{
			patient(), &core.SelectField{Name: "purpose", Required: true, MaxSelect: 1, Values: []string{"messages", "video", "sharing", "research"}},
			&core.TextField{Name: "version", Required: true, Max: 100}, &core.DateField{Name: "givenAt", Required: true}, account("takenById", false),
			&core.DateField{Name: "withdrawnAt"}, account("withdrawnById", false), &core.TextField{Name: "note", Max: 1000},
		}, []string{"patientId", "takenById", "withdrawnById"}},
		{"privacy_requests", []core.Field{
			patient(), &core.SelectField{Name: "kind", Required: true, MaxSelect: 1, Values: []string{"access", "correction", "restriction", "erasure", "objection"}},
			&core.TextField{Name: "text", Required: true, Max: 5000}, &core.SelectField{Name: "status", Required: true, MaxSelect: 1, Values: []string{"open", "done", "refused"}},
			&core.TextField{Name: "answer", Max: 5000}, &core.DateField{Name: "answeredAt"}, account("answeredById", false),
		}, []string{"patientId", "answeredById"}},
		{"erasures", []core.Field{
			patient(), &core.TextField{Name: "pseudonym", Required: true, Max: 100}, &core.SelectField{Name: "scope", Required: true, MaxSelect: 1, Values: []string{"identity", "everything"}},
			&core.TextField{Name: "reason", Required: true, Max: 500}, account("erasedById", false),
		}, []string{"patientId", "erasedById"}},
		{"retention_rules", []core.Field{
			&core.TextField{Name: "recordType", Required: true, Max: 100}, &core.NumberField{Name: "years", OnlyInt: true},
		}, nil},
	} {
		made := core.NewBaseCollection(c.name)
		made.Fields.Add(c.fields...)
		made.Fields.Add(&core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true})
		for _, field := range c.index {
			made.AddIndex("idx_"+c.name+"_"+field, false, field+", created", "")
		}
		if c.name == "retention_rules" {
			made.AddIndex("idx_retention_rules_type", true, "recordType", "")
		}
		if err := tx.Save(made); err != nil {
			return err
		}
	}
	if err := usualYears(tx); err != nil {
		return err
	}
	for _, trigger := range []string{
		`CREATE TRIGGER break_glass_fixed BEFORE UPDATE ON break_glass
			WHEN NEW.patientId != OLD.patientId OR NEW.accountId != OLD.accountId OR NEW.reason != OLD.reason OR NEW.expiresAt != OLD.expiresAt OR OLD.reviewedAt != ''
			BEGIN SELECT RAISE(ABORT, 'polyclinic:privacy_kept:'); END`,
		`CREATE TRIGGER break_glass_kept BEFORE DELETE ON break_glass BEGIN SELECT RAISE(ABORT, 'polyclinic:privacy_kept:'); END`,
		`CREATE TRIGGER consents_fixed BEFORE UPDATE ON consents
			WHEN NEW.patientId != OLD.patientId OR NEW.purpose != OLD.purpose OR NEW.version != OLD.version OR NEW.givenAt != OLD.givenAt OR OLD.withdrawnAt != ''
			BEGIN SELECT RAISE(ABORT, 'polyclinic:privacy_kept:'); END`,
		`CREATE TRIGGER consents_kept BEFORE DELETE ON consents BEGIN SELECT RAISE(ABORT, 'polyclinic:privacy_kept:'); END`,
		`CREATE TRIGGER erasures_fixed BEFORE UPDATE ON erasures BEGIN SELECT RAISE(ABORT, 'polyclinic:privacy_kept:'); END`,
		`CREATE TRIGGER erasures_kept BEFORE DELETE ON erasures BEGIN SELECT RAISE(ABORT, 'polyclinic:privacy_kept:'); END`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(trigger).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// usualYears sets how long what is kept for: ten years, as many countries have it for
// clinical records and for books. A clinic sets what its own law says.
func usualYears(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("retention_rules")
	if err != nil {
		return err
	}
	for id, kind := range map[string]string{
		"retention000001": "appointments", "retention000002": "medical_records", "retention000003": "medical_record_versions",
		"retention000004": "invoices", "retention000005": "payments", "retention000006": "video_calls",
	} {
		r := core.NewRecord(c)
		r.Id = id
		r.Load(map[string]any{"recordType": kind, "years": 10})
		if err := tx.Save(r); err != nil {
			return err
		}
	}
	return nil
}
