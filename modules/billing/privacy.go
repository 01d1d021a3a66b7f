package billing

import (
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// personal says what of a patient is here, for exports and erasures.
var personal = []any{
	privacyapi.Part{
		Collection: "invoices", Doc: "invoices", Where: "patientId = {:patient}", Since: "COALESCE(NULLIF(issuedOn, ''), created)",
		Text: []string{"details", "items", "voidReason"}, Erase: map[string]string{"sourceId": "''"},
	},
	privacyapi.Part{
		Collection: "payments", Doc: "payments and refunds", Since: "paidOn",
		Where: "invoiceId IN (SELECT id FROM invoices WHERE patientId = {:patient})", Text: []string{"reference", "reason"}, Erase: map[string]string{"sourceId": "''"},
	},
}
