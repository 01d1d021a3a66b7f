package remote

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/inventory/inventoryapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

const (
	stockSQL = `SELECT id, coalesce(item_name, ''), coalesce(category, ''), coalesce(unit, ''), coalesce(to_char(expiry_date, 'YYYY-MM-DD'), ''), ` +
		`coalesce(unit_price, 0), coalesce(quantity, 0), coalesce(reorder_level, 0), CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END ` +
		`FROM polyclinic.inventory WHERE site_id = $1`
	moved    = `FROM polyclinic.inventory_movements WHERE site_id = $1 AND moved_on BETWEEN $2::date AND $3::date AND delta <> 0 GROUP BY 1`
	moveSums = `sum(-delta) FILTER (WHERE kind = 'adjustment' AND delta < 0), sum(delta) FILTER (WHERE kind IN ('adjustment', 'opening') AND delta > 0), ` +
		`sum(delta) FILTER (WHERE coalesce(kind, '') NOT IN ('adjustment', 'opening')) `
	movedMonthsSQL = `SELECT to_char(moved_on, 'YYYY-MM'), ` + moveSums + moved
	movedItemsSQL  = `SELECT coalesce(item_id, ''), ` + moveSums + moved
)

// item is what is known of one item, and what its category adds up to.
type item struct {
	row                 inventoryapi.ItemMoves
	expiry              string
	price, stock, level int64
	gone                bool
}

type category struct {
	stock       inventoryapi.CategoryStock
	value, used int64
}

func inventory(c *reportsapi.Call, read ask) (any, error) {
	days := []string{c.From, c.To}
	a, err := read(warehouse.Query{SQL: stockSQL}, warehouse.Query{SQL: movedMonthsSQL, Args: days}, warehouse.Query{SQL: movedItemsSQL, Args: days})
	if err != nil {
		return nil, err
	}
	out := &inventoryapi.Report{
		From: c.From, To: c.To, AsOf: c.Clinic.Today(c.Now), Currency: c.Clinic.Currency, GeneratedAt: c.GeneratedAt(), Source: reportsapi.Postgres,
		ByMonth: []inventoryapi.MonthMoves{}, ByCategory: []inventoryapi.CategoryStock{}, ByItem: []inventoryapi.ItemMoves{},
	}
	items := map[string]item{}
	err = scan(a[0], 5, 4, func(t []string, n []int64) {
		items[t[0]] = item{
			row:    inventoryapi.ItemMoves{ItemID: t[0], ItemName: t[1], Category: t[2], Unit: t[3]},
			expiry: t[4], price: n[0], stock: n[1], level: n[2], gone: n[3] == 1,
		}
	})
	categories := addStock(items, out)
	months := map[string]inventoryapi.Moves{}
	err = errors.Join(err, scan(a[1], 1, 3, func(t []string, n []int64) {
		months[t[0]] = inventoryapi.Moves{Used: n[0], Received: n[1], Corrected: n[2]}
	}),
		addMoves(a[2], items, categories, out))
	for _, m := range c.Months() {
		out.ByMonth = append(out.ByMonth, inventoryapi.MonthMoves{Month: m, Moves: months[m]})
	}
	for _, k := range categories {
		k.stock.Value, k.stock.UsedValue = clinicapi.Major(k.value, out.Currency), clinicapi.Major(k.used, out.Currency)
		out.ByCategory = append(out.ByCategory, k.stock)
	}
	slices.SortFunc(out.ByCategory, func(a, b inventoryapi.CategoryStock) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Category, b.Category))
	})
	return out, err
}

// addStock counts what is on the list now.
func addStock(items map[string]item, out *inventoryapi.Report) map[string]*category {
	today, _ := clinicapi.ParseDay(out.AsOf) // Today made it
	type sum struct{ items, value int64 }
	var expired sum
	soon := make([]sum, len(inventoryapi.ExpiryDays))
	categories, all := map[string]*category{}, int64(0)
	for _, i := range items {
		if i.gone {
			continue
		}
		k := categoryOf(categories, i.row.Category)
		value := inventoryapi.Worth(i.stock, i.price)
		k.stock.Items++
		k.value += value
		all += value
		out.Items++
		if i.stock <= i.level {
			k.stock.Low++
			out.Low++
		}
		if i.stock <= 0 {
			out.Empty++
			continue
		}
		if i.expiry != "" && i.expiry < out.AsOf {
			expired = sum{expired.items + 1, expired.value + value}
		}
		for j, days := range inventoryapi.ExpiryDays {
			if i.expiry >= out.AsOf && i.expiry <= today.AddDate(0, 0, days).Format(time.DateOnly) {
				soon[j] = sum{soon[j].items + 1, soon[j].value + value}
			}
		}
	}
	expiry := func(s sum) inventoryapi.Expiry {
		return inventoryapi.Expiry{Items: s.items, Value: clinicapi.Major(s.value, out.Currency)}
	}
	out.Value, out.Expired = clinicapi.Major(all, out.Currency), expiry(expired)
	for j, days := range inventoryapi.ExpiryDays {
		out.Expiring = append(out.Expiring, inventoryapi.ExpiringSoon{Days: days, Expiry: expiry(soon[j])})
	}
	return categories
}

func categoryOf(categories map[string]*category, name string) *category {
	k := categories[name]
	if k == nil {
		k = &category{stock: inventoryapi.CategoryStock{Category: name}}
		categories[name] = k
	}
	return k
}

// addMoves fills in what moved of each item, and puts it under the categories.
func addMoves(a warehouse.Answer, items map[string]item, categories map[string]*category, out *inventoryapi.Report) error {
	worth, all := map[string]int64{}, int64(0)
	err := scan(a, 1, 3, func(t []string, n []int64) {
		i := items[t[0]]
		row := i.row
		row.ItemID, row.Moves = t[0], inventoryapi.Moves{Used: n[0], Received: n[1], Corrected: n[2]}
		if row.Moves == (inventoryapi.Moves{}) {
			return
		}
		used := inventoryapi.Worth(row.Used, i.price)
		worth[row.ItemID] = used
		all += used
		k := categoryOf(categories, row.Category)
		k.used += used
		k.stock.Moves = inventoryapi.Moves{Used: k.stock.Used + row.Used, Received: k.stock.Received + row.Received, Corrected: k.stock.Corrected + row.Corrected}
		row.UsedValue = clinicapi.Major(used, out.Currency)
		out.ByItem = append(out.ByItem, row)
	})
	slices.SortFunc(out.ByItem, func(a, b inventoryapi.ItemMoves) int {
		return cmp.Or(cmp.Compare(worth[b.ItemID], worth[a.ItemID]), cmp.Compare(b.Used, a.Used), cmp.Compare(a.ItemName, b.ItemName), cmp.Compare(a.ItemID, b.ItemID))
	})
	out.ByItem = out.ByItem[:min(len(out.ByItem), inventoryapi.TopItems)]
	out.UsedValue = clinicapi.Major(all, out.Currency)
	return err
}
