package staff

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

func cast(app core.App) error {
	for _, p := range []struct {
		collection, id string
		who            authapi.Account
		fields         map[string]any
	}{
		{"doctors", staffapi.Grace, authapi.Grace, map[string]any{"specialty": "General practice", "consultationFee": 80, "contact": "+1 555 0101"}},
		{"doctors", staffapi.Omar, authapi.Omar, map[string]any{"specialty": "Cardiology", "consultationFee": 150, "contact": "+1 555 0102"}},
		{"nurses", staffapi.Nia, authapi.Nia, map[string]any{"department": "Ward 1", "contact": "+1 555 0103"}},
		{"staff", staffapi.Rosa, authapi.Rosa, map[string]any{"duty": authapi.Rosa.Duty, "contact": "+1 555 0104"}},
		{"staff", staffapi.Dana, authapi.Dana, map[string]any{"duty": authapi.Dana.Duty, "contact": "+1 555 0105"}},
		{"staff", staffapi.Carl, authapi.Carl, map[string]any{"duty": authapi.Carl.Duty, "contact": "+1 555 0106"}},
		{"staff", staffapi.Petra, authapi.Petra, map[string]any{"duty": authapi.Petra.Duty, "contact": "+1 555 0107"}},
	} {
		p.fields["name"], p.fields["email"], p.fields["userId"] = p.who.Name, p.who.Email, p.who.ID
		if err := add(app, p.collection, p.id, p.fields); err != nil {
			return err
		}
	}
	return nil
}
