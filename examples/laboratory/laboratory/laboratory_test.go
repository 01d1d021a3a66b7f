package laboratory_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"

	"example.net/laboratory/laboratory"
)

var set = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(), appointments.Module(), billing.Module(), laboratory.Module(),
}}

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

const (
	orders  = "/api/laboratory/orders"
	results = "/api/laboratory/results"
)

func TestOrdering(t *testing.T) {
	body := map[string]any{"patientId": patientsapi.Bob, "test": "TSH"}
	set.Run(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", Path: orders, Body: body, Want: 401},
		{Name: "a nurse may not order", As: as(authapi.Nia), Path: orders, Body: body, Want: 403},
		{Name: "a doctor may, and the patient is charged", As: as(authapi.Grace), Path: orders, Body: body, Want: 201, Has: []string{`"doctorId":"docgrace0000001"`}, Then: charged(true)},
		{Name: "through the collection as well", As: as(authapi.Grace), Path: "/api/collections/lab_orders/records", Body: body, Want: 200, Then: charged(true)},
		{Name: "a test that there is not", As: as(authapi.Grace), Path: orders, Body: map[string]any{"patientId": patientsapi.Bob, "test": "XYZ"}, Want: 400, Has: []string{`"test":{"code":"unknown_test"`}, Then: charged(false)},
		{Name: "nobody orders in another's name", As: as(authapi.Grace), Path: orders, Body: map[string]any{"patientId": patientsapi.Bob, "test": "TSH", "doctorId": "docomar00000002"}, Want: 400, Has: []string{`"doctorId":{"code":"server_set"`}},
		{Name: "a patient sees their own", As: as(authapi.Ada), Method: "GET", Path: orders, Want: 200, Has: []string{`"totalItems":1`, laboratory.CastOrder}},
		{Name: "and nobody else's", As: as(authapi.Bob), Method: "GET", Path: orders + "/" + laboratory.CastOrder, Want: 404},
		{Name: "an order is not taken back", As: as(authapi.Grace), Method: "DELETE", Path: "/api/collections/lab_orders/records/" + laboratory.CastOrder, Want: 403},
	})
}

// charged checks whether Bob was charged for a TSH.
func charged(want bool) func(*testing.T, *kerneltest.Server, kerneltest.Response) {
	return func(t *testing.T, s *kerneltest.Server, _ kerneltest.Response) {
		t.Helper()
		r := s.As(t, as(authapi.Carl), "GET", "/api/billing?filter=status='draft'", nil)
		got := false
		for _, invoice := range r.Items(t) {
			items, _ := invoice["items"].([]any)
			for _, item := range items {
				line, _ := item.(map[string]any)
				got = got || invoice["patientId"] == patientsapi.Bob && line["description"] == "Thyroid-stimulating hormone" && line["unitPrice"] == 31.0
			}
		}
		if got != want {
			t.Errorf("charged: %v, want %v: %s", got, want, r.Body)
		}
	}
}

func TestResults(t *testing.T) {
	const one = results + "/" + laboratory.CastResult
	const sign = one + "/sign"
	signed := func(t *testing.T, s *kerneltest.Server) {
		t.Helper()
		if r := s.As(t, as(authapi.Grace), "POST", sign, nil); r.Status != http.StatusOK {
			t.Fatalf("sign: %d %s", r.Status, r.Body)
		}
	}
	set.Run(t, []kerneltest.Scenario{
		{Name: "a nurse enters one", As: as(authapi.Nia), Path: results, Body: map[string]any{"orderId": laboratory.CastOrder, "value": "4.5", "unit": "10*9/L"}, Want: 201, Has: []string{`"patientId":"` + patientsapi.Ada}},
		{Name: "of an order that there is not", As: as(authapi.Nia), Path: results, Body: map[string]any{"orderId": "nosuchorder0000", "value": "4.5"}, Want: 400, Has: []string{`"orderId"`}},
		{Name: "a nurse corrects one", As: as(authapi.Nia), Method: "PUT", Path: one, Body: `{"value":"13.2"}`, Want: 200},
		{Name: "nobody signs by writing it", As: as(authapi.Grace), Method: "PUT", Path: one, Body: `{"signedAt":"2026-01-01 00:00:00.000Z"}`, Want: 400, Has: []string{`"server_set"`}},
		{Name: "a nurse does not sign", As: as(authapi.Nia), Path: sign, Want: 403},
		{Name: "the patient does not see it unsigned", As: as(authapi.Ada), Method: "GET", Path: one, Want: 404},
		{Name: "a doctor signs", As: as(authapi.Grace), Path: sign, Want: 200, Has: []string{`"signedById":"` + authapi.Grace.ID}},
		{Name: "the patient sees it signed", Before: signed, As: as(authapi.Ada), Method: "GET", Path: one, Want: 200, Has: []string{`"value":"13.1"`}},
		{Name: "but not another patient", Before: signed, As: as(authapi.Bob), Method: "GET", Path: one, Want: 404},
		{Name: "it is signed once", Before: signed, As: as(authapi.Grace), Path: sign, Want: 409, Has: []string{`"result_final"`}},
		{Name: "and is final", Before: signed, As: as(authapi.Nia), Method: "PUT", Path: one, Body: `{"value":"1"}`, Want: 409, Has: []string{`"result_final"`}},
		{Name: "through the collection as well", Before: signed, As: as(authapi.Nia), Method: "PATCH", Path: "/api/collections/lab_results/records/" + laboratory.CastResult, Body: `{"value":"1"}`, Want: 409},
	})
}

// The database holds the rule even where no hook runs.
func TestASignedResultIsFinalInTheDatabase(t *testing.T) {
	s := set.Start(t)
	if r := s.As(t, as(authapi.Grace), "POST", results+"/"+laboratory.CastResult+"/sign", nil); r.Status != http.StatusOK {
		t.Fatalf("sign: %d %s", r.Status, r.Body)
	}
	_, err := s.App.NonconcurrentDB().NewQuery("UPDATE lab_results SET value = '1'").Execute()
	if err == nil || !strings.Contains(err.Error(), "result_final") {
		t.Errorf("got %v", err)
	}
}
