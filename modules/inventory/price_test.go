package inventory_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
)

var alma = as(authapi.Alma)

// items are those of the cast.
var items = []string{inventory.Paracetamol, inventory.Amoxicillin, inventory.Insulin}

func TestPricesKeepTheirCurrency(t *testing.T) {
	s := set.Start(t)
	change := func(name string, want int) kerneltest.Scenario {
		return kerneltest.Scenario{Name: name, As: alma, Method: "PUT", Path: "/api/clinic", Body: `{"currency":"JPY"}`, Want: want}
	}
	free := func(id string) kerneltest.Scenario {
		return kerneltest.Scenario{Name: id + " has no price", As: petra, Method: "PUT", Path: path + "/" + id, Body: `{"unitPrice":0}`, Want: 200}
	}
	s.On(t, []kerneltest.Scenario{
		change("items have prices", 409), free(items[0]), free(items[1]), change("one has", 409),
		{Name: "it is taken off the list", As: petra, Method: "DELETE", Path: path + "/" + items[2], Want: 204},
		change("none has", 200),
		{Name: "there are no half yen", As: petra, Method: "PUT", Path: path + "/" + items[0], Body: `{"unitPrice":0.5}`, Want: 400, Has: []string{`"unitPrice"`}},
	})
}

// A data folder may hold prices of another currency's time: they were not always asked.
func TestAPriceOfAnotherCurrencyIsLeft(t *testing.T) {
	s := set.Start(t)
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE clinic SET currency = 'JPY'").Execute(); err != nil {
		t.Fatal(err)
	}
	clinicapi.Forget(s.App)
	item := path + "/" + inventory.Insulin
	s.On(t, []kerneltest.Scenario{
		{Name: "the stock moves", As: petra, Path: item + "/adjust", Body: `{"delta":-1,"reason":"ward"}`, Want: 200, Has: []string{`"unitPrice":18.5`}},
		{Name: "and changes", As: petra, Method: "PUT", Path: item, Body: `{"supplier":"Another"}`, Want: 200, Has: []string{`"unitPrice":18.5`}},
		{Name: "a price is not taken anew", As: petra, Method: "PUT", Path: item, Body: `{"unitPrice":19.5}`, Want: 400, Has: []string{`"unitPrice"`}},
	})
	r, err := s.App.FindRecordById("inventory", inventory.Insulin)
	if err != nil || r.GetInt("unitPriceMinor") != 1850 {
		t.Errorf("in minor units it is %d, %v", r.GetInt("unitPriceMinor"), err)
	}
}
