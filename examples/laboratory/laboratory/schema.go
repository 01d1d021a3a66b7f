package laboratory

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1796000000_orders", Up: initOrders},
}

func initOrders(tx core.App) error {
	ids := map[string]string{}
	for _, name := range []string{"patients", "doctors", "users"} {
		c, err := tx.FindCollectionByNameOrId(name)
		if err != nil {
			return err
		}
		ids[name] = c.Id
	}
	orders := core.NewBaseCollection("lab_orders")
	orders.Fields.Add(
		&core.RelationField{Name: "patientId", CollectionId: ids["patients"], MaxSelect: 1, Required: true},
		&core.RelationField{Name: "doctorId", CollectionId: ids["doctors"], MaxSelect: 1, Required: true},
		&core.TextField{Name: "test", Required: true, Max: 30},
		&core.TextField{Name: "question", Max: 1000},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	orders.AddIndex("idx_lab_orders_patient", false, "patientId, created", "")
	orders.AddIndex("idx_lab_orders_doctor", false, "doctorId, created", "")
	if err := tx.Save(orders); err != nil {
		return err
	}
	results := core.NewBaseCollection("lab_results")
	results.Fields.Add(
		&core.RelationField{Name: "orderId", CollectionId: orders.Id, MaxSelect: 1, Required: true},
		&core.RelationField{Name: "patientId", CollectionId: ids["patients"], MaxSelect: 1, Required: true},
		&core.TextField{Name: "value", Required: true, Max: 200},
		&core.TextField{Name: "unit", Max: 30}, // UCUM
		&core.TextField{Name: "comment", Max: 2000},
		&core.DateField{Name: "signedAt"},
		&core.RelationField{Name: "signedById", CollectionId: ids["users"], MaxSelect: 1},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	results.AddIndex("idx_lab_results_order", false, "orderId", "")
	results.AddIndex("idx_lab_results_patient", false, "patientId, created", "")
	results.AddIndex("idx_lab_results_signer", false, "signedById", "")
	if err := tx.Save(results); err != nil {
		return err
	}
	// The last line under "a signed result is final".
	_, err := tx.NonconcurrentDB().NewQuery(`CREATE TRIGGER lab_results_final BEFORE UPDATE ON lab_results WHEN OLD.signedAt != ''
		BEGIN SELECT RAISE(ABORT, 'polyclinic:result_final:'); END`).Execute()
	return err
}
