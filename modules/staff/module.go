// Package staff owns the profiles of the people who work at the clinic.
package staff

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// Module declares doctors, nurses and staff.
func Module() kernel.Module {
	return kernel.Module{
		Name: "staff", Doc: "Doctors, nurses and other staff.",
		Requires:   []string{"auth", "clinic"},
		Migrations: migrations,
		Access:     []kernel.Access{profile("doctors"), profile("nurses"), profile("staff")},
		Cast:       cast,
	}
}

func profile(collection string) kernel.Access {
	byAdmin := kernel.Allow(authapi.Admin.Always())
	return kernel.Access{
		Collection: collection, List: kernel.SignedIn(), View: kernel.SignedIn(),
		Create: byAdmin, Update: byAdmin, Delete: byAdmin,
		ServerSet: []string{"deletedAt"}, SoftDelete: "deletedAt",
		Queryable: []string{"name", "email", "userId"},
	}
}

func cast(app core.App) error {
	for _, p := range []struct {
		collection, id, user string
		fields               map[string]any
	}{
		{"doctors", staffapi.Grace, authapi.Grace.ID, map[string]any{"name": authapi.Grace.Name, "specialty": "General practice", "consultationFee": 80, "contact": "+1 555 0101"}},
		{"doctors", staffapi.Omar, authapi.Omar.ID, map[string]any{"name": authapi.Omar.Name, "specialty": "Cardiology", "consultationFee": 150, "contact": "+1 555 0102"}},
		{"nurses", staffapi.Nia, authapi.Nia.ID, map[string]any{"name": authapi.Nia.Name, "department": "Ward 1", "contact": "+1 555 0103"}},
		{"staff", staffapi.Rosa, authapi.Rosa.ID, map[string]any{"name": authapi.Rosa.Name, "duty": authapi.Rosa.Duty, "contact": "+1 555 0104"}},
		{"staff", staffapi.Dana, authapi.Dana.ID, map[string]any{"name": authapi.Dana.Name, "duty": authapi.Dana.Duty}},
		{"staff", staffapi.Carl, authapi.Carl.ID, map[string]any{"name": authapi.Carl.Name, "duty": authapi.Carl.Duty}},
		{"staff", staffapi.Petra, authapi.Petra.ID, map[string]any{"name": authapi.Petra.Name, "duty": authapi.Petra.Duty}},
	} {
		c, err := app.FindCollectionByNameOrId(p.collection)
		if err != nil {
			return err
		}
		r := core.NewRecord(c)
		r.Id = p.id
		r.Load(p.fields)
		r.Set("userId", p.user)
		if err := app.Save(r); err != nil {
			return err
		}
	}
	return nil
}
