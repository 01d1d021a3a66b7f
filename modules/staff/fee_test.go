package staff_test

import (
	"fmt"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// feeOf returns Dr Grace's fee and its twin.
func feeOf(t *testing.T, s *kerneltest.Server) string {
	t.Helper()
	r, err := s.App.FindRecordById("doctors", staffapi.Grace)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(r.GetFloat("consultationFee"), r.GetInt("consultationFeeMinor"))
}

func TestAFeeHasATwinInMinorUnits(t *testing.T) {
	s := set.Start(t)
	grace := doctors + "/" + staffapi.Grace
	s.On(t, []kerneltest.Scenario{
		{Name: "which nobody sees", As: alma, Method: "PUT", Path: grace, Body: `{"consultationFee":80.55}`, Want: 200, Has: []string{`"consultationFee":80.55`}, Not: []string{"Minor"}},
		{Name: "nor sets", As: alma, Method: "PUT", Path: grace, Body: `{"consultationFeeMinor":1}`, Want: 400, Has: []string{`"consultationFeeMinor":{"code":"server_set"`}},
	})
	if got := feeOf(t, s); got != "80.55 8055" {
		t.Errorf("got %s", got)
	}
}

func TestFeesKeepTheirCurrency(t *testing.T) {
	s := set.Start(t)
	grace, clinic := doctors+"/"+staffapi.Grace, "/api/clinic"
	yen := kerneltest.Scenario{Name: "the currency stays", As: alma, Method: "PUT", Path: clinic, Body: `{"currency":"JPY"}`, Want: 409, Has: []string{"currency_in_use", "set to 0"}}
	s.On(t, []kerneltest.Scenario{
		{Name: "half a dollar", As: alma, Method: "PUT", Path: grace, Body: `{"consultationFee":80.5}`, Want: 200},
		yen,
		{Name: "no fee", As: alma, Method: "PUT", Path: grace, Body: `{"consultationFee":0}`, Want: 200},
		{Name: "another doctor has one", As: alma, Method: "PUT", Path: clinic, Body: `{"currency":"JPY"}`, Want: 409},
		{Name: "nobody has", As: alma, Method: "PUT", Path: doctors + "/" + staffapi.Omar, Body: `{"consultationFee":0}`, Want: 200},
		{Name: "the currency is another", As: alma, Method: "PUT", Path: clinic, Body: `{"currency":"JPY"}`, Want: 200},
		{Name: "there are no half yen", As: alma, Method: "PUT", Path: grace, Body: `{"consultationFee":80.5}`, Want: 400, Has: []string{`"consultationFee"`}},
		{Name: "but whole ones", As: alma, Method: "PUT", Path: grace, Body: `{"consultationFee":8000}`, Want: 200},
	})
	if got := feeOf(t, s); got != "8000 8000" {
		t.Errorf("got %s", got)
	}
}

// What was stored before there were twins, in whatever currency.
func TestTheStepFillsTheTwins(t *testing.T) {
	for currency, want := range map[string]string{"USD": "80.55 8055", "JPY": "80.55 81", "KWD": "80.55 80550"} {
		s := set.Start(t)
		for _, sql := range []string{
			"UPDATE clinic SET currency = '" + currency + "'",
			"UPDATE doctors SET consultationFee = 80.55, consultationFeeMinor = 0",
		} {
			if _, err := s.App.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
				t.Fatal(err)
			}
		}
		clinicapi.Forget(s.App)
		for _, m := range staff.Module().Migrations {
			if m.ID != "1780000310_fees" {
				continue
			}
			if err := m.Up(s.App); err != nil {
				t.Fatal(err)
			}
		}
		if got := feeOf(t, s); got != want {
			t.Errorf("%s: got %s, want %s", currency, got, want)
		}
	}
}
