package inventory

import a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"

// warehouse is what of the stock leaves the building.
var warehouse = []a.Table{
	{
		Collection: "inventory", Name: "inventory", Doc: "What is in stock, one row per item and batch.",
		Columns: []a.Column{
			{Name: "item_name", Field: "itemName", Kind: a.Text, Doc: "The item."},
			{Name: "category", Field: "category", Kind: a.Text, Doc: "The kind of item."},
			{Name: "unit", Field: "unit", Kind: a.Text, Doc: "What is counted."},
			{Name: "batch", Field: "batch", Kind: a.Text, Doc: "The batch or lot."},
			{Name: "supplier", Field: "supplier", Kind: a.Text, Doc: "Who delivers it."},
			{Name: "quantity", Field: "quantity", Kind: a.Integer, Doc: "How many are there."},
			{Name: "unit_price", Field: "unitPriceMinor", Kind: a.Money, Doc: "Price of one in minor units of the clinic's currency."},
			{Name: "reorder_level", Field: "reorderLevel", Kind: a.Integer, Doc: "At how many to order."},
			{Name: "expiry_date", Field: "expiryDate", Kind: a.Day, Doc: "The last day of use."},
			{Name: "deleted_at", Field: "deletedAt", Kind: a.Time, Doc: "When the item was taken off the list."},
			{Name: "created", Field: "created", Kind: a.Time, Doc: "When the row was made."},
			{Name: "updated", Field: "updated", Kind: a.Time, Doc: "When the row was last changed."},
		},
	},
	{
		Collection: "inventory_movements", Name: "inventory_movements", Doc: "Every change of a stock.",
		Columns: []a.Column{
			{Name: "item_id", Field: "itemId", Kind: a.Text, Doc: "What moved, see inventory."},
			{Name: "delta", Field: "delta", Kind: a.Integer, Doc: "How many came (above 0) or went."},
			{Name: "quantity_after", Field: "quantityAfter", Kind: a.Integer, Doc: "How many were there then."},
			{Name: "kind", Field: "kind", Kind: a.Text, Doc: "opening, adjustment, correction or outside."},
			{Name: "moved_on", Field: "movedOn", Kind: a.Day, Doc: "The clinic's day on which it moved."},
			{Name: "created", Field: "created", Kind: a.Time, Doc: "When it moved."},
		},
	},
}
