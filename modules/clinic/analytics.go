package clinic

import a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"

// warehouse is what of the settings leaves the building: what figures are read with.
var warehouse = a.Table{
	Collection: "clinic", Name: "clinic", Doc: "The clinic: one row per site.",
	Columns: []a.Column{
		{Name: "name", Field: "name", Kind: a.Text, Doc: "The clinic's name."},
		{Name: "currency", Field: "currency", Kind: a.Text, Doc: "ISO 4217 code."},
		{Name: "time_zone", Field: "timeZone", Kind: a.Text, Doc: "IANA name, such as Europe/Berlin."},
		{Name: "opens_at", Field: "opensAt", Kind: a.Text, Doc: "HH:MM, empty when the clinic sets no hours."},
		{Name: "closes_at", Field: "closesAt", Kind: a.Text, Doc: "HH:MM, or 24:00."},
		{Name: "slot_minutes", Field: "slotMinutes", Kind: a.Integer, Doc: "Length of a slot."},
		{Name: "expiry_alert_days", Field: "expiryAlertDays", Kind: a.Integer, Doc: "How many days ahead of an expiry stock is told of."},
		{Name: "updated", Field: "updated", Kind: a.Time, Doc: "When the row was last changed."},
	},
}
