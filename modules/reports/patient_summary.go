package reports

import (
	"fmt"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

var patientReport = reportsapi.New("patient-summary", "Count patients and visits", kernel.Allow(authapi.Admin.Always()), patientSummary)

// patientSummary puts the report together. A build without a diary has no visits.
func patientSummary(c *reportsapi.Call) (*reportsapi.PatientSummary, error) {
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
	out := &reportsapi.PatientSummary{
		From: c.From, To: c.To, GeneratedAt: c.GeneratedAt(), Source: reportsapi.Local,
		TotalPatients: patients.Total, NewPatients: patients.New, ActivePatients: visits.Active,
		Visits: reportsapi.Visits{
			Total: visits.Total, Completed: visits.Completed, Cancelled: visits.Cancelled, NoShow: visits.NoShow,
			PerPatient: reportsapi.Ratio(int64(visits.Total-visits.Cancelled), int64(visits.Active), 2),
		},
		ByMonth: []reportsapi.PatientMonth{}, ByGender: orEmpty(patients.ByGender), ByAgeGroup: orEmpty(patients.ByAgeGroups),
		ByDoctor: orEmpty(visits.ByDoctor), VisitFrequency: orEmpty(visits.Frequency),
	}
	for _, m := range c.Months() {
		v := visits.ByMonth[m]
		out.ByMonth = append(out.ByMonth, reportsapi.PatientMonth{
			Month: m, NewPatients: patients.NewByMonth[m], Visits: v.Visits, Cancelled: v.Cancelled, Patients: v.Patients,
		})
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
