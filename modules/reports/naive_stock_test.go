package reports_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// naiveReceivables returns the receivables as the JSON they must be.
func naiveReceivables(t testing.TB, app core.App, from, to string) map[string]any {
	t.Helper()
	type sums struct {
		invoices, owed, overdue int64
		patients                map[string]bool
	}
	groups := []string{"current", "1-30", "31-60", "61-90", "90+"}
	all, ages, months, doctors := &sums{patients: map[string]bool{}}, map[string]*sums{}, map[string]*sums{}, map[string]*sums{}
	for _, g := range groups {
		ages[g] = &sums{patients: map[string]bool{}}
	}
	for _, m := range monthsOf(from, to) {
		months[m] = &sums{}
	}
	last, _ := time.Parse(time.DateOnly, to)
	for _, i := range rowsOf[invoiceRow](t, app, "invoices") {
		if i.Status == "draft" || i.Status == "void" || i.BalanceMinor <= 0 || i.IssuedOn > to {
			continue
		}
		if i.DueOn == "" {
			i.DueOn = i.IssuedOn
		}
		due, err := time.Parse(time.DateOnly, i.DueOn)
		if err != nil {
			t.Fatal(err)
		}
		days, group := int(last.Sub(due).Hours()/24), "current"
		for _, g := range []struct {
			name string
			over int
		}{{"1-30", 0}, {"31-60", 30}, {"61-90", 60}, {"90+", 90}} {
			if days > g.over {
				group = g.name
			}
		}
		if doctors[i.DoctorID] == nil {
			doctors[i.DoctorID] = &sums{}
		}
		into := []*sums{all, ages[group], doctors[i.DoctorID]}
		if i.IssuedOn >= from {
			into = append(into, months[i.IssuedOn[:7]])
		}
		for _, s := range into {
			s.invoices++
			s.owed += i.BalanceMinor
			if group != "current" {
				s.overdue += i.BalanceMinor
			}
			if s.patients != nil {
				s.patients[i.PatientID] = true
			}
		}
	}
	ageing, byMonth, byDoctor, names := []any{}, []any{}, []any{}, namesOfDoctors(t, app)
	for _, g := range groups {
		ageing = append(ageing, map[string]any{"group": g, "invoices": ages[g].invoices, "patients": len(ages[g].patients), "owed": dollars(ages[g].owed)})
	}
	for m, s := range months {
		byMonth = append(byMonth, map[string]any{"month": m, "invoices": s.invoices, "owed": dollars(s.owed)})
	}
	top := slices.SortedFunc(maps.Keys(doctors), func(a, b string) int {
		return cmp.Or(cmp.Compare(doctors[b].owed, doctors[a].owed), cmp.Compare(a, b))
	})
	for _, d := range top[:min(len(top), 20)] {
		s := doctors[d]
		byDoctor = append(byDoctor, map[string]any{"doctorId": d, "name": names[d], "invoices": s.invoices, "owed": dollars(s.owed), "overdue": dollars(s.overdue)})
	}
	return map[string]any{
		"from": from, "to": to, "currency": "USD", "owed": dollars(all.owed), "overdue": dollars(all.overdue), "invoices": all.invoices,
		"patients": len(all.patients), "ageing": ageing, "byMonth": byMonth, "byDoctor": byDoctor,
	}
}

type itemRow struct {
	ID             string `db:"id"`
	ItemName       string `db:"itemName"`
	Category       string `db:"category"`
	Unit           string `db:"unit"`
	Quantity       int64  `db:"quantity"`
	UnitPriceMinor int64  `db:"unitPriceMinor"`
	ReorderLevel   int64  `db:"reorderLevel"`
	ExpiryDate     string `db:"expiryDate"`
	DeletedAt      string `db:"deletedAt"`
}

type moveRow struct {
	ItemID  string `db:"itemId"`
	Kind    string `db:"kind"`
	Delta   int64  `db:"delta"`
	MovedOn string `db:"movedOn"`
}

type moves struct{ used, received, corrected int64 }

