package reports

import (
	"fmt"
	"strconv"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// PatientSummary is the answer of GET /api/reports/patient-summary. All days are the
// clinic's, from and to included.
type PatientSummary struct {
	From           string                      `json:"from"`
	To             string                      `json:"to"`
	TotalPatients  int                         `json:"totalPatients" doc:"on the register: registered up to to and not deleted"`
	NewPatients    int                         `json:"newPatients" doc:"those of them who were registered within the range"`
	ActivePatients int                         `json:"activePatients" doc:"patients with at least one appointment within the range that was not cancelled"`
	Visits         Visits                      `json:"visits"`
	ByMonth        []Month                     `json:"byMonth" doc:"every month that the range touches, those without figures too"`
	ByGender       []reportsapi.GenderCount    `json:"byGender" doc:"of totalPatients"`
	ByAgeGroup     []reportsapi.AgeGroupCount  `json:"byAgeGroup" doc:"of totalPatients, by the age on the last day"`
	ByDoctor       []reportsapi.DoctorVisits   `json:"byDoctor" doc:"visits as in visits.total, patients as in activePatients"`
	VisitFrequency []reportsapi.FrequencyCount `json:"visitFrequency" doc:"activePatients by how many visits that were not cancelled they had"`
	GeneratedAt    string                      `json:"generatedAt"`
}

// Visits counts appointments by their date.
type Visits struct {
	Total      int     `json:"total" doc:"all appointments dated within the range, whatever their status"`
	Completed  int     `json:"completed"`
	Cancelled  int     `json:"cancelled"`
	NoShow     int     `json:"noShow"`
	PerPatient float64 `json:"perPatient" doc:"(total - cancelled) / activePatients, rounded to two decimals; 0 without patients"`
}

// Month is one month of the patient summary; of a month that the range touches in part,
// the part.
type Month struct {
	Month       string `json:"month" doc:"YYYY-MM"`
	NewPatients int    `json:"newPatients"`
	Visits      int    `json:"visits" doc:"as in visits.total"`
	Patients    int    `json:"patients" doc:"with at least one appointment in the month that was not cancelled"`
}

// patientSummary puts the report together. A build without a diary has no visits.
func patientSummary(c *reportsapi.Call) (*PatientSummary, error) {
	register, err := kernel.One[reportsapi.PatientFacts](c.K)
	if err != nil {
		return nil, err
	}
	patients, err := register.Patients(c)
	if err != nil {
		return nil, fmt.Errorf("patients: %w", err)
	}
	var visits reportsapi.VisitNumbers
	for _, diary := range kernel.All[reportsapi.VisitFacts](c.K) {
		if visits, err = diary.Visits(c); err != nil {
			return nil, fmt.Errorf("visits: %w", err)
		}
	}
	out := &PatientSummary{
		From: c.From, To: c.To, GeneratedAt: c.GeneratedAt(),
		TotalPatients: patients.Total, NewPatients: patients.New, ActivePatients: visits.Active,
		Visits: Visits{
			Total: visits.Total, Completed: visits.Completed, Cancelled: visits.Cancelled, NoShow: visits.NoShow,
			PerPatient: ratio(visits.Total-visits.Cancelled, visits.Active),
		},
		ByMonth: []Month{}, ByGender: orEmpty(patients.ByGender), ByAgeGroup: orEmpty(patients.ByAgeGroups),
		ByDoctor: orEmpty(visits.ByDoctor), VisitFrequency: orEmpty(visits.Frequency),
	}
	for _, m := range c.Months() {
		v := visits.ByMonth[m]
		out.ByMonth = append(out.ByMonth, Month{m, patients.NewByMonth[m], v.Visits, v.Patients})
	}
	return out, nil
}

// orEmpty makes a list without elements [] in JSON, not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// ratio returns a/b rounded half up to two decimals, 0 when b is. a is not negative.
func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64((200*a+b)/(2*b)) / 100
}

// Sheet lays the report out for CSV.
func (s *PatientSummary) Sheet() reportsapi.Sheet {
	out := reportsapi.Sheet{Range: reportsapi.Range{From: s.From, To: s.To}, Figures: []string{
		"patients", "newPatients", "visits", "completed", "cancelled", "noShow", "perPatient", "totalPatients", "activePatients", "generatedAt",
	}}
	v := s.Visits
	out.Total("", s.NewPatients, v.Total, v.Completed, v.Cancelled, v.NoShow, strconv.FormatFloat(v.PerPatient, 'f', 2, 64), s.TotalPatients, s.ActivePatients, s.GeneratedAt)
	for _, m := range s.ByMonth {
		out.Add("byMonth", m.Month, "", m.Patients, m.NewPatients, m.Visits)
	}
	for _, g := range s.ByGender {
		out.Add("byGender", g.Gender, "", g.Patients)
	}
	for _, g := range s.ByAgeGroup {
		out.Add("byAgeGroup", g.Group, "", g.Patients)
	}
	for _, d := range s.ByDoctor {
		out.Add("byDoctor", d.DoctorID, d.Name, d.Patients, "", d.Visits)
	}
	for _, f := range s.VisitFrequency {
		out.Add("visitFrequency", f.Visits, "", f.Patients)
	}
	return out
}
