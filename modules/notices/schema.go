package notices

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780001000_notices", Up: initNotices},
}

func initNotices(tx core.App) error {
	c := core.NewBaseCollection("notices")
	c.Fields.Add(
		&core.TextField{Name: "title", Required: true, Max: 200},
		&core.TextField{Name: "body", Required: true, Max: 10000}, // plain text, never shown as HTML
		&core.SelectField{Name: "audience", MaxSelect: 5, Values: []string{"admin", "doctor", "nurse", "staff", "patient"}},
		&core.DateField{Name: "publishAt"},
		&core.DateField{Name: "expiresAt"},
		&core.BoolField{Name: "pinned"},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("idx_notices_order", false, "pinned, publishAt", "")
	return tx.Save(c)
}
