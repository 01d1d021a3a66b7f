package patients

import (
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// personal says what of a patient is here, for exports and erasures.
var personal = []any{
	privacyapi.Part{
		Collection: "patients", Doc: "the register", Where: "id = {:patient}", Text: []string{"allergies", "notes"},
		Erase: map[string]string{
			"name": "{:pseudonym}", "mrn": "{:number}", "dateOfBirth": "substr(dateOfBirth, 1, 4)", "contact": "''", "email": "''",
			"address": "''", "emergencyContact": "''", "userId": "''", "sourceId": "''",
		},
	},
	privacyapi.Part{Collection: "care", Doc: "who cares for the patient", Where: "patientId = {:patient}"},
}
