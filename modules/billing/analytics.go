package billing

import a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"

// warehouse is what of the books leaves the building: amounts, and of an invoice's lines
// the numbers without their text, which may name a treatment.
var warehouse = []a.Table{
	{
		Collection: "invoices", Name: "invoices", Doc: "Invoices, drafts and void ones too. Amounts are in minor units of currency.",
		Columns: []a.Column{
			{Name: "patient_id", Field: "patientId", Kind: a.Text, Patient: true, Doc: "Who is billed, see patients."},
			{Name: "appointment_id", Field: "appointmentId", Kind: a.Text, Doc: "The visit that is billed, see appointments."},
			{Name: "doctor_id", Field: "doctorId", Kind: a.Text, Doc: "Whose work is billed, see doctors."},
			{Name: "invoice_number", Field: "invoiceNumber", Kind: a.Text, Doc: "The number, empty for a draft."},
			{Name: "status", Field: "status", Kind: a.Text, Doc: "draft, unpaid, partial, paid, void or refunded."},
			{Name: "currency", Field: "currency", Kind: a.Text, Doc: "ISO 4217 code."},
			{Name: "amount", Field: "amountMinor", Kind: a.Money, Doc: "What is billed."},
			{Name: "paid", Field: "paidMinor", Kind: a.Money, Doc: "What was paid, refunds not taken off."},
			{Name: "balance", Field: "balanceMinor", Kind: a.Money, Doc: "What is still owed."},
			{Name: "refunded", Field: "refundedMinor", Kind: a.Money, Doc: "What was paid back."},
			{Name: "items", Field: "items", Kind: a.JSON, Keys: []string{"quantity", "unitPrice", "taxRate", "discount", "total"}, Doc: "The lines: numbers in major units, without their text."},
			{Name: "issued_at", Field: "issuedAt", Kind: a.Time, Doc: "When it was issued."},
			{Name: "issued_on", Field: "issuedOn", Kind: a.Day, Doc: "The clinic's day of issue."},
			{Name: "due_on", Field: "dueOn", Kind: a.Day, Doc: "The day by which it is to be paid."},
			{Name: "voided_at", Field: "voidedAt", Kind: a.Time, Doc: "When it was declared void."},
			{Name: "created", Field: "created", Kind: a.Time, Doc: "When the row was made."},
			{Name: "updated", Field: "updated", Kind: a.Time, Doc: "When the row was last changed."},
		},
	},
	{
		Collection: "payments", Name: "payments", Doc: "The ledger: payments and refunds. Amounts are in minor units of the invoice's currency.",
		Columns: []a.Column{
			{Name: "invoice_id", Field: "invoiceId", Kind: a.Text, Doc: "What was paid, see invoices."},
			{Name: "kind", Field: "kind", Kind: a.Text, Doc: "payment or refund."},
			{Name: "amount", Field: "amountMinor", Kind: a.Money, Doc: "The amount, above 0 for both kinds."},
			{Name: "method", Field: "method", Kind: a.Text, Doc: "cash, card, transfer, insurance or other."},
			{Name: "paid_at", Field: "paidAt", Kind: a.Time, Doc: "When it was received."},
			{Name: "paid_on", Field: "paidOn", Kind: a.Day, Doc: "The clinic's day on which it was received."},
			{Name: "created", Field: "created", Kind: a.Time, Doc: "When the row was made."},
		},
	},
}
