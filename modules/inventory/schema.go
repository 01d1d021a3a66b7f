package inventory

import (
	"errors"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var migrations = []kernel.Migration{
	{ID: "1780000900_stock", Up: initStock},
	{ID: "1780000990_report", Up: initReport},
	{ID: "1780000991_stamps", Up: initStamps},
	{ID: "1780000998_days", Up: initDays},
	{ID: "1795020009_whole", Up: initWhole},
	{ID: "1795020109_days_again", Up: initDays}, // as every SQLite reads them
}

func initStock(tx core.App) error {
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	zero, most := 0.0, 1_000_000_000.0
	items := core.NewBaseCollection("inventory")
	items.Fields.Add(
		&core.TextField{Name: "itemName", Required: true, Max: 200},
		&core.NumberField{Name: "quantity", OnlyInt: true, Max: &most},
		&core.TextField{Name: "unit", Max: 50},
		&core.TextField{Name: "batch", Max: 100},
		&core.TextField{Name: "expiryDate", Pattern: `^\d{4}-\d{2}-\d{2}$`},
		&core.NumberField{Name: "unitPrice", Min: &zero},
		&core.NumberField{Name: "unitPriceMinor", OnlyInt: true, Hidden: true},
		&core.NumberField{Name: "reorderLevel", OnlyInt: true, Min: &zero, Max: &most},
		&core.TextField{Name: "supplier", Max: 200},
		&core.TextField{Name: "category", Max: 100},
		&core.DateField{Name: "deletedAt"},
		// What the trigger writes into the movement. changeMark is new with every change that
		// came through the hooks, so a raw UPDATE is not booked under an older reason.
		&core.TextField{Name: "changeMark", Hidden: true},
		&core.TextField{Name: "changeKind", Hidden: true},
		&core.TextField{Name: "changeReason", Max: 500, Hidden: true},
		&core.TextField{Name: "changeBy", Hidden: true},
		&core.TextField{Name: "sourceId", Max: 300, Hidden: true},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	items.AddIndex("idx_inventory_name", false, "itemName", "")
	items.AddIndex("idx_inventory_expiry", false, "expiryDate", "")
	items.AddIndex("idx_inventory_source", true, "sourceId", "sourceId != ''")
	items.AddIndex("idx_inventory_sourceId", false, "sourceId", "") // SQLite uses no partial index for a bound value
	if err := tx.Save(items); err != nil {
		return err
	}
	moves := core.NewBaseCollection("inventory_movements")
	moves.Fields.Add(
		&core.RelationField{Name: "itemId", CollectionId: items.Id, MaxSelect: 1, Required: true},
		&core.NumberField{Name: "delta", OnlyInt: true},
		&core.NumberField{Name: "quantityAfter", OnlyInt: true},
		&core.SelectField{Name: "kind", MaxSelect: 1, Values: []string{"opening", "adjustment", "correction", "outside"}},
		&core.TextField{Name: "reason", Max: 500},
		&core.RelationField{Name: "byId", CollectionId: users.Id, MaxSelect: 1},
		&core.DateField{Name: "created"},
	)
	moves.AddIndex("idx_movements_item", false, "itemId, created", "")
	moves.AddIndex("idx_movements_by", false, "byId", "")
	if err := tx.Save(moves); err != nil {
		return err
	}
	for _, sql := range triggers {
		if _, err := tx.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// triggers keep stock and movements together whatever path a change takes, raw SQL too.
var triggers = []string{
	`CREATE TRIGGER inventory_not_negative_i BEFORE INSERT ON inventory WHEN NEW.quantity < 0
	 BEGIN SELECT RAISE(ABORT, 'polyclinic:insufficient_stock:quantity'); END`,
	`CREATE TRIGGER inventory_not_negative_u BEFORE UPDATE OF quantity ON inventory WHEN NEW.quantity < 0
	 BEGIN SELECT RAISE(ABORT, 'polyclinic:insufficient_stock:quantity'); END`,
	`CREATE TRIGGER inventory_opening AFTER INSERT ON inventory
	 BEGIN
	   INSERT INTO inventory_movements (id, itemId, delta, quantityAfter, kind, reason, byId, created)
	   VALUES (substr(lower(hex(randomblob(8))), 1, 15), NEW.id, NEW.quantity, NEW.quantity, 'opening',
	     CASE WHEN NEW.changeReason = '' THEN 'opening stock' ELSE NEW.changeReason END, NEW.changeBy, strftime('%Y-%m-%d %H:%M:%fZ', 'now'));
	 END`,
	`CREATE TRIGGER inventory_movement AFTER UPDATE OF quantity ON inventory WHEN NEW.quantity <> OLD.quantity
	 BEGIN
	   INSERT INTO inventory_movements (id, itemId, delta, quantityAfter, kind, reason, byId, created)
	   SELECT substr(lower(hex(randomblob(8))), 1, 15), NEW.id, NEW.quantity - OLD.quantity, NEW.quantity,
	     CASE WHEN through THEN NEW.changeKind ELSE 'outside' END,
	     CASE WHEN through THEN NEW.changeReason ELSE 'changed outside the application' END,
	     CASE WHEN through THEN NEW.changeBy ELSE '' END, strftime('%Y-%m-%d %H:%M:%fZ', 'now')
	   FROM (SELECT NEW.changeMark <> OLD.changeMark AS through);
	 END`,
	`CREATE TRIGGER inventory_kept BEFORE DELETE ON inventory
	 BEGIN SELECT RAISE(ABORT, 'polyclinic:item_kept:'); END`,
	`CREATE TRIGGER inventory_movements_final_u BEFORE UPDATE ON inventory_movements
	 BEGIN SELECT RAISE(ABORT, 'polyclinic:movement_final:'); END`,
	`CREATE TRIGGER inventory_movements_final_d BEFORE DELETE ON inventory_movements
	 BEGIN SELECT RAISE(ABORT, 'polyclinic:movement_final:'); END`,
}

// initDays lets no day in that does not exist.
func initDays(tx core.App) error {
	return errors.Join(clinicapi.OnlyDays(tx, "inventory", "expiryDate"), clinicapi.OnlyDays(tx, "inventory_movements", "movedOn"))
}

// initWhole lets no quantity or price in that is no whole number. A movement of a half could
// never be mended: movements are final.
func initWhole(tx core.App) error {
	return errors.Join(clinicapi.OnlyWhole(tx, "inventory", "quantity", "unitPriceMinor", "reorderLevel"), clinicapi.OnlyWhole(tx, "inventory_movements", "delta", "quantityAfter"))
}
