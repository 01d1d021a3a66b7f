package records

import a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"

// warehouse is what of the medical records leaves the building: codes, and no text that a
// person wrote.
var warehouse = a.Table{
	Collection: "medical_records", Name: "medical_records", Doc: "Medical records: their codes, without any text.",
	Columns: []a.Column{
		{Name: "patient_id", Field: "patientId", Kind: a.Text, Patient: true, Doc: "Whose record it is, see patients."},
		{Name: "appointment_id", Field: "appointmentId", Kind: a.Text, Doc: "The visit it was written at, see appointments."},
		{Name: "doctor_id", Field: "doctorId", Kind: a.Text, Doc: "The doctor who answers for it, see doctors."},
		{Name: "codes", Field: "codes", Kind: a.JSON, Keys: []string{"system", "code"}, Doc: "List of {system, code}, such as ICD-10."},
		{Name: "recorded_at", Field: "recordedAt", Kind: a.Time, Doc: "When it was found."},
		{Name: "version", Field: "version", Kind: a.Integer, Doc: "How often it was written, from 1."},
		{Name: "status", Field: "status", Kind: a.Text, Doc: "active or entered-in-error."},
		{Name: "created", Field: "created", Kind: a.Time, Doc: "When the row was made."},
		{Name: "updated", Field: "updated", Kind: a.Time, Doc: "When the row was last changed."},
	},
}
