package clinic

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780000100_clinic", Up: initClinic},
	{ID: "1780000110_access", Up: initAccess},
	{ID: "1780000111_strict_care", Up: addStrictCare},
	{ID: "1780000112_superuser_limits", Up: limitSuperusers},
}

func initClinic(tx core.App) error {
	c := core.NewBaseCollection("clinic")
	c.Fields.Add(
		&core.TextField{Name: "name", Required: true, Max: 200},
		&core.TextField{Name: "currency", Required: true, Pattern: `^[A-Z]{3}$`},
		&core.TextField{Name: "timeZone", Required: true, Max: 64},
		&core.JSONField{Name: "languages", MaxSize: 1000},
		&core.BoolField{Name: "demo"},
		&core.TextField{Name: "opensAt", Pattern: `^([01]\d|2[0-3]):[0-5]\d$`},
		&core.TextField{Name: "closesAt", Pattern: `^(([01]\d|2[0-3]):[0-5]\d|24:00)$`},
		&core.NumberField{Name: "slotMinutes", OnlyInt: true},
		&core.TextField{Name: "invoicePrefix", Max: 20, Pattern: `^[A-Za-z0-9/_-]*$`},
		&core.NumberField{Name: "passwordMinLength", OnlyInt: true},
		&core.BoolField{Name: "passwordRefuseCommon"},
		&core.NumberField{Name: "sessionIdleMinutes", OnlyInt: true},
		&core.NumberField{Name: "sessionHours", OnlyInt: true},
		&core.NumberField{Name: "videoLeadMinutes", OnlyInt: true},
		&core.NumberField{Name: "expiryAlertDays", OnlyInt: true},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	if err := tx.Save(c); err != nil {
		return err
	}
	r := core.NewRecord(c)
	r.Id = "clinic000000001"
	r.Load(map[string]any{
		"name": "Polyclinic", "currency": "USD", "timeZone": "UTC", "languages": []string{"en"},
		"slotMinutes": 30, "invoicePrefix": "INV-", "passwordMinLength": 10, "passwordRefuseCommon": true,
		"sessionIdleMinutes": 0, "sessionHours": 12, "expiryAlertDays": 30,
	})
	return tx.Save(r)
}
