package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/inventory/inventoryapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

var reportRoute = reportsapi.Route("inventory", "Add up the stock, its use and its expiries", writers, report)

func report(c *reportsapi.Call) (*inventoryapi.Report, error) {
	out := &inventoryapi.Report{
		From: c.From, To: c.To, AsOf: c.Clinic.Today(c.Now), Currency: c.Clinic.Currency, GeneratedAt: c.GeneratedAt(), Source: reportsapi.Local,
		Expiring: []inventoryapi.ExpiringSoon{}, ByMonth: []inventoryapi.MonthMoves{}, ByCategory: []inventoryapi.CategoryStock{}, ByItem: []inventoryapi.ItemMoves{},
	}
	byCategory, err := addStock(c, out)
	if err != nil {
		return nil, fmt.Errorf("sums of the stock: %w", err)
	}
	if err := addExpiries(c, out); err != nil {
		return nil, fmt.Errorf("expiries of the stock: %w", err)
	}
	if err := addMonths(c, out); err != nil {
		return nil, fmt.Errorf("moves of the stock: %w", err)
	}
	if err := addItems(c, out, byCategory); err != nil {
		return nil, fmt.Errorf("moves of the items: %w", err)
	}
	for _, k := range byCategory {
		k.stock.Value, k.stock.UsedValue = clinicapi.Major(k.value, out.Currency), clinicapi.Major(k.used, out.Currency)
		out.ByCategory = append(out.ByCategory, k.stock)
	}
	slices.SortFunc(out.ByCategory, func(a, b inventoryapi.CategoryStock) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Category, b.Category))
	})
	return out, nil
}

// category is one category with its values in minor units.
type category struct {
	stock       inventoryapi.CategoryStock
	value, used int64
}

func addStock(c *reportsapi.Call, out *inventoryapi.Report) (map[string]*category, error) {
	rows, err := c.DB.NewQuery("SELECT category, items, low, empty, value FROM stock_sums WHERE items != 0").Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	byCategory, all := map[string]*category{}, int64(0)
	for rows.Next() {
		k, empty := &category{}, int64(0)
		if err := rows.Scan(&k.stock.Category, &k.stock.Items, &k.stock.Low, &empty, &k.value); err != nil {
			return nil, err
		}
		byCategory[k.stock.Category] = k
		out.Items += k.stock.Items
		out.Low += k.stock.Low
		out.Empty += empty
		all += k.value
	}
	out.Value = clinicapi.Major(all, out.Currency)
	return byCategory, rows.Err()
}

func addExpiries(c *reportsapi.Call, out *inventoryapi.Report) error {
	within := func(first, last string) (inventoryapi.Expiry, error) {
		var items, value int64
		err := c.DB.NewQuery("SELECT coalesce(sum(items), 0), coalesce(sum(value), 0) FROM stock_expiries WHERE expiryDate BETWEEN {:first} AND {:last}").
			Bind(dbx.Params{"first": first, "last": last}).Row(&items, &value)
		return inventoryapi.Expiry{Items: items, Value: clinicapi.Major(value, out.Currency)}, err
	}
	today, _ := clinicapi.ParseDay(out.AsOf) // Today made it
	day := func(days int) string { return today.AddDate(0, 0, days).Format(time.DateOnly) }
	var err error
	if out.Expired, err = within("", day(-1)); err != nil {
		return err
	}
	for _, days := range inventoryapi.ExpiryDays {
		e, err := within(out.AsOf, day(days))
		if err != nil {
			return err
		}
		out.Expiring = append(out.Expiring, inventoryapi.ExpiringSoon{Days: days, Expiry: e})
	}
	return nil
}

func addMonths(c *reportsapi.Call, out *inventoryapi.Report) error {
	rows, err := c.DB.NewQuery(reportsapi.SpansTable + `SELECT substr(period, 1, 7), sum(sign * used), sum(sign * received), sum(sign * corrected)
		FROM spans CROSS JOIN stock_moves s ON s.unit = spans.unit AND period BETWEEN first AND last GROUP BY 1`).
		Bind(dbx.Params{"spans": c.SpansParam()}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	months := map[string]inventoryapi.Moves{}
	for rows.Next() {
		var month string
		var m inventoryapi.Moves
		if err := rows.Scan(&month, &m.Used, &m.Received, &m.Corrected); err != nil {
			return err
		}
		months[month] = m
	}
	for _, m := range c.Months() {
		out.ByMonth = append(out.ByMonth, inventoryapi.MonthMoves{Month: m, Moves: months[m]})
	}
	return rows.Err()
}

// addItems fills in what moved of each item, and puts it under the categories.
func addItems(c *reportsapi.Call, out *inventoryapi.Report, byCategory map[string]*category) error {
	rows, err := c.DB.NewQuery(reportsapi.SpansTable + `
		SELECT itemId, coalesce(itemName, ''), coalesce(category, ''), coalesce(i.unit, ''), coalesce(unitPriceMinor, 0), m.used, m.received, m.corrected
		FROM (SELECT itemId, sum(sign * used) AS used, sum(sign * received) AS received, sum(sign * corrected) AS corrected
			FROM spans CROSS JOIN stock_moves s ON s.unit = spans.unit || ' by' AND period BETWEEN first AND last GROUP BY itemId) m
		LEFT JOIN inventory i ON i.id = m.itemId WHERE m.used != 0 OR m.received != 0 OR m.corrected != 0`).
		Bind(dbx.Params{"spans": c.SpansParam()}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	worth, all := map[string]int64{}, int64(0)
	for rows.Next() {
		var i inventoryapi.ItemMoves
		var price int64
		if err := rows.Scan(&i.ItemID, &i.ItemName, &i.Category, &i.Unit, &price, &i.Used, &i.Received, &i.Corrected); err != nil {
			return err
		}
		worth[i.ItemID] = inventoryapi.Worth(i.Used, price)
		all += worth[i.ItemID]
		k := byCategory[i.Category]
		if k == nil {
			k = &category{stock: inventoryapi.CategoryStock{Category: i.Category}}
			byCategory[i.Category] = k
		}
		k.used += worth[i.ItemID]
		k.stock.Moves = inventoryapi.Moves{Used: k.stock.Used + i.Used, Received: k.stock.Received + i.Received, Corrected: k.stock.Corrected + i.Corrected}
		i.UsedValue = clinicapi.Major(worth[i.ItemID], out.Currency)
		out.ByItem = append(out.ByItem, i)
	}
	slices.SortFunc(out.ByItem, func(a, b inventoryapi.ItemMoves) int {
		return cmp.Or(cmp.Compare(worth[b.ItemID], worth[a.ItemID]), cmp.Compare(b.Used, a.Used), cmp.Compare(a.ItemName, b.ItemName), cmp.Compare(a.ItemID, b.ItemID))
	})
	out.ByItem = out.ByItem[:min(len(out.ByItem), inventoryapi.TopItems)]
	out.UsedValue = clinicapi.Major(all, out.Currency)
	return rows.Err()
}
