package staff

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780000300_profiles", Up: initProfiles},
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
