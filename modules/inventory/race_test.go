package inventory_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/exchange"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
)

// agrees compares an item with its movements: they add up to it, each follows from the one
// before, and none went below nothing.
func agrees(t *testing.T, s *kerneltest.Server, id string) {
	t.Helper()
	var rows []struct {
		Delta int `db:"delta"`
		After int `db:"quantityAfter"`
	}
	if err := s.App.DB().Select("delta", "quantityAfter").From("inventory_movements").Where(dbx.HashExp{"itemId": id}).OrderBy("rowid").All(&rows); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for i, r := range rows {
		if sum += r.Delta; sum != r.After || sum < 0 {
			t.Fatalf("movement %d: %+d leaves %d, want %d", i, r.Delta, r.After, sum)
		}
	}
	item, err := s.App.FindRecordById("inventory", id)
	if err != nil {
		t.Fatal(err)
	}
	if item.GetInt("quantity") != sum {
		t.Errorf("the item has %d, its movements add up to %d", item.GetInt("quantity"), sum)
	}
}

// TestARushByEveryPath takes, adds and corrects at once, by the documented path, the
// collection and batch.
func TestARushByEveryPath(t *testing.T) {
	s := set.Start(t)
	id := s.As(t, petra, "POST", path, `{"itemName":"Zinc","quantity":10}`).ID(t)
	token := s.Token(t, petra)
	requests := [][3]string{
		{"POST", path + "/" + id + "/adjust", `{"delta":-4,"reason":"ward"}`},
		{"POST", path + "/" + id + "/adjust", `{"delta":2,"reason":"delivery"}`},
		{"PUT", path + "/" + id, `{"quantity":6}`},
		{"PATCH", collection + "/" + id, `{"quantity":3}`},
		{"PUT", path + "/" + id, `{"quantity":-1}`},
		{"POST", "/api/batch", fmt.Sprintf(`{"requests":[{"method":"PATCH","url":"%s/%s","body":{"quantity":8}},{"method":"PATCH","url":"%s/%s","body":{"quantity":-8}}]}`, collection, id, collection, id)},
		{"PUT", path + "/" + id, `{"supplier":"Nordpharm"}`},
	}
	var wg sync.WaitGroup
	for i := range 70 {
		wg.Go(func() {
			q := requests[i%len(requests)]
			r := s.Do(t, q[0], q[1], token, q[2])
			if r.Status != http.StatusOK && r.Status != http.StatusConflict && r.Status != http.StatusBadRequest {
				t.Errorf("%v: %d %s", q, r.Status, r.Body)
			}
		})
	}
	wg.Wait()
	agrees(t, s, id)
}

func TestAMovementNeedsAChange(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("inventory_movements")
	if err != nil {
		t.Fatal(err)
	}
	r := core.NewRecord(c)
	r.Load(map[string]any{"itemId": inventory.Paracetamol, "delta": 5, "quantityAfter": 125, "kind": "adjustment"})
	if err := s.App.Save(r); err == nil {
		t.Error("a movement was made up")
	}
	if n, err := s.App.CountRecords("inventory_movements", dbx.HashExp{"itemId": inventory.Paracetamol}); err != nil || n != 1 {
		t.Errorf("%d movements (%v), want the first alone", n, err)
	}
}

var full = &kerneltest.Set{Modules: append(set.Modules, exchange.Module()), Full: true}

func TestTheDemoShelf(t *testing.T) {
	s := full.Start(t)
	alerts := s.As(t, petra, "GET", path+"/alerts", nil).JSON(t)
	for list, least := range map[string]int{"low": 3, "expiring": 3, "expired": 2} {
		if got := len(alerts[list].([]any)); got < least {
			t.Errorf("%d items are %s, want %d", got, list, least)
		}
	}
	if n, err := s.App.CountRecords("inventory"); err != nil || n < 40 {
		t.Errorf("%d items (%v), want 40", n, err)
	}
}

func TestSubscribersHearOfAnAdjustment(t *testing.T) {
	heard := 0
	s := set.Start(t, func(app *tests.TestApp) {
		app.OnRecordAfterUpdateSuccess("inventory").BindFunc(func(e *core.RecordEvent) error { heard++; return e.Next() })
	})
	item := path + "/" + inventory.Paracetamol
	s.As(t, petra, "POST", item+"/adjust", `{"delta":-121,"reason":"too many"}`)
	if heard != 0 {
		t.Errorf("heard %d times of what did not happen", heard)
	}
	s.As(t, petra, "POST", item+"/adjust", `{"delta":-20,"reason":"ward"}`)
	if heard != 1 {
		t.Errorf("heard %d times, want once", heard)
	}
}
