package appointments

import a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"

// warehouse is what of the diary leaves the building: not why somebody comes.
var warehouse = a.Table{
	Collection: "appointments", Name: "appointments", Doc: "The diary: one row per appointment, cancelled ones too.",
	Columns: []a.Column{
		{Name: "patient_id", Field: "patientId", Kind: a.Text, Patient: true, Doc: "Whose appointment it is, see patients."},
		{Name: "doctor_id", Field: "doctorId", Kind: a.Text, Doc: "With whom, see doctors."},
		{Name: "appointment_date", Field: "appointmentDate", Kind: a.Day, Doc: "The clinic's day."},
		{Name: "time_slot", Field: "timeSlot", Kind: a.Text, Doc: "HH:MM-HH:MM in the clinic's time."},
		{Name: "start_minute", Field: "startMinute", Kind: a.Integer, Doc: "Begin of the slot in minutes of the day."},
		{Name: "end_minute", Field: "endMinute", Kind: a.Integer, Doc: "End of the slot in minutes of the day."},
		{Name: "status", Field: "status", Kind: a.Text, Doc: "scheduled, checked-in, in-progress, completed, cancelled or no-show."},
		{Name: "starts_at", Field: "startsAt", Kind: a.Time, Doc: "The instant at which the slot begins."},
		{Name: "checked_in_at", Field: "checkedInAt", Kind: a.Time, Doc: "When the patient arrived."},
		{Name: "started_at", Field: "startedAt", Kind: a.Time, Doc: "When the doctor began."},
		{Name: "completed_at", Field: "completedAt", Kind: a.Time, Doc: "When the visit ended."},
		{Name: "imported", Field: "sourceId", Kind: a.Bool, Present: true, Doc: "The row came from another system, and created says when."},
		{Name: "created", Field: "created", Kind: a.Time, Doc: "When the row was made."},
		{Name: "updated", Field: "updated", Kind: a.Time, Doc: "When the row was last changed."},
	},
}
