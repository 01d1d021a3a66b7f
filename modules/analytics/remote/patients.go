package remote

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

const (
	onRegister = `FROM polyclinic.patients WHERE site_id = $1 AND deleted_at IS NULL`
	inDiary    = `FROM polyclinic.appointments WHERE site_id = $1 AND appointment_date BETWEEN $2::date AND $3::date`
	came       = `coalesce(status, '') <> 'cancelled'`

	// Whoever is known by the year alone is taken to have had their birthday.
	ageSQL = `extract(year FROM $2::date)::int - birth_year - CASE WHEN born_on > $2::date THEN 1000 ` +
		`WHEN to_char(born_on, 'MM-DD') > to_char($2::date, 'MM-DD') THEN 1 ELSE 0 END`
	registerSQL = `SELECT coalesce(gender, ''), coalesce((` + ageSQL + `)::text, ''), count(*) ` + onRegister +
		` AND (registered_on IS NULL OR registered_on <= $2::date) GROUP BY 1, 2`
	newSQL = `SELECT to_char(registered_on, 'YYYY-MM'), count(*) ` + onRegister + ` AND registered_on BETWEEN $2::date AND $3::date GROUP BY 1`

	visitMonthsSQL = `SELECT to_char(appointment_date, 'YYYY-MM'), count(*), count(*) FILTER (WHERE status = 'completed'), ` +
		`count(*) FILTER (WHERE status = 'cancelled'), count(*) FILTER (WHERE status = 'no-show'), ` +
		`count(DISTINCT coalesce(patient_id, '')) FILTER (WHERE ` + came + `) ` + inDiary + ` GROUP BY 1`
	visitDoctorsSQL = `SELECT coalesce(doctor_id, ''), count(*), count(*) FILTER (WHERE status = 'cancelled'), ` +
		`count(DISTINCT coalesce(patient_id, '')) FILTER (WHERE ` + came + `) ` + inDiary + ` GROUP BY 1`
	frequencySQL = `SELECT visits, count(*) FROM (SELECT coalesce(patient_id, ''), count(*) AS visits ` + inDiary + ` AND ` + came + ` GROUP BY 1) v GROUP BY 1`
)

// patientSummary is as the clinic's own, with two exceptions: patients whose data's use is
// restricted are not in the warehouse, and where ids are pseudonyms only the year of a birth
// is, so that everybody is taken to have had their birthday.
func patientSummary(c *reportsapi.Call, read ask) (any, error) {
	days := []string{c.From, c.To}
	a, err := read(warehouse.Query{SQL: registerSQL, Args: days[1:]}, warehouse.Query{SQL: newSQL, Args: days},
		warehouse.Query{SQL: visitMonthsSQL, Args: days}, warehouse.Query{SQL: visitDoctorsSQL, Args: days},
		warehouse.Query{SQL: frequencySQL, Args: days}, warehouse.Query{SQL: namesSQL})
	if err != nil {
		return nil, err
	}
	out := &reportsapi.PatientSummary{
		From: c.From, To: c.To, GeneratedAt: c.GeneratedAt(), Source: reportsapi.Postgres,
		ByMonth: []reportsapi.PatientMonth{}, ByGender: []reportsapi.GenderCount{}, ByDoctor: []reportsapi.DoctorVisits{},
	}
	fresh := map[string]int{}
	err = errors.Join(register(a[0], out), scan(a[1], 1, 1, func(t []string, n []int64) {
		fresh[t[0]] = int(n[0])
		out.NewPatients += int(n[0])
	}))
	if err == nil {
		err = visits(a[2:], out, fresh, c.Months())
	}
	out.Visits.PerPatient = reportsapi.Ratio(int64(out.Visits.Total-out.Visits.Cancelled), int64(out.ActivePatients), 2)
	return out, err
}

// register counts who is on it, by gender and age.
func register(a warehouse.Answer, out *reportsapi.PatientSummary) error {
	genders, groups := map[string]int{}, make([]int, len(reportsapi.AgeGroups)+1)
	err := scan(a, 2, 1, func(t []string, n []int64) {
		gender := strings.ToLower(strings.TrimSpace(t[0]))
		if gender == "" {
			gender = reportsapi.Unknown
		}
		out.TotalPatients += int(n[0])
		genders[gender] += int(n[0])
		groups[ageGroup(t[1])] += int(n[0])
	})
	for gender, n := range genders {
		out.ByGender = append(out.ByGender, reportsapi.GenderCount{Gender: gender, Patients: n})
	}
	slices.SortFunc(out.ByGender, func(a, b reportsapi.GenderCount) int {
		return cmp.Or(cmp.Compare(b.Patients, a.Patients), cmp.Compare(a.Gender, b.Gender))
	})
	for i, g := range reportsapi.AgeGroups {
		out.ByAgeGroup = append(out.ByAgeGroup, reportsapi.AgeGroupCount{Group: g.Group, Patients: groups[i]})
	}
	out.ByAgeGroup = append(out.ByAgeGroup, reportsapi.AgeGroupCount{Group: reportsapi.Unknown, Patients: groups[len(groups)-1]})
	return err
}

// ageGroup returns the place in AgeGroups of an age in years; behind the last when it is not
// known or below 0.
func ageGroup(age string) int {
	years, err := strconv.Atoi(age)
	if err != nil || years < 0 {
		return len(reportsapi.AgeGroups)
	}
	i := len(reportsapi.AgeGroups) - 1
	for years < reportsapi.AgeGroups[i].Youngest {
		i--
	}
	return i
}

// visits fills in who came: answers are by month, by doctor, by frequency and the names.
func visits(a []warehouse.Answer, out *reportsapi.PatientSummary, fresh map[string]int, months []string) error {
	byMonth := map[string]reportsapi.PatientMonth{}
	err := scan(a[0], 1, 5, func(t []string, n []int64) {
		byMonth[t[0]] = reportsapi.PatientMonth{Visits: int(n[0]), Cancelled: int(n[2]), Patients: int(n[4])}
		v := &out.Visits
		v.Total, v.Completed, v.Cancelled, v.NoShow = v.Total+int(n[0]), v.Completed+int(n[1]), v.Cancelled+int(n[2]), v.NoShow+int(n[3])
	})
	for _, m := range months {
		row := byMonth[m]
		row.Month, row.NewPatients = m, fresh[m]
		out.ByMonth = append(out.ByMonth, row)
	}
	names, nameErr := namesOf(a[3])
	err = errors.Join(err, nameErr, scan(a[1], 1, 3, func(t []string, n []int64) {
		out.ByDoctor = append(out.ByDoctor, reportsapi.DoctorVisits{DoctorID: t[0], Name: names[t[0]], Visits: int(n[0]), Cancelled: int(n[1]), Patients: int(n[2])})
	}))
	slices.SortFunc(out.ByDoctor, func(a, b reportsapi.DoctorVisits) int {
		return cmp.Or(cmp.Compare(b.Visits, a.Visits), cmp.Compare(a.Name, b.Name), cmp.Compare(a.DoctorID, b.DoctorID))
	})
	for _, f := range reportsapi.Frequencies {
		out.VisitFrequency = append(out.VisitFrequency, reportsapi.FrequencyCount{Visits: f.Visits})
	}
	return errors.Join(err, scan(a[2], 0, 2, func(_ []string, n []int64) {
		i := len(reportsapi.Frequencies) - 1
		for int(n[0]) < reportsapi.Frequencies[i].Fewest {
			i--
		}
		out.VisitFrequency[i].Patients += int(n[1])
		out.ActivePatients += int(n[1])
	}))
}
