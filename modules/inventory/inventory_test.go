package inventory_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var set = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), inventory.Module(),
}}

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

const (
	path       = "/api/inventory"
	collection = "/api/collections/inventory/records"
)

var petra, grace = as(authapi.Petra), as(authapi.Grace)

func TestItems(t *testing.T) {
	item := path + "/" + inventory.Paracetamol
	set.Run(t, []kerneltest.Scenario{
		{Name: "the pharmacy adds an item", As: petra, Path: path, Body: `{"itemName":"Zinc","quantity":5,"unitPrice":1.25}`, Want: 201, Has: []string{`"quantity":5`, `"unitPrice":1.25`}, Not: []string{"unitPriceMinor", "changeMark"}},
		{Name: "an empty shelf is a quantity", As: petra, Path: path, Body: `{"itemName":"Zinc","quantity":0}`, Want: 201, Has: []string{`"quantity":0`}},
		{Name: "name and quantity are needed", As: petra, Path: path, Body: `{}`, Want: 400, Has: []string{`"itemName":{"code":"validation_required"`, `"quantity":{"code":"validation_required"`}},
		{Name: "also through the collection", As: petra, Path: collection, Body: `{"itemName":"x"}`, Want: 400, Has: []string{`"quantity":{"code":"validation_required"`}},
		{Name: "less than nothing is refused", As: petra, Path: path, Body: `{"itemName":"Zinc","quantity":-1}`, Want: 400, Has: []string{`"quantity"`}},
		{Name: "half a tablet is refused", As: petra, Path: path, Body: `{"itemName":"Zinc","quantity":1.5}`, Want: 400, Has: []string{`"quantity"`}},
		{Name: "a tenth of a cent is refused", As: petra, Path: path, Body: `{"itemName":"Zinc","quantity":1,"unitPrice":0.001}`, Want: 400, Has: []string{`"unitPrice"`}},
		{Name: "a day that is none is refused", As: petra, Path: path, Body: `{"itemName":"Zinc","quantity":1,"expiryDate":"2026-02-30"}`, Want: 400, Has: []string{`"expiryDate"`}},
		{Name: "a doctor reads", As: grace, Method: "GET", Path: item, Want: 200, Has: []string{"Paracetamol"}},
		{Name: "a doctor does not write", As: grace, Method: "PUT", Path: item, Body: `{"quantity":1}`, Want: 403},
		{Name: "a patient sees nothing", As: as(authapi.Ada), Method: "GET", Path: path, Want: 403},
		{Name: "nor by the collection", As: as(authapi.Ada), Method: "GET", Path: collection, Want: 200, Has: []string{`"items":[]`}},
		{Name: "the cashier sees nothing", As: as(authapi.Carl), Method: "GET", Path: path, Want: 403},
		{Name: "a counter is no client's", As: petra, Method: "PATCH", Path: collection + "/" + inventory.Paracetamol, Body: `{"quantity-":1}`, Want: 400, Has: []string{"counter_not_allowed"}},
		{Name: "a reason is needed", As: petra, Path: item + "/adjust", Body: `{"delta":1}`, Want: 400, Has: []string{`"reason":{"code":"validation_required"`}},
		{Name: "and a delta", As: petra, Path: item + "/adjust", Body: `{"reason":"x"}`, Want: 400, Has: []string{`"delta":{"code":"validation_required"`}},
		{Name: "that moves something", As: petra, Path: item + "/adjust", Body: `{"delta":0,"reason":"x"}`, Want: 400, Has: []string{`"delta":{"code":"validation_out_of_range","message":"Must not be 0."`}},
		{Name: "a whole one", As: petra, Path: item + "/adjust", Body: `{"delta":1.5,"reason":"x"}`, Want: 400, Has: []string{`"delta"`}},
		{Name: "1.0 is whole", As: petra, Path: item + "/adjust", Body: `{"delta":1.0,"reason":"x"}`, Want: 200, Has: []string{`"quantity":121`}},
		{Name: "so is 2e0", As: petra, Path: item + "/adjust", Body: `{"delta":2e0,"reason":"x"}`, Want: 200, Has: []string{`"quantity":122`}},
		{Name: "and 0.3e1", As: petra, Path: item + "/adjust", Body: `{"delta":0.3e1,"reason":"x"}`, Want: 200, Has: []string{`"quantity":123`}},
		{Name: "1e999999999 is no number of ours", As: petra, Path: item + "/adjust", Body: `{"delta":1e999999999,"reason":"x"}`, Want: 400},
		{Name: "1e-9 is not whole", As: petra, Path: item + "/adjust", Body: `{"delta":1e-9,"reason":"x"}`, Want: 400, Has: []string{`"delta"`}},
		{Name: "a name in capitals is another", As: petra, Path: item + "/adjust", Body: `{"delta":1,"DELTA":50,"reason":"x","Reason":"y"}`, Want: 200, Has: []string{`"quantity":121`}},
		{Name: "and alone says nothing", As: petra, Path: item + "/adjust", Body: `{"Delta":1,"reason":"x"}`, Want: 400, Has: []string{`"delta":{"code":"validation_required"`}},
		{Name: "a reason that shows something else is refused", As: petra, Path: item + "/adjust", Body: `{"delta":1,"reason":"a\u0000"}`, Want: 400, Has: []string{`"reason":{"code":"invalid_characters"`}},
		{Name: "more than there is", As: petra, Path: item + "/adjust", Body: `{"delta":-121,"reason":"x"}`, Want: 409, Has: []string{`"delta":{"code":"insufficient_stock"`}},
		{Name: "a movement is nobody's to write", As: petra, Path: "/api/collections/inventory_movements/records", Body: `{"itemId":"` + inventory.Paracetamol + `","delta":5}`, Want: 403},
		{Name: "what is low", As: grace, Method: "GET", Path: path + "/alerts", Want: 200, Has: []string{`"low":[{`, "Amoxicillin", "Insulin"}},
		{Name: "a bad number of days", As: grace, Method: "GET", Path: path + "/alerts?days=-1", Want: 400, Has: []string{`"days"`}},
		{Name: "no days at all", As: grace, Method: "GET", Path: path + "/alerts?days=0", Want: 200, Has: []string{`"days":0`, `"expiring":[]`}},
	})
}

