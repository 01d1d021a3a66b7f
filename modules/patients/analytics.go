package patients

import a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"

// warehouse is what of the register leaves the building: nothing that says who it is.
var warehouse = a.Table{
	Collection: "patients", Name: "patients", Patients: true, Withheld: "restrictedAt",
	Doc: "The patient register, without names and contacts, and without patients whose data's use is restricted.",
	Columns: []a.Column{
		{Name: "birth_year", Field: "dateOfBirth", Kind: a.Integer, Year: true, Doc: "Year of birth, if it is known."},
		{Name: "born_on", Field: "dateOfBirth", Kind: a.Day, Open: true, Partial: true, Doc: "Day of birth, if it is known and the clinic ships no pseudonyms."},
		{Name: "age", Field: "age", Kind: a.Integer, Doc: "Age in completed years when the row was last saved, if no date of birth is known."},
		{Name: "gender", Field: "gender", Kind: a.Text, Doc: "Gender as the clinic notes it."},
		{Name: "registered_on", Field: "registeredOn", Kind: a.Day, Doc: "The clinic's day on which the patient came onto the register."},
		{Name: "assigned_doctor_id", Field: "assignedDoctorId", Kind: a.Text, Doc: "The doctor in charge, see doctors."},
		{Name: "deleted_at", Field: "deletedAt", Kind: a.Time, Doc: "When the patient was taken off the register."},
		{Name: "created", Field: "created", Kind: a.Time, Doc: "When the row was made."},
		{Name: "updated", Field: "updated", Kind: a.Time, Doc: "When the row was last changed."},
	},
}
