package records

import (
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// personal says what of a patient is here, for exports and erasures.
var personal = []any{
	privacyapi.Part{
		Collection: "medical_records", Doc: "medical records", Where: "patientId = {:patient}", Since: "recordedAt",
		Text:  []string{"diagnosis", "treatment", "prescriptions", "notes", "codes", "enteredInErrorReason"},
		Files: []string{"attachments"}, Erase: map[string]string{"sourceId": "''", attachmentNames: "'{}'"},
	},
	privacyapi.Part{
		Collection: "medical_record_versions", Doc: "earlier versions of medical records", Since: "created",
		Where: "recordId IN (SELECT id FROM medical_records WHERE patientId = {:patient})", Text: []string{"content"},
	},
}

// authors keeps the accounts of those who wrote what is in earlier versions only.
var authors = authapi.Named{
	Collection: "medical_record_versions",
	Where:      "json_extract(content, '$.authorId') = {:account} OR json_extract(content, '$.changedById') = {:account}",
}
