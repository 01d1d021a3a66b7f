package appointments

import (
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// personal says what of a patient is here, for exports and erasures.
var personal = []any{
	privacyapi.Part{
		Collection: "appointments", Doc: "appointments", Where: "patientId = {:patient}", Since: "appointmentDate",
		Text: []string{"reason", "cancelReason"}, Erase: map[string]string{"sourceId": "''"},
	},
}
