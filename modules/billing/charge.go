package billing

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// charges is how siblings put their services on invoices.
type charges struct{}

var _ billingapi.Charges = charges{}

// Add implements billingapi.Charges.
func (charges) Add(tx core.App, c billingapi.Charge) (string, error) {
	s, err := clinicapi.Current(tx)
	if err != nil {
		return "", err
	}
	if c.UnitPriceMinor < 0 || c.Quantity < 0 {
		return "", kernel.Invalid{errAmount.Saying("Quantity and price must not be negative.").At("amount")}
	}
	line := Item{
		Description: strings.TrimSpace(c.Description), Quantity: json.Number(strconv.Itoa(max(c.Quantity, 1))),
		UnitPrice: json.Number(clinicapi.Text(c.UnitPriceMinor, s.Currency)),
	}
	draft, err := openDraft(tx, c, s.Currency)
	if err != nil {
		return "", err
	}
	items := storedItems(draft.GetString("items"), s.Currency)
	raw, err := json.Marshal(append(sendable(items), sent(line)))
	if err != nil {
		return "", err
	}
	draft.Set("items", string(raw))
	kernel.SetActor(draft, c.By)
	if err := tx.Save(draft); err != nil {
		return "", fmt.Errorf("charge: %w", err)
	}
	return draft.Id, nil
}

// openDraft returns the patient's newest draft that can take a line, or a new one. A draft
// with a plain amount cannot: the line would take its place.
func openDraft(tx core.App, c billingapi.Charge, currency string) (*core.Record, error) {
	var found []*core.Record
	err := tx.RecordQuery("invoices").Where(dbx.HashExp{
		"patientId": c.PatientID, "status": billingapi.Draft, "currency": currency, "appointmentId": c.AppointmentID,
	}).AndWhere(dbx.NewExp("json_array_length(items) BETWEEN 1 AND {:most}", dbx.Params{"most": maxItems - 1})).
		OrderBy("created DESC", "rowid DESC").All(&found)
	if err != nil {
		return nil, fmt.Errorf("open draft: %w", err)
	}
	for _, r := range found {
		if c.DoctorID == "" || c.DoctorID == r.GetString("doctorId") {
			return r, nil
		}
	}
	collection, err := tx.FindCollectionByNameOrId("invoices")
	if err != nil {
		return nil, err
	}
	r := core.NewRecord(collection)
	r.Load(map[string]any{
		"patientId": c.PatientID, "status": billingapi.Draft, "currency": currency,
		"appointmentId": c.AppointmentID, "doctorId": c.DoctorID, "details": "",
	})
	return r, nil
}

// sent is a line without what the server works out.
func sent(i Item) map[string]any {
	line := map[string]any{"description": i.Description, "quantity": i.Quantity, "unitPrice": i.UnitPrice}
	if i.TaxRate != "" {
		line["taxRate"] = i.TaxRate
	}
	if i.Discount != "" {
		line["discount"] = i.Discount
	}
	return line
}

func sendable(items []Item) (lines []any) {
	for _, i := range items {
		lines = append(lines, sent(i))
	}
	return lines
}