// TestEveryChangeLeavesAMovement goes by each path, raw SQL included.
func TestEveryChangeLeavesAMovement(t *testing.T) {
	s := set.Start(t)
	id := s.As(t, petra, "POST", path, `{"itemName":"Zinc","quantity":10}`).ID(t)
	s.As(t, petra, "POST", path+"/"+id+"/adjust", `{"delta":-3,"reason":"ward 2"}`)
	s.As(t, petra, "PUT", path+"/"+id, `{"quantity":9}`)
	s.As(t, petra, "PATCH", collection+"/"+id, `{"quantity":4}`)
	s.As(t, petra, "POST", "/api/batch", fmt.Sprintf(`{"requests":[{"method":"PATCH","url":"%s/%s","body":{"quantity":6}}]}`, collection, id))
	s.As(t, petra, "PUT", path+"/"+id, `{"supplier":"nobody moved anything"}`)
	if _, err := s.App.DB().NewQuery("UPDATE inventory SET quantity = 5 WHERE id = {:id}").Bind(dbx.Params{"id": id}).Execute(); err != nil {
		t.Fatal(err)
	}
	want := []string{"-1 5 outside", "2 6 correction", "-5 4 correction", "2 9 correction", "-3 7 adjustment", "10 10 opening"}
	items := s.As(t, grace, "GET", path+"/"+id+"/movements", nil).Items(t)
	if len(items) != len(want) {
		t.Fatalf("%d movements, want %d: %v", len(items), len(want), items)
	}
	for i, m := range items {
		if got := fmt.Sprintf("%v %v %v", m["delta"], m["quantityAfter"], m["kind"]); got != want[i] {
			t.Errorf("movement %d: %s, want %s", i, got, want[i])
		}
	}
	if items[4]["reason"] != "ward 2" || items[4]["byId"] != authapi.Petra.ID {
		t.Errorf("who and why are lost: %v", items[4])
	}
	for _, sql := range []string{"UPDATE inventory SET quantity = -1", "DELETE FROM inventory", "UPDATE inventory_movements SET delta = 0", "DELETE FROM inventory_movements"} {
		if _, err := s.App.DB().NewQuery(sql).Execute(); err == nil {
			t.Errorf("%s went through", sql)
		}
	}
}