func (m *moves) add(r moveRow) {
	switch {
	case r.Kind == "adjustment" && r.Delta < 0:
		m.used -= r.Delta
	case r.Kind == "adjustment" || r.Kind == "opening":
		m.received += r.Delta
	default:
		m.corrected += r.Delta
	}
}

func (m *moves) json(more map[string]any) map[string]any {
	more["used"], more["received"], more["corrected"] = m.used, m.received, m.corrected
	return more
}

// naiveStock returns the inventory report as the JSON it must be.
func naiveStock(t testing.TB, app core.App, from, to string) map[string]any {
	t.Helper()
	clinic, err := clinicapi.Current(app)
	if err != nil {
		t.Fatal(err)
	}
	today := time.Now().In(clinic.TimeZone)
	type group struct {
		moves
		items, low, value, usedValue int64
		seen                         bool // something of it moved, or is on the list
	}
	months, byID, categories := map[string]*moves{}, map[string]*moves{}, map[string]*group{}
	for _, m := range monthsOf(from, to) {
		months[m] = &moves{}
	}
	for _, r := range rowsOf[moveRow](t, app, "inventory_movements") {
		if r.MovedOn < from || r.MovedOn > to {
			continue
		}
		if byID[r.ItemID] == nil {
			byID[r.ItemID] = &moves{}
		}
		months[r.MovedOn[:7]].add(r)
		byID[r.ItemID].add(r)
	}
	var items, low, empty, value, used int64
	var expired [2]int64
	expiring := map[int]*[2]int64{30: {}, 60: {}, 90: {}}
	byItem := []any{}
	for _, i := range rowsOf[itemRow](t, app, "inventory") {
		if categories[i.Category] == nil {
			categories[i.Category] = &group{}
		}
		g := categories[i.Category]
		if m := byID[i.ID]; m != nil && *m != (moves{}) {
			worth := m.used * i.UnitPriceMinor
			used += worth
			g.usedValue += worth
			g.seen = true
			g.moves = moves{g.used + m.used, g.received + m.received, g.corrected + m.corrected}
			byItem = append(byItem, m.json(map[string]any{"itemId": i.ID, "itemName": i.ItemName, "category": i.Category, "unit": i.Unit, "usedValue": dollars(worth)}))
		}
		if i.DeletedAt != "" {
			continue
		}
		items++
		g.items++
		g.seen = true
		if i.Quantity <= i.ReorderLevel {
			low++
			g.low++
		}
		if i.Quantity == 0 {
			empty++
			continue
		}
		worth := i.Quantity * i.UnitPriceMinor
		value += worth
		g.value += worth
		if i.ExpiryDate == "" {
			continue
		}
		if i.ExpiryDate < today.Format(time.DateOnly) {
			expired[0]++
			expired[1] += worth
			continue
		}
		for days, e := range expiring {
			if i.ExpiryDate <= today.AddDate(0, 0, days).Format(time.DateOnly) {
				e[0]++
				e[1] += worth
			}
		}
	}
	byMonth, byCategory, soon := []any{}, []any{}, []any{}
	for m, s := range months {
		byMonth = append(byMonth, s.json(map[string]any{"month": m}))
	}
	for name, g := range categories {
		if g.seen {
			byCategory = append(byCategory, g.json(map[string]any{"category": name, "items": g.items, "low": g.low, "value": dollars(g.value), "usedValue": dollars(g.usedValue)}))
		}
	}
	for _, days := range slices.Sorted(func(yield func(int) bool) {
		for d := range expiring {
			if !yield(d) {
				return
			}
		}
	}) {
		soon = append(soon, map[string]any{"days": days, "items": expiring[days][0], "value": dollars(expiring[days][1])})
	}
	if len(byItem) > 100 {
		panic(fmt.Sprintf("%d items are more than the report lists", len(byItem)))
	}
	return map[string]any{
		"from": from, "to": to, "asOf": today.Format(time.DateOnly), "currency": "USD", "items": items, "low": low, "empty": empty, "value": dollars(value),
		"expired": map[string]any{"items": expired[0], "value": dollars(expired[1])}, "expiring": soon, "usedValue": dollars(used),
		"byMonth": byMonth, "byCategory": byCategory, "byItem": byItem,
	}
}
