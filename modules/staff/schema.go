package staff

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780000300_profiles", Up: initProfiles},
	{ID: "1780000310_fees", Up: initFees},
}

func initProfiles(tx core.App) error {
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	for _, name := range []string{"doctors", "nurses", "staff"} {
		c := core.NewBaseCollection(name)
		c.Fields.Add(
			&core.TextField{Name: "name", Required: true, Max: 200},
			&core.TextField{Name: "contact", Max: 100},
			&core.EmailField{Name: "email"},
			&core.RelationField{Name: "userId", CollectionId: users.Id, MaxSelect: 1},
			&core.DateField{Name: "deletedAt", Hidden: true},
			&core.TextField{Name: "sourceId", Max: 300, Hidden: true},
		)
		switch name {
		case "doctors":
			c.Fields.Add(
				&core.TextField{Name: "specialty", Required: true, Max: 200},
				&core.NumberField{Name: "consultationFee"},
				&core.JSONField{Name: "hours", MaxSize: 5000},
			)
			c.AddIndex("idx_doctors_specialty", false, "specialty", "")
		case "nurses":
			c.Fields.Add(&core.TextField{Name: "department", Max: 200})
		case "staff":
			c.Fields.Add(&core.SelectField{Name: "duty", MaxSelect: 3, Values: []string{"reception", "cashier", "pharmacy"}})
		}
		c.Fields.Add(
			&core.AutodateField{Name: "created", OnCreate: true},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
		)
		c.AddIndex("idx_"+name+"_user", true, "userId", "userId != ''")
		c.AddIndex("idx_"+name+"_userId", false, "userId", "")
		c.AddIndex("idx_"+name+"_source", true, "sourceId", "sourceId != ''")
		c.AddIndex("idx_"+name+"_sourceId", false, "sourceId", "") // SQLite takes no partial index for "= ?"
		c.AddIndex("idx_"+name+"_name", false, "name", "")
		if err := tx.Save(c); err != nil {
			return err
		}
		_, err := tx.NonconcurrentDB().NewQuery("CREATE TRIGGER " + name + "_kept BEFORE DELETE ON " + name +
			" BEGIN SELECT RAISE(ABORT, 'polyclinic:profile_kept:'); END").Execute()
		if err != nil {
			return err
		}
	}
	return nil
}

// initFees gives the fee its twin in minor units, in the currency that the clinic has now.
func initFees(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("doctors")
	if err != nil {
		return err
	}
	c.Fields.Add(&core.NumberField{Name: "consultationFeeMinor", OnlyInt: true, Hidden: true})
	if err := tx.Save(c); err != nil {
		return err
	}
	// Source of the decimals: ISO 4217, list one (2024).
	_, err = tx.NonconcurrentDB().NewQuery(`
		UPDATE doctors SET consultationFeeMinor = CAST(round(consultationFee * (SELECT CASE
			WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 1
			WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 1000
			ELSE 100 END FROM clinic)) AS INTEGER)
		WHERE consultationFee > 0`).Execute()
	return err
}
