package billing_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

func TestPDFX(t *testing.T) {
	s := set.Start(t)
	p, _ := s.App.FindRecordById("patients", patientsapi.Ada)
	p.Set("name", "Zoë Đặng-Müller Łukasz Ωμέγα Ивановна 田中 😀 (x) \\")
	if err := s.App.Save(p); err != nil {
		t.Fatal(err)
	}
	var items []map[string]any
	for i := range 60 {
		items = append(items, map[string]any{"description": fmt.Sprintf("Line %d with a long description that must be wrapped over lines because it is long", i), "quantity": 1.5, "unitPrice": 12.35, "taxRate": 20, "discount": 1})
	}
	r := s.As(t, carl, "POST", "/api/billing", map[string]any{"patientId": patientsapi.Ada, "items": items, "details": "x y\nz", "doctorId": "docgrace0000001", "dueOn": "2026-12-24"})
	id := r.ID(t)
	r = s.As(t, carl, "POST", "/api/billing/"+id+"/payments", map[string]any{"amount": 500.25, "method": "cash", "reference": "R-1"})
	t.Log(r.Status)
	r = s.As(t, carl, "GET", "/api/billing/"+id+"/pdf", nil)
	t.Log(r.Status, r.Header, len(r.Body))
	os.WriteFile("/tmp/inv.pdf", []byte(r.Body), 0o600)
	r = s.As(t, ada, "GET", "/api/billing/invada000000001/pdf", nil)
	os.WriteFile("/tmp/inv2.pdf", []byte(r.Body), 0o600)
}
