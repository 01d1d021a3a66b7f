// Package inventoryapi is what siblings may know of the stock.
package inventoryapi

import (
	"strconv"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// Report is the answer of GET /api/reports/inventory: the stock as it is now, and what
// moved within the range. All amounts are in major units of the currency, exact, at the
// prices as they are now.
type Report struct {
	From        string          `json:"from"`
	To          string          `json:"to"`
	AsOf        string          `json:"asOf" doc:"today in the clinic: the day of all figures that are of no range"`
	Currency    string          `json:"currency"`
	Items       int64           `json:"items" doc:"items on the list now"`
	Low         int64           `json:"low" doc:"of items: at or below the reorder level; without a level, used up"`
	Empty       int64           `json:"empty" doc:"of items: nothing in stock"`
	Value       float64         `json:"value" doc:"quantity times unit price of all items, now"`
	Expired     Expiry          `json:"expired" doc:"in stock now and expired before asOf"`
	Expiring    []ExpiringSoon  `json:"expiring" doc:"in stock now and expiring within 30, 60 and 90 days from asOf; the longer include the shorter"`
	UsedValue   float64         `json:"usedValue" doc:"used times unit price, within the range"`
	ByMonth     []MonthMoves    `json:"byMonth" doc:"every month that the range touches, those without figures too"`
	ByCategory  []CategoryStock `json:"byCategory" doc:"the most valuable first; items without a category have it empty"`
	ByItem      []ItemMoves     `json:"byItem" doc:"the 100 items of which most was used within the range, by value, then by units"`
	GeneratedAt string          `json:"generatedAt"`
	Source      string          `json:"source" doc:"local or postgres"`
}

// Expiry is some items in stock.
type Expiry struct {
	Items int64   `json:"items"`
	Value float64 `json:"value"`
}

// ExpiringSoon is what expires within so many days.
type ExpiringSoon struct {
	Days int `json:"days"`
	Expiry
}

// Moves is what moved, in the items' units.
type Moves struct {
	Used      int64 `json:"used" doc:"units taken out by adjustments"`
	Received  int64 `json:"received" doc:"units added by adjustments, and opening stocks"`
	Corrected int64 `json:"corrected" doc:"net change by corrections of a quantity; negative when units were missing"`
}

// MonthMoves is one month; of a month that the range touches in part, the part.
type MonthMoves struct {
	Month string `json:"month" doc:"YYYY-MM"`
	Moves
}

// CategoryStock is the items of one category, by the category that they have now.
type CategoryStock struct {
	Category string  `json:"category"`
	Items    int64   `json:"items"`
	Low      int64   `json:"low"`
	Value    float64 `json:"value"`
	Moves
	UsedValue float64 `json:"usedValue"`
}

// ItemMoves is what moved of one item; one that was taken off the list is here too.
type ItemMoves struct {
	ItemID   string `json:"itemId"`
	ItemName string `json:"itemName"`
	Category string `json:"category"`
	Unit     string `json:"unit"`
	Moves
	UsedValue float64 `json:"usedValue"`
}

// ExpiryDays are the spans of Report.Expiring.
var ExpiryDays = []int{30, 60, 90}

// TopItems is how many items Report.ByItem has at most.
const TopItems = 100

// MaxWorth is the most minor units that an item, or what was used of one, counts for, so
// that sums stay whole numbers.
const MaxWorth = 1_000_000_000_000_000

// Worth returns quantity times price in minor units, 0 unless both are more than 0, and
// at most MaxWorth.
func Worth(quantity, priceMinor int64) int64 {
	switch {
	case quantity <= 0 || priceMinor <= 0:
		return 0
	case quantity > MaxWorth/priceMinor:
		return MaxWorth
	}
	return quantity * priceMinor
}

// Sheet lays the report out for CSV, amounts with the currency's decimals.
func (r *Report) Sheet() reportsapi.Sheet {
	out := reportsapi.Sheet{Range: reportsapi.Range{From: r.From, To: r.To}, Figures: []string{
		"currency", "items", "low", "empty", "value", "used", "received", "corrected", "usedValue", "asOf", "generatedAt",
	}}
	text := func(major float64) string { return reportsapi.Amount(major, r.Currency) }
	var all Moves
	for _, m := range r.ByMonth {
		all = Moves{all.Used + m.Used, all.Received + m.Received, all.Corrected + m.Corrected}
	}
	out.Total(r.Currency, r.Items, r.Low, r.Empty, text(r.Value), all.Used, all.Received, all.Corrected, text(r.UsedValue), r.AsOf, r.GeneratedAt)
	out.Add("expired", r.AsOf, "", r.Currency, r.Expired.Items, "", "", text(r.Expired.Value))
	for _, e := range r.Expiring {
		out.Add("expiring", strconv.Itoa(e.Days), "", r.Currency, e.Items, "", "", text(e.Value))
	}
	for _, m := range r.ByMonth {
		out.Add("byMonth", m.Month, "", "", "", "", "", "", m.Used, m.Received, m.Corrected)
	}
	for _, c := range r.ByCategory {
		out.Add("byCategory", c.Category, "", r.Currency, c.Items, c.Low, "", text(c.Value), c.Used, c.Received, c.Corrected, text(c.UsedValue))
	}
	for _, i := range r.ByItem {
		out.Add("byItem", i.ItemID, i.ItemName, r.Currency, "", "", "", "", i.Used, i.Received, i.Corrected, text(i.UsedValue))
	}
	return out
}
