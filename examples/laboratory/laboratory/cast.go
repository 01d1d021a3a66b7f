package laboratory

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// Rows of the cast: Ada's blood count, which Grace ordered, and its result, not signed yet.
const (
	CastOrder  = "labada000000001"
	CastResult = "resada000000001"
)

func cast(app core.App) error {
	for _, row := range []struct {
		collection, id string
		fields         map[string]any
	}{
		{"lab_orders", CastOrder, map[string]any{"patientId": patientsapi.Ada, "doctorId": staffapi.Grace, "test": "CBC", "question": "Tired for weeks"}},
		{"lab_results", CastResult, map[string]any{"orderId": CastOrder, "value": "13.1", "unit": "g/dL", "comment": "Haemoglobin"}},
	} {
		c, err := app.FindCollectionByNameOrId(row.collection)
		if err != nil {
			return err
		}
		r := core.NewRecord(c)
		r.Id = row.id
		r.Load(row.fields)
		if err := app.Save(r); err != nil {
			return err
		}
	}
	return nil
}
