package appointments

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// facts counts the diary for the patient summary.
type facts struct{}

var _ reportsapi.VisitFacts = facts{}

// Visits counts the appointments dated within the range.
func (facts) Visits(c *reportsapi.Call) (out reportsapi.VisitNumbers, err error) {
	out.ByMonth = map[string]reportsapi.MonthVisits{}
	doctors, err := addSums(c, &out)
	if err != nil {
		return out, fmt.Errorf("sums of the diary: %w", err)
	}
	who, err := countPatients(c, &out)
	if err != nil {
		return out, fmt.Errorf("count patients of the diary: %w", err)
	}
	for id, d := range doctors {
		d.DoctorID, d.Patients = id, who[id]
		out.ByDoctor = append(out.ByDoctor, d)
	}
	return out, nameDoctors(c.DB, out.ByDoctor)
}

// addSums adds up the appointments by month and returns them by doctor.
func addSums(c *reportsapi.Call, out *reportsapi.VisitNumbers) (map[string]reportsapi.DoctorVisits, error) {
	rows, err := c.DB.NewQuery(reportsapi.SpansTable + `
		SELECT substr(period, 1, 7), '', sum(sign * total), sum(sign * completed), sum(sign * cancelled), sum(sign * noShow)
		FROM spans CROSS JOIN visit_sums s ON s.unit = spans.unit AND period BETWEEN first AND last GROUP BY 1
		UNION ALL
		SELECT '', doctorId, sum(sign * total), 0, sum(sign * cancelled), 0
		FROM spans CROSS JOIN visit_sums s ON s.unit = spans.unit || ' by' AND period BETWEEN first AND last GROUP BY 2`).
		Bind(dbx.Params{"spans": c.SpansParam()}).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	doctors := map[string]reportsapi.DoctorVisits{}
	for rows.Next() {
		var month, doctor string
		var total, completed, cancelled, noShow int
		if err := rows.Scan(&month, &doctor, &total, &completed, &cancelled, &noShow); err != nil {
			return nil, err
		}
		if month == "" {
			if total > 0 {
				doctors[doctor] = reportsapi.DoctorVisits{Visits: total, Cancelled: cancelled}
			}
			continue
		}
		out.Total += total
		out.Completed += completed
		out.Cancelled += cancelled
		out.NoShow += noShow
		out.ByMonth[month] = reportsapi.MonthVisits{Visits: total, Cancelled: cancelled}
	}
	return doctors, rows.Err()
}

// nameDoctors adds the doctors' names and puts the busiest first.
func nameDoctors(db dbx.Builder, doctors []reportsapi.DoctorVisits) error {
	ids := make([]string, len(doctors))
	for i, d := range doctors {
		ids[i] = d.DoctorID
	}
	names, err := staffapi.DoctorNames(db, ids)
	if err != nil {
		return err
	}
	for i := range doctors {
		doctors[i].Name = names[doctors[i].DoctorID]
	}
	slices.SortFunc(doctors, func(a, b reportsapi.DoctorVisits) int {
		return cmp.Or(cmp.Compare(b.Visits, a.Visits), cmp.Compare(a.Name, b.Name), cmp.Compare(a.DoctorID, b.DoctorID))
	})
	return nil
}
