package billing

import (
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// invoiceImport makes an invoice of a Claim: what was asked for, at the day it was.
var invoiceImport = fhirapi.Importer{
	Collection: billingapi.Invoices, Types: []string{"Claim"}, After: []string{"doctors", "patients", "appointments"},
	Place: placeClaim, Map: toInvoice,
}

// paymentImport makes a payment of an ExplanationOfBenefit: what the insurer paid of a
// claim. What it left to the patient stays the invoice's balance.
var paymentImport = fhirapi.Importer{
	Collection: billingapi.Payments, Types: []string{"ExplanationOfBenefit"}, After: []string{billingapi.Invoices},
	Place: placeBenefit, Map: toPayment,
}

// notOwed are the statuses of bills that nobody is to pay.
var notOwed = []string{"cancelled", "draft", "entered-in-error"}

func placeClaim(in fhirapi.Resource) (fhirapi.Place, error) {
	c, err := fhirapi.Decode[fhirapi.Claim](in)
	if err != nil {
		return fhirapi.Place{}, err
	}
	return placeBill(c.Use, c.Status, c.Patient, claimDay(c))
}

func placeBenefit(in fhirapi.Resource) (fhirapi.Place, error) {
	b, err := fhirapi.Decode[fhirapi.ExplanationOfBenefit](in)
	if err != nil {
		return fhirapi.Place{}, err
	}
	if fhirapi.KeyOf(b.Claim, "Claim") == "" {
		return fhirapi.Place{}, fhirapi.Skip("names no claim")
	}
	return placeBill(b.Use, b.Status, b.Patient, benefitDay(b))
}

func placeBill(use, status string, patient *fhirapi.Reference, at fhirapi.DateTime) (fhirapi.Place, error) {
	if use != "" && use != "claim" {
		return fhirapi.Place{}, fhirapi.Skip("only asks what would be paid")
	}
	if slices.Contains(notOwed, status) {
		return fhirapi.Place{}, fhirapi.Skip("is " + status)
	}
	key := fhirapi.KeyOf(patient, "Patient")
	if key == "" {
		return fhirapi.Place{}, fhirapi.Refuse("patient", "is missing")
	}
	return fhirapi.Place{Patient: key, Day: fhirapi.CivilDay(at)}, nil
}

func claimDay(c fhirapi.Claim) fhirapi.DateTime {
	return fhirapi.First(c.Created, c.BillablePeriod.End, c.BillablePeriod.Start)
}

func benefitDay(b fhirapi.ExplanationOfBenefit) fhirapi.DateTime {
	if b.Payment != nil && b.Payment.Date != "" {
		return b.Payment.Date
	}
	return fhirapi.First(b.Created, b.BillablePeriod.End, b.BillablePeriod.Start)
}

func toInvoice(tx core.App, in *fhirapi.Set) (map[string]any, error) {
	c, err := fhirapi.Decode[fhirapi.Claim](in.Root)
	if err != nil {
		return nil, err
	}
	minor, err := claimed(c, in.Clinic.Currency)
	if err != nil {
		return nil, err
	}
	at, err := claimDay(c).Parse(in.Clinic.TimeZone)
	if err != nil {
		return nil, fhirapi.Refuse("created", err.Error())
	}
	fields := map[string]any{
		"patientId": in.PatientID, "amount": clinicapi.Major(minor, in.Clinic.Currency),
		"issuedAt": at.Time.UTC(), "details": detailsOf(c),
	}
	for _, item := range c.Item {
		for _, ref := range item.Encounter {
			found, err := in.Find(ref.Key("Encounter"))
			if err != nil {
				return nil, err
			}
			id := found.In("appointments")
			if id == "" || fields["appointmentId"] != nil {
				continue
			}
			visit, err := tx.FindRecordById("appointments", id)
			if err != nil {
				return nil, err
			}
			fields["appointmentId"], fields["doctorId"] = id, visit.GetString("doctorId")
		}
	}
	return fields, nil
}

// claimed returns what a claim comes to in minor units of the currency: its total, else
// the sum of its items.
func claimed(c fhirapi.Claim, currency string) (int64, error) {
	if c.Total != nil && c.Total.Value != "" {
		return minorOf(*c.Total, currency, "total")
	}
	var sum int64
	known := false
	for _, item := range c.Item {
		if item.Net == nil {
			continue
		}
		minor, err := minorOf(*item.Net, currency, "item.net")
		if err != nil {
			return 0, err
		}
		if known, sum = true, sum+minor; sum > maxAmountMinor {
			return 0, fhirapi.Refuse("item.net", "is more than an invoice can hold")
		}
	}
	if !known {
		return 0, fhirapi.Refuse("total", "is missing")
	}
	return sum, nil
}

func minorOf(m fhirapi.Money, currency, field string) (int64, error) {
	if m.Currency != "" && m.Currency != currency {
		return 0, fhirapi.Refuse(field, "is not in the clinic's currency")
	}
	minor, err := m.Minor(clinicapi.Decimals(currency))
	if err != nil {
		return 0, fhirapi.Refuse(field, err.Error())
	}
	if minor < 0 || minor > maxAmountMinor {
		return 0, fhirapi.Refuse(field, "is less than nothing, or more than an invoice can hold")
	}
	return minor, nil
}

// detailsOf returns what is billed, a line each.
func detailsOf(c fhirapi.Claim) string {
	var lines []string
	for _, item := range c.Item {
		if line := item.ProductOrService.Text(); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return fhirapi.Cut(strings.Join(lines, "\n"), 5000)
}

func toPayment(tx core.App, in *fhirapi.Set) (map[string]any, error) {
	b, err := fhirapi.Decode[fhirapi.ExplanationOfBenefit](in.Root)
	if err != nil {
		return nil, err
	}
	found, err := in.Find(fhirapi.KeyOf(b.Claim, "Claim"))
	if err != nil {
		return nil, err
	}
	invoice := found.In(billingapi.Invoices)
	switch {
	case !found.Known:
		return nil, fhirapi.Missing("claim", "is in none of the files")
	case invoice == "":
		return nil, fhirapi.Refuse("claim", "did not become an invoice")
	case b.Payment == nil || b.Payment.Amount == nil || b.Payment.Amount.Value == "":
		return nil, fhirapi.Skip("paid nothing")
	}
	billed, err := tx.FindRecordById(billingapi.Invoices, invoice)
	if err != nil {
		return nil, err
	}
	if billed.GetString("patientId") != in.PatientID {
		return nil, fhirapi.Refuse("patient", "is not the patient of its claim")
	}
	minor, err := minorOf(*b.Payment.Amount, billed.GetString("currency"), "payment.amount")
	if err != nil {
		return nil, err
	}
	if minor == 0 {
		return nil, fhirapi.Skip("paid nothing")
	}
	at, err := benefitDay(b).Parse(in.Clinic.TimeZone)
	if err != nil {
		return nil, fhirapi.Refuse("payment.date", err.Error())
	}
	return map[string]any{
		"invoiceId": invoice, "kind": billingapi.Payment, "method": "insurance", "reference": payer(b),
		"amount": clinicapi.Major(minor, billed.GetString("currency")), "paidAt": at.Time.UTC(),
	}, nil
}

// payer returns the number of the payment, else who paid it.
func payer(b fhirapi.ExplanationOfBenefit) string {
	if id := b.Payment.Identifier; id != nil && id.Value != "" {
		return fhirapi.Cut(id.Value, 200)
	}
	if b.Insurer != nil {
		return fhirapi.Cut(b.Insurer.Display, 200)
	}
	return ""
}
