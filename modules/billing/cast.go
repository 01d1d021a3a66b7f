package billing

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

func cast(app core.App) error {
	invoices, err := app.FindCollectionByNameOrId("invoices")
	if err != nil {
		return err
	}
	for _, i := range []struct {
		id     string
		fields map[string]any
	}{
		{billingapi.CastUnpaid, map[string]any{"patientId": patientsapi.Ada, "appointmentId": appointmentsapi.CastYesterday, "amount": 80, "details": "Consultation"}},
		{billingapi.CastPaid, map[string]any{
			"patientId": patientsapi.Bob, "doctorId": staffapi.Omar,
			"items": []map[string]any{{"description": "Consultation", "quantity": 1, "unitPrice": 110}, {"description": "ECG", "quantity": 1, "unitPrice": 40}},
		}},
	} {
		r := core.NewRecord(invoices)
		r.Id = i.id
		r.Load(i.fields)
		r.Set("createdById", authapi.Carl.ID)
		if err := app.Save(r); err != nil {
			return fmt.Errorf("invoice %s: %w", i.id, err)
		}
	}
	payments, err := app.FindCollectionByNameOrId("payments")
	if err != nil {
		return err
	}
	r := core.NewRecord(payments)
	r.Id = billingapi.CastPayment
	r.Load(map[string]any{"invoiceId": billingapi.CastPaid, "kind": billingapi.Payment, "amount": 150, "method": "card", "receivedById": authapi.Carl.ID})
	return app.Save(r)
}
