package billing_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

func TestChargesGoOnTheOpenDraft(t *testing.T) {
	s := set.Start(t)
	charges, err := kernel.One[billingapi.Charges](s.Kernel)
	if err != nil {
		t.Fatal(err)
	}
	add := func(c billingapi.Charge) (id string, err error) {
		err = s.App.RunInTransaction(func(tx core.App) error { id, err = charges.Add(tx, c); return err })
		return id, err
	}
	must := func(c billingapi.Charge) string {
		t.Helper()
		id, err := add(c)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	// A draft with a plain amount takes no line: it would lose the amount.
	plain := s.As(t, carl, "POST", path, forAda(`"amount":5,"draft":true`)).ID(t)
	first := must(billingapi.Charge{PatientID: patientsapi.Ada, Description: "Blood count", UnitPriceMinor: 2450})
	second := must(billingapi.Charge{PatientID: patientsapi.Ada, Description: "Swab <b>", Quantity: 3, UnitPriceMinor: 101})
	visit := must(billingapi.Charge{PatientID: patientsapi.Ada, Description: "ECG", UnitPriceMinor: 4000, AppointmentID: appointmentsapi.CastYesterday})
	bobs := must(billingapi.Charge{PatientID: patientsapi.Bob, Description: "X-ray", UnitPriceMinor: 8500, DoctorID: staffapi.Omar, By: "userstaff000003"})
	if first != second || first == plain || visit == first || bobs == first {
		t.Errorf("drafts: plain %s, first %s, second %s, of a visit %s, Bob's %s", plain, first, second, visit, bobs)
	}
	r := s.As(t, carl, "GET", path+"/"+first, nil).JSON(t)
	if r["status"] != "draft" || r["amount"] != 27.53 || len(r["items"].([]any)) != 2 {
		t.Errorf("draft: %v", r)
	}
	if r := s.As(t, carl, "GET", path+"/"+visit, nil).JSON(t); r["doctorId"] != staffapi.Grace {
		t.Errorf("the visit's doctor is not on it: %v", r)
	}
	if r := s.As(t, carl, "POST", path+"/"+first+"/issue", nil); r.Status != 200 {
		t.Fatal(r.Status, r.Body)
	}
	if third := must(billingapi.Charge{PatientID: patientsapi.Ada, Description: "Next", UnitPriceMinor: 1}); third == first {
		t.Error("an issued invoice took another line")
	}
	for name, c := range map[string]billingapi.Charge{
		"no description":   {PatientID: patientsapi.Ada, UnitPriceMinor: 1},
		"too long a one":   {PatientID: patientsapi.Ada, Description: strings.Repeat("x", 501), UnitPriceMinor: 1},
		"a negative price": {PatientID: patientsapi.Ada, Description: "x", UnitPriceMinor: -1},
		"no patient":       {PatientID: "patnobody000000", Description: "x", UnitPriceMinor: 1},
	} {
		if _, err := add(c); err == nil {
			t.Errorf("%s went through", name)
		}
	}
}