func TestThirtyTakeFromTen(t *testing.T) {
	s := set.Start(t)
	id := s.As(t, petra, "POST", path, `{"itemName":"Zinc","quantity":10}`).ID(t)
	token := s.Token(t, petra)
	var mu sync.Mutex
	got := map[int]int{}
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			r := s.Do(t, "POST", path+"/"+id+"/adjust", token, `{"delta":-1,"reason":"rush"}`)
			mu.Lock()
			defer mu.Unlock()
			got[r.Status]++
		})
	}
	wg.Wait()
	if got[http.StatusOK] != 10 || got[http.StatusConflict] != 20 {
		t.Errorf("statuses %v, want 10 × 200 and 20 × 409", got)
	}
	var sum, left int
	if err := s.App.DB().NewQuery("SELECT (SELECT SUM(delta) FROM inventory_movements WHERE itemId = {:id}), (SELECT quantity FROM inventory WHERE id = {:id})").Bind(dbx.Params{"id": id}).Row(&sum, &left); err != nil {
		t.Fatal(err)
	}
	if sum != 0 || left != 0 {
		t.Errorf("movements add up to %d, %d are left, want 0 and 0", sum, left)
	}
}

func TestADeletedItemIsKept(t *testing.T) {
	s := set.Start(t)
	item := path + "/" + inventory.Insulin
	s.On(t, []kerneltest.Scenario{
		{Name: "it goes", As: petra, Method: "DELETE", Path: item, Want: 204},
		{Name: "once", As: petra, Method: "DELETE", Path: item, Want: 404},
		{Name: "it is not there", As: petra, Method: "GET", Path: item, Want: 404},
		{Name: "it raises no alert", As: petra, Method: "GET", Path: path + "/alerts", Want: 200, Not: []string{"Insulin"}},
		{Name: "and takes no adjustment", As: petra, Path: item + "/adjust", Body: `{"delta":1,"reason":"x"}`, Want: 404},
	})
	if n, err := s.App.CountRecords("inventory_movements", dbx.HashExp{"itemId": inventory.Insulin}); err != nil || n != 1 {
		t.Errorf("its movements: %d, %v", n, err)
	}
}

func TestMovementsAreAListLikeAnyOther(t *testing.T) {
	s := set.Start(t)
	item := path + "/" + inventory.Paracetamol
	for _, body := range []string{`{"delta":5,"reason":"delivery"}`, `{"delta":-2,"reason":"ward"}`} {
		if r := s.As(t, petra, "POST", item+"/adjust", body); r.Status != 200 {
			t.Fatal(r.Body)
		}
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "sorted and filtered", As: grace, Method: "GET", Path: item + "/movements?sort=delta&perPage=1&filter=kind='adjustment'", Want: 200, Has: []string{`"totalItems":2`, `"delta":-2`}},
		{Name: "found by its reason", As: grace, Method: "GET", Path: item + "/movements?filter=reason~'DELIVER'", Want: 200, Has: []string{`"totalItems":1`, `"delta":5`}},
		{Name: "a quantity is not set by the way", As: petra, Path: item + "/adjust", Body: `{"delta":1,"reason":"x","quantity":9999}`, Want: 400, Has: []string{`"quantity":{"code":"server_set"`}},
		{Name: "nor none", As: petra, Method: "PUT", Path: item, Body: `{"quantity":null}`, Want: 400, Has: []string{`"quantity":{"code":"validation_required"`}},
	})
}
