package exchange_test

import (
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/exchange"
)

// After them the counter gave a number that was taken, and no patient could be registered.
func TestNumbersOfTenDigitsAreCountedToo(t *testing.T) {
	s := set.Start(t)
	const file = "mrn,name\nP-999999999,Far Away\nP-1000000000,Further Away\n"
	if sum, bad, err := load(t, s, "patients", file, exchange.Options{}); err != nil || sum.New != 2 {
		t.Fatalf("%v %q %v", sum, bad, err)
	}
	if r := s.As(t, alma, "POST", "/api/patients", `{"name":"At The Desk"}`); r.Status != 201 || r.JSON(t)["mrn"] != "P-1000000001" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// Where a number got in that the counter does not know, the next free one is given.
func TestATakenNumberIsPassedOver(t *testing.T) {
	s := set.Start(t)
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE patients SET mrn = 'P-000003' WHERE mrn = 'P-000002'").Execute(); err != nil {
		t.Fatal(err)
	}
	if r := s.As(t, alma, "POST", "/api/patients", `{"name":"At The Desk"}`); r.Status != 201 || r.JSON(t)["mrn"] != "P-000004" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

func TestNumbersThatDifferByCaseAlone(t *testing.T) {
	s := set.Start(t)
	for i := range 2 {
		if sum, bad, err := load(t, s, "patients", "mrn,name\np-000003,Small Letter\n", exchange.Options{}); err != nil || sum.New != 1-i || sum.Bad > 0 {
			t.Fatalf("%v %q %v", sum, bad, err)
		}
	}
	if got := s.As(t, alma, "POST", "/api/patients", `{"name":"At The Desk"}`).JSON(t)["mrn"]; got != "P-000004" {
		t.Errorf("beside p-000003 the next is %v", got)
	}
	for _, mrn := range []string{"p-000001", "P-000003"} {
		sum, bad, err := load(t, s, "patients", "mrn,name\n"+mrn+",Look Alike\n", exchange.Options{})
		if err != nil || sum.Written || len(bad) != 1 || !strings.HasPrefix(bad[0], "line 2: mrn: ") {
			t.Errorf("%s: %v %q %v", mrn, sum, bad, err)
		}
	}
}
