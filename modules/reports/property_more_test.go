package reports_test

import (
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/inventory"
)

// at returns an instant as PocketBase stores it, some minutes and seconds after another;
// "" now and then.
func (l *life) at(from time.Time) (string, time.Time) {
	later := from.Add(time.Duration(l.dice.IntN(2*3600)) * time.Second)
	if l.dice.IntN(4) == 0 {
		return "", later
	}
	return later.Format("2006-01-02 15:04:05.000Z"), later
}

func (l *life) category() string { return l.pick("", "Fluids", "Vaccines", "Consumables") }

var diaryActs = []act{
	{"instants of visits are set in SQL", func(l *life, tx core.App) error {
		day, err := time.Parse(time.DateOnly, l.edge())
		if err != nil {
			return err
		}
		created, next := l.at(day)
		starts, next := l.at(next)
		in, next := l.at(next)
		start, next := l.at(next)
		end, _ := l.at(next)
		return raw(tx, `UPDATE appointments SET created = {:created}, startsAt = {:starts}, checkedInAt = {:in}, startedAt = {:start}, completedAt = {:end},
				startMinute = {:from}, endMinute = {:to}, sourceId = {:source} || iif({:source} = '', '', id) WHERE rowid % 7 = {:k} AND status IN ('completed', 'no-show', 'cancelled')`,
			dbx.Params{"created": created, "starts": starts, "in": in, "start": start, "end": end, "from": 540, "to": 545 + l.dice.IntN(60), "source": l.pick("", "", "s"), "k": l.dice.IntN(7)})
	}},
	{"a doctor's hours are set in SQL", func(l *life, tx core.App) error {
		hours := l.pick("", "null", `[{"weekday":1,"from":"05:00","to":"23:00"},{"weekday":5,"from":"08:15","to":"12:00"},{"weekday":5,"from":"13:00","to":"24:00"}]`)
		// The first is never away, so that bookings go on.
		return raw(tx, "UPDATE doctors SET hours = {:h}, deletedAt = iif(id = (SELECT min(id) FROM doctors), '', {:d}) WHERE id = {:id}",
			dbx.Params{"h": hours, "d": l.pick("", "", "2026-04-05 11:30:00.000Z", "2026-04-05 12:30:00.000Z"), "id": l.anyID(tx, "doctors")})
	}},
	{"due days are set in SQL", func(l *life, tx core.App) error {
		return raw(tx, "UPDATE invoices SET dueOn = {:day} WHERE rowid % 9 = {:k} AND status != 'void'", dbx.Params{"day": l.pick(l.edge(), ""), "k": l.dice.IntN(9)})
	}},
	{"an invoice changes hands in SQL", func(l *life, tx core.App) error {
		return raw(tx, "UPDATE invoices SET patientId = {:p} WHERE id = {:id}", dbx.Params{"p": l.anyID(tx, "patients"), "id": l.anyID(tx, "invoices", dbx.NewExp("status != 'void'"))})
	}},
	{"an item is put on the shelf", func(l *life, tx core.App) error {
		if l.n%3 != 0 {
			return errChangedTheirMind // some, not thousands
		}
		c, err := tx.FindCollectionByNameOrId("inventory")
		if err != nil {
			return err
		}
		r := core.NewRecord(c)
		r.Load(map[string]any{
			"itemName": "Something", "unit": "box", "quantity": l.dice.IntN(50), "unitPrice": float64(l.cents()) / 100, "reorderLevel": l.dice.IntN(30),
			"category": l.category(), "expiryDate": l.pick("", l.edge(), time.Now().AddDate(0, 0, l.dice.IntN(100)).Format(time.DateOnly)),
		})
		return tx.Save(r)
	}},
	{"an item is used", func(l *life, tx core.App) error {
		_, err := inventory.Adjust(tx, l.anyID(tx, "inventory"), -int64(1+l.dice.IntN(5)), "Used", "")
		return err
	}},
	{"an item comes in", func(l *life, tx core.App) error {
		_, err := inventory.Adjust(tx, l.anyID(tx, "inventory"), int64(1+l.dice.IntN(50)), "Delivered", "")
		return err
	}},
	{"an item is counted", func(l *life, tx core.App) error {
		r, err := tx.FindRecordById("inventory", l.anyID(tx, "inventory"))
		if err != nil {
			return err
		}
		r.Load(map[string]any{"quantity": l.dice.IntN(60), "unitPrice": float64(l.cents()) / 100, "category": l.category()})
		return tx.Save(r)
	}},
	{"an item is taken off the list", func(l *life, tx core.App) error {
		r, err := tx.FindRecordById("inventory", l.anyID(tx, "inventory"))
		if err != nil {
			return err
		}
		return tx.Delete(r)
	}},
	{"the stock is changed in SQL", func(l *life, tx core.App) error {
		column, value := "quantity", fmt.Sprint(l.dice.IntN(40))
		switch l.dice.IntN(6) {
		case 0:
			column, value = "category", l.category()
		case 1:
			column, value = "expiryDate", l.pick(l.edge(), "")
		case 2:
			column, value = "deletedAt", l.pick("", "2026-01-01 00:00:00.000Z")
		case 3:
			column, value = "unitPriceMinor", fmt.Sprint(l.cents())
		case 4:
			column, value = "reorderLevel", fmt.Sprint(l.dice.IntN(40))
		}
		return raw(tx, "UPDATE inventory SET "+column+" = {:v} WHERE rowid % 5 = {:k}", dbx.Params{"v": value, "k": l.dice.IntN(5)})
	}},
	{"a movement of the past is inserted in SQL", func(l *life, tx core.App) error {
		return raw(tx, "INSERT INTO inventory_movements (id, itemId, delta, quantityAfter, kind, movedOn) VALUES ({:id}, {:i}, iif({:k} = 'opening', abs({:d}), {:d}), 1, {:k}, {:day})",
			dbx.Params{"id": l.id(), "i": l.anyID(tx, "inventory"), "d": l.dice.IntN(41) - 20, "k": l.pick("opening", "adjustment", "correction", "outside"), "day": l.edge()})
	}},
}
