package inventory

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// initReport gives movements the clinic's day, and makes the sums that reports add up:
// stock_sums by category and stock_expiries by day of expiry, of the stock as it is;
// stock_moves of each day and month, of all ("*") and, of the units "day by" and "month by",
// by item.
func initReport(tx core.App) error {
	for name, field := range map[string]string{"inventory": "changeOn", "inventory_movements": "movedOn"} {
		c, err := tx.FindCollectionByNameOrId(name)
		if err != nil {
			return err
		}
		c.Fields.Add(&core.TextField{Name: field, Hidden: true})
		if err := tx.Save(c); err != nil {
			return err
		}
	}
	const worth = "iif(CAST(X.quantity AS INTEGER) > 1000000000000000 / max(X.unitPriceMinor, 1), 1000000000000000, max(CAST(X.quantity AS INTEGER), 0) * max(X.unitPriceMinor, 0))"
	const add = `
			INSERT INTO stock_sums SELECT X.category, ± 1, ± (X.quantity <= X.reorderLevel), ± (X.quantity <= 0), ± ` + worth + ` WHERE X.deletedAt = ''
			ON CONFLICT (category) DO UPDATE SET items = items + excluded.items, low = low + excluded.low, empty = empty + excluded.empty, value = value + excluded.value;
			INSERT INTO stock_expiries SELECT X.expiryDate, ± 1, ± ` + worth + ` WHERE X.deletedAt = '' AND X.expiryDate != '' AND X.quantity > 0
			ON CONFLICT (expiryDate) DO UPDATE SET items = items + excluded.items, value = value + excluded.value;`
	plus := func(row string) string { return strings.NewReplacer("X.", row+".", "± ", "").Replace(add) }
	minus := func(row string) string { return strings.NewReplacer("X.", row+".", "± ", "-").Replace(add) }
	for _, statement := range []string{
		`DROP TRIGGER inventory_movements_final_u`,
		`UPDATE inventory_movements SET movedOn = substr(created, 1, 10)`,
		`CREATE TRIGGER inventory_movements_final_u BEFORE UPDATE ON inventory_movements
		BEGIN SELECT RAISE(ABORT, 'polyclinic:movement_final:'); END`,
		// As before, with the day. What goes round the hooks is of the day in UTC.
		`DROP TRIGGER inventory_opening`,
		`CREATE TRIGGER inventory_opening AFTER INSERT ON inventory BEGIN
			INSERT INTO inventory_movements (id, itemId, delta, quantityAfter, kind, reason, byId, created, movedOn)
			VALUES (substr(lower(hex(randomblob(8))), 1, 15), NEW.id, NEW.quantity, NEW.quantity, 'opening',
				CASE WHEN NEW.changeReason = '' THEN 'opening stock' ELSE NEW.changeReason END, NEW.changeBy, strftime('%Y-%m-%d %H:%M:%fZ', 'now'),
				iif(NEW.changeOn = '', date('now'), NEW.changeOn));
		END`,
		`DROP TRIGGER inventory_movement`,
		`CREATE TRIGGER inventory_movement AFTER UPDATE OF quantity ON inventory WHEN NEW.quantity <> OLD.quantity BEGIN
			INSERT INTO inventory_movements (id, itemId, delta, quantityAfter, kind, reason, byId, created, movedOn)
			SELECT substr(lower(hex(randomblob(8))), 1, 15), NEW.id, NEW.quantity - OLD.quantity, NEW.quantity,
				CASE WHEN through THEN NEW.changeKind ELSE 'outside' END,
				CASE WHEN through THEN NEW.changeReason ELSE 'changed outside the application' END,
				CASE WHEN through THEN NEW.changeBy ELSE '' END, strftime('%Y-%m-%d %H:%M:%fZ', 'now'),
				CASE WHEN through AND NEW.changeOn != '' THEN NEW.changeOn ELSE date('now') END
			FROM (SELECT NEW.changeMark <> OLD.changeMark AS through);
		END`,
		`CREATE TABLE stock_sums (category TEXT PRIMARY KEY NOT NULL, items INTEGER NOT NULL, low INTEGER NOT NULL, empty INTEGER NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID`,
		`CREATE TABLE stock_expiries (expiryDate TEXT PRIMARY KEY NOT NULL, items INTEGER NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID`,
		`CREATE TABLE stock_moves (
			unit TEXT NOT NULL, period TEXT NOT NULL, itemId TEXT NOT NULL, used INTEGER NOT NULL, received INTEGER NOT NULL, corrected INTEGER NOT NULL,
			PRIMARY KEY (unit, period, itemId)
		) WITHOUT ROWID`,
		`CREATE TRIGGER stock_sums_insert AFTER INSERT ON inventory BEGIN` + plus("NEW") + ` END`,
		`CREATE TRIGGER stock_sums_update AFTER UPDATE ON inventory
		WHEN NEW.quantity != OLD.quantity OR NEW.unitPriceMinor != OLD.unitPriceMinor OR NEW.reorderLevel != OLD.reorderLevel
			OR NEW.category != OLD.category OR NEW.expiryDate != OLD.expiryDate OR NEW.deletedAt != OLD.deletedAt
		BEGIN` + minus("OLD") + plus("NEW") + ` END`,
		`CREATE TRIGGER stock_moves_insert AFTER INSERT ON inventory_movements BEGIN
			INSERT INTO stock_moves SELECT k.column1, k.column2, k.column3, iif(NEW.kind = 'adjustment', max(-NEW.delta, 0), 0),
				iif(NEW.kind IN ('adjustment', 'opening'), max(NEW.delta, 0), 0), iif(NEW.kind IN ('adjustment', 'opening'), 0, NEW.delta)
			FROM (VALUES ('month', substr(NEW.movedOn, 1, 7), '*'), ('month by', substr(NEW.movedOn, 1, 7), NEW.itemId), ('day', NEW.movedOn, '*'), ('day by', NEW.movedOn, NEW.itemId)) k
			WHERE NEW.delta != 0
			ON CONFLICT (unit, period, itemId) DO UPDATE SET used = used + excluded.used, received = received + excluded.received, corrected = corrected + excluded.corrected;
		END`,
		"INSERT INTO stock_sums " + stockSums.Recount,
		"INSERT INTO stock_expiries " + stockExpiries.Recount,
		"INSERT INTO stock_moves " + reportsapi.OfAll(stockMoves.Recount),
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// initStamps lets reports keep what they read of months that did not change.
func initStamps(tx core.App) error {
	return reportsapi.Stamp(tx, "stock_moves", reportsapi.BySum)
}

var sumTriggers = []string{"stock_sums_insert", "stock_sums_update"}

// stockSums, stockExpiries and stockMoves are what initReport's triggers keep, values in
// minor units, see inventoryapi.Worth. Items and movements are never deleted.
var stockSums = reportsapi.Summary{
	Table: "stock_sums", Keys: []string{"category"}, Sums: []string{"items", "low", "empty", "value"}, Triggers: sumTriggers,
	Recount: `SELECT category, count(*) AS items, sum(quantity <= reorderLevel) AS low, sum(quantity <= 0) AS empty,
			sum(iif(CAST(quantity AS INTEGER) > 1000000000000000 / max(unitPriceMinor, 1), 1000000000000000, max(CAST(quantity AS INTEGER), 0) * max(unitPriceMinor, 0))) AS value
		FROM inventory WHERE deletedAt = '' GROUP BY 1`,
}

var stockExpiries = reportsapi.Summary{
	Table: "stock_expiries", Keys: []string{"expiryDate"}, Sums: []string{"items", "value"}, Triggers: sumTriggers,
	Recount: `SELECT expiryDate, count(*) AS items,
			sum(iif(CAST(quantity AS INTEGER) > 1000000000000000 / max(unitPriceMinor, 1), 1000000000000000, max(CAST(quantity AS INTEGER), 0) * max(unitPriceMinor, 0))) AS value
		FROM inventory WHERE deletedAt = '' AND expiryDate != '' AND quantity > 0 GROUP BY 1`,
}

var stockMoves = reportsapi.Summary{
	Table: "stock_moves", Rows: "inventory_movements", Day: "movedOn", Along: "period", Keys: []string{"unit", "period", "itemId"}, Sums: []string{"used", "received", "corrected"}, Triggers: append(reportsapi.StampTriggers("stock_moves"), "stock_moves_insert"),
	Recount: `SELECT k.column1 AS unit, substr(movedOn, 1, k.column2) AS period, iif(k.column3, '*', itemId) AS itemId,
			sum(iif(kind = 'adjustment', max(-delta, 0), 0)) AS used, sum(iif(kind IN ('adjustment', 'opening'), max(delta, 0), 0)) AS received,
			sum(iif(kind IN ('adjustment', 'opening'), 0, delta)) AS corrected
		FROM inventory_movements, (VALUES ('month', 7, true), ('month by', 7, false), ('day', 10, true), ('day by', 10, false)) k WHERE delta != 0 AND ` + reportsapi.Part("movedOn") + ` GROUP BY 1, 2, 3`,
}
