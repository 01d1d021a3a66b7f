package inventory

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/inventory/inventoryapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

var stockReport = reportsapi.New("inventory", "Add up the stock, its use and its expiries", writers, report)

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
	months := map[string]inventoryapi.Moves{}
	err := c.EachSum("stock_moves", "", "itemId", moves, func(month, _ string, sign int64, n []int64) { months[month] = plus(months[month], sign, n) })
	for _, m := range c.Months() {
		out.ByMonth = append(out.ByMonth, inventoryapi.MonthMoves{Month: m, Moves: months[m]})
	}
	return err
}

// moves are the columns of stock_moves, as plus adds them up.
var moves = []string{"used", "received", "corrected"}

func plus(m inventoryapi.Moves, sign int64, n []int64) inventoryapi.Moves {
	return inventoryapi.Moves{Used: m.Used + sign*n[0], Received: m.Received + sign*n[1], Corrected: m.Corrected + sign*n[2]}
}

// addItems fills in what moved of each item, and puts it under the categories.
func addItems(c *reportsapi.Call, out *inventoryapi.Report, byCategory map[string]*category) error {
	moved := map[string]inventoryapi.Moves{}
	err := c.EachSum("stock_moves", " by", "itemId", moves, func(_, item string, sign int64, n []int64) { moved[item] = plus(moved[item], sign, n) })
	if err != nil {
		return err
	}
	maps.DeleteFunc(moved, func(_ string, m inventoryapi.Moves) bool { return m == inventoryapi.Moves{} })
	ids, err := json.Marshal(slices.AppendSeq([]string{}, maps.Keys(moved)))
	if err != nil {
		return err
	}
	rows, err := c.DB.NewQuery(`SELECT value, coalesce(itemName, ''), coalesce(category, ''), coalesce(unit, ''), coalesce(unitPriceMinor, 0)
		FROM json_each({:ids}) LEFT JOIN inventory i ON i.id = value`).Bind(dbx.Params{"ids": string(ids)}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	worth, all := map[string]int64{}, int64(0)
	for rows.Next() {
		var i inventoryapi.ItemMoves
		var price int64
		if err := rows.Scan(&i.ItemID, &i.ItemName, &i.Category, &i.Unit, &price); err != nil {
			return err
		}
		i.Moves = moved[i.ItemID]
		worth[i.ItemID] = inventoryapi.Worth(i.Used, price)
		all += worth[i.ItemID]
		k := byCategory[i.Category]
		if k == nil {
			k = &category{stock: inventoryapi.CategoryStock{Category: i.Category}}
			byCategory[i.Category] = k
		}
		k.used += worth[i.ItemID]
		k.stock.Moves = plus(k.stock.Moves, 1, []int64{i.Used, i.Received, i.Corrected})
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
