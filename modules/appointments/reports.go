package appointments

import (
	"cmp"
	"fmt"
	"maps"
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
	who, err := countPatients(c)
	if err != nil {
		return out, fmt.Errorf("count patients of the diary: %w", err)
	}
	out.Active, out.Frequency = who.active, who.frequency
	for month, n := range who.byMonth {
		m := out.ByMonth[month]
		m.Patients = n
		out.ByMonth[month] = m
	}
	for id, d := range doctors {
		d.DoctorID, d.Patients = id, who.byDoctor[id]
		out.ByDoctor = append(out.ByDoctor, d)
	}
	return out, nameDoctors(c.DB, out.ByDoctor)
}

// addSums adds up the appointments by month and returns them by doctor.
func addSums(c *reportsapi.Call, out *reportsapi.VisitNumbers) (map[string]reportsapi.DoctorVisits, error) {
	err := c.EachSum("visit_sums", "", "doctorId", []string{"total", "completed", "cancelled", "noShow"}, func(month, _ string, sign int64, n []int64) {
		out.Total += int(sign * n[0])
		out.Completed += int(sign * n[1])
		out.Cancelled += int(sign * n[2])
		out.NoShow += int(sign * n[3])
		m := out.ByMonth[month]
		m.Visits += int(sign * n[0])
		m.Cancelled += int(sign * n[2])
		out.ByMonth[month] = m
	})
	if err != nil {
		return nil, err
	}
	doctors := map[string]reportsapi.DoctorVisits{}
	err = c.EachSum("visit_sums", " by", "doctorId", []string{"total", "cancelled"}, func(_, doctor string, sign int64, n []int64) {
		d := doctors[doctor]
		d.Visits += int(sign * n[0])
		d.Cancelled += int(sign * n[1])
		doctors[doctor] = d
	})
	maps.DeleteFunc(doctors, func(_ string, d reportsapi.DoctorVisits) bool { return d.Visits == 0 })
	return doctors, err
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
