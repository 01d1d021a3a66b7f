package inventory

import (
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

type alertsInput struct {
	Days int `query:"days" doc:"how far ahead an expiry counts as near; the clinic's setting where it is left out"`
}

type alertsOutput struct {
	Days     int            `json:"days"`
	Low      []*core.Record `json:"low" doc:"at or below the reorder level; without a level, used up"`
	Expiring []*core.Record `json:"expiring" doc:"in stock and expiring within the days, soonest first"`
	Expired  []*core.Record `json:"expired" doc:"in stock and expired, longest first"`
}

// maxAlerts keeps the answer readable; a clinic with more has a list to filter.
const maxAlerts = 500

const maxAlertDays = 3650

var alertsRoute = kernel.Op(kernel.Route{
	Method: http.MethodGet, Path: "/api/inventory/alerts", Allow: readers,
	Summary: "List what is low, expiring and expired",
}, func(c *kernel.Call, in alertsInput) (alertsOutput, error) {
	s, err := clinicapi.Current(c.App)
	if err != nil {
		return alertsOutput{}, err
	}
	out := alertsOutput{Days: in.Days}
	if c.Request.URL.Query().Get("days") == "" {
		out.Days = s.ExpiryAlertDays
	}
	if out.Days < 0 || out.Days > maxAlertDays {
		return out, kernel.Bad("days", "validation_invalid_range", "Must be 0 to 3650.")
	}
	now := time.Now()
	day := dbx.Params{"today": s.Today(now), "last": s.Today(now.AddDate(0, 0, out.Days))}
	for _, q := range []struct {
		where, order string
		into         *[]*core.Record
	}{
		{"quantity <= reorderLevel", "itemName", &out.Low},
		{"quantity > 0 AND expiryDate >= {:today} AND expiryDate <= {:last}", "expiryDate", &out.Expiring},
		{"quantity > 0 AND expiryDate != '' AND expiryDate < {:today}", "expiryDate", &out.Expired},
	} {
		*q.into = []*core.Record{}
		err := c.App.RecordQuery("inventory").Where(dbx.NewExp("deletedAt = '' AND "+q.where, day)).
			OrderBy(q.order, "id").Limit(maxAlerts).All(q.into)
		if err != nil {
			return out, err
		}
		if err := apis.EnrichRecords(c.RequestEvent, *q.into); err != nil {
			return out, err
		}
	}
	return out, nil
})
