// Package inventory owns the stock: items, and a movement for every change of a quantity.
package inventory

import (
	"net/http"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

var (
	errStock = kernel.Fail(http.StatusConflict, "insufficient_stock", "There is not enough in stock.")
	errFinal = kernel.Fail(http.StatusConflict, "movement_final", "A movement is never changed or removed.")
	errKept  = kernel.Fail(http.StatusConflict, "item_kept", "Items are never removed from the database.")
)

// Module declares the stock.
func Module() kernel.Module {
	return kernel.Module{
		Name: "inventory", Doc: "The stock: items, movements, alerts.",
		Requires:   []string{"auth", "clinic"},
		Migrations: migrations,
		Access:     access,
		Resources: []kernel.Resource{{
			Path: "/api/inventory", Collection: "inventory", Noun: "item", Sort: "itemName",
			Search: []string{"itemName", "batch", "supplier", "category"}, Errors: []*kernel.Error{errStock},
		}, {
			// The row id breaks ties: several movements can fall into one millisecond. There is no
			// Search: the database writes these rows, and no hook makes the column that q looks in.
			Path: "/api/inventory/{id}/movements", Collection: "inventory_movements", Noun: "movement of an item",
			Verbs: []kernel.Verb{kernel.List}, ListBy: "itemId", Sort: "-created,-@rowid",
		}},
		Hooks: []kernel.Hook{
			kernel.OnRequest(kernel.Create, "inventory", "a quantity is said, 0 included", quantitySaid),
			kernel.OnRequest(kernel.Update, "inventory", "a quantity of nothing is no quantity", quantityKept),
			kernel.Before(kernel.Create, "inventory", "the entries make sense", checkEntries),
			kernel.Before(kernel.Update, "inventory", "the entries make sense", checkEntries),
			kernel.Before(kernel.Create, "inventory", "the movement knows who and why", noteChange),
			kernel.Before(kernel.Update, "inventory", "the movement knows who and why", noteChange),
			kernel.Before(kernel.Create, "inventory_movements", "movements are written by the database alone", noMovement),
			kernel.InsteadOfDelete("inventory", "the item leaves every list and is kept with its movements", takeOff),
		},
		Routes:   []kernel.Route{adjustRoute, alertsRoute, stockReport.Route},
		Errors:   []*kernel.Error{errStock, errFinal, errKept},
		Provides: []any{stockReport, stockSums, stockExpiries, stockMoves, table, prices{}, warehouse[0], warehouse[1]},
		Cast:     cast,
		Demo:     demo,
	}
}

var (
	writers = kernel.Allow(authapi.Admin.Always(), authapi.Pharmacy.Always())
	readers = kernel.Allow(authapi.Admin.Always(), authapi.Doctor.Always(), authapi.Nurse.Always(), authapi.Pharmacy.Always())
)

var access = []kernel.Access{
	{
		Collection: "inventory", Doc: "Items in stock.",
		List: readers, View: readers, Create: writers, Update: writers, Delete: writers,
		ServerSet:  []string{"deletedAt", "unitPriceMinor", "changeMark", "changeKind", "changeReason", "changeBy", "changeOn", "sourceId"},
		Queryable:  []string{"itemName", "quantity", "expiryDate", "unit", "batch", "unitPrice", "reorderLevel", "supplier", "category"},
		SoftDelete: "deletedAt",
	},
	{
		Collection: "inventory_movements", Doc: "Every change of a quantity. Rows are final.",
		List: readers, View: readers,
		Queryable: []string{"itemId", "delta", "kind", "reason", "byId"},
	},
}

// table reads and writes the stock as CSV. An item without a key is known by name, batch
// and expiry.
var table = exchangeapi.Table{
	Name: "inventory", Collection: "inventory", Doc: "The stock.",
	Columns:    []string{"itemName", "quantity", "unit", "batch", "expiryDate", "unitPrice", "reorderLevel", "supplier", "category"},
	ImportOnly: []string{"sourceId"},
	Keys:       [][]string{{"sourceId"}},
	Natural:    []string{"itemName", "batch", "expiryDate"},
}
