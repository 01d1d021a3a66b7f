package reportsapi

import "strconv"

// PatientSummary is the answer of GET /api/reports/patient-summary. All days are the
// clinic's, from and to included.
type PatientSummary struct {
	From           string           `json:"from"`
	To             string           `json:"to"`
	TotalPatients  int              `json:"totalPatients" doc:"on the register: registered up to to and not deleted"`
	NewPatients    int              `json:"newPatients" doc:"those of them who were registered within the range"`
	ActivePatients int              `json:"activePatients" doc:"patients with at least one appointment within the range that was not cancelled"`
	Visits         Visits           `json:"visits"`
	ByMonth        []PatientMonth   `json:"byMonth" doc:"every month that the range touches, those without figures too"`
	ByGender       []GenderCount    `json:"byGender" doc:"of totalPatients"`
	ByAgeGroup     []AgeGroupCount  `json:"byAgeGroup" doc:"of totalPatients, by the age on the last day"`
	ByDoctor       []DoctorVisits   `json:"byDoctor" doc:"everybody with an appointment in the range, the busiest first"`
	VisitFrequency []FrequencyCount `json:"visitFrequency" doc:"activePatients by how many visits that were not cancelled they had"`
	GeneratedAt    string           `json:"generatedAt"`
	Source         string           `json:"source" doc:"local or postgres"`
}

// Visits counts appointments by their date.
type Visits struct {
	Total      int     `json:"total" doc:"all appointments dated within the range, whatever their status: byMonth and byDoctor add up to it"`
	Completed  int     `json:"completed"`
	Cancelled  int     `json:"cancelled"`
	NoShow     int     `json:"noShow"`
	PerPatient float64 `json:"perPatient" doc:"(total - cancelled) / activePatients: cancelled ones count for no patient, no-shows do; rounded half up to two decimals; 0 without patients"`
}

// PatientMonth is one month of the patient summary; of a month that the range touches in part,
// the part.
type PatientMonth struct {
	Month       string `json:"month" doc:"YYYY-MM"`
	NewPatients int    `json:"newPatients"`
	Visits      int    `json:"visits" doc:"as in visits.total"`
	Cancelled   int    `json:"cancelled"`
	Patients    int    `json:"patients" doc:"with at least one appointment in the month that was not cancelled"`
}

// Sheet lays the report out for CSV.
func (s *PatientSummary) Sheet() Sheet {
	out := Sheet{Range: Range{From: s.From, To: s.To}, Figures: []string{
		"patients", "newPatients", "visits", "completed", "cancelled", "noShow", "perPatient", "totalPatients", "activePatients", "generatedAt",
	}}
	v := s.Visits
	out.Total("", s.NewPatients, v.Total, v.Completed, v.Cancelled, v.NoShow, strconv.FormatFloat(v.PerPatient, 'f', 2, 64), s.TotalPatients, s.ActivePatients, s.GeneratedAt)
	for _, m := range s.ByMonth {
		out.Add("byMonth", m.Month, "", m.Patients, m.NewPatients, m.Visits, "", m.Cancelled)
	}
	for _, g := range s.ByGender {
		out.Add("byGender", g.Gender, "", g.Patients)
	}
	for _, g := range s.ByAgeGroup {
		out.Add("byAgeGroup", g.Group, "", g.Patients)
	}
	for _, d := range s.ByDoctor {
		out.Add("byDoctor", d.DoctorID, d.Name, d.Patients, "", d.Visits, "", d.Cancelled)
	}
	for _, f := range s.VisitFrequency {
		out.Add("visitFrequency", f.Visits, "", f.Patients)
	}
	return out
}
