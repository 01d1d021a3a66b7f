package patients

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// noteRegistered keeps the clinic's day on which a patient came onto the register. An
// import may set an earlier one.
func noteRegistered(tx core.App, r *core.Record) error {
	if r.GetString("registeredOn") != "" {
		return nil
	}
	s, err := clinicapi.Current(tx)
	if err != nil {
		return err
	}
	r.Set("registeredOn", s.Today(time.Now()))
	return nil
}

// facts counts the register for the patient summary.
type facts struct{}

var _ reportsapi.PatientFacts = facts{}

// Patients counts who is on the register on the range's last day.
func (facts) Patients(c *reportsapi.Call) (out reportsapi.PatientNumbers, err error) {
	out, err = reportsapi.Once(c, "register_sums", "", "9999-12-31", "genders and ages on "+c.To, func() (now reportsapi.PatientNumbers, bytes int, err error) {
		if err := addGenders(c, &now); err != nil {
			return now, 0, err
		}
		err = addAges(c, &now)
		return now, 32 * (len(now.ByGender) + len(now.ByAgeGroups)), err
	})
	if err == nil {
		out.NewByMonth = map[string]int{}
		err = addNew(c, &out)
	}
	if err != nil {
		return out, fmt.Errorf("sums of the register: %w", err)
	}
	return out, nil
}

// addGenders counts everybody. "Female" and "female " are the same.
func addGenders(c *reportsapi.Call, out *reportsapi.PatientNumbers) error {
	rows, err := c.DB.NewQuery(`SELECT gender, sum(patients) FROM (
			SELECT gender, patients FROM register_sums WHERE unit = 'month' AND period < {:month}
			UNION ALL SELECT gender, patients FROM register_sums WHERE unit = 'day' AND period BETWEEN {:month} AND {:to}) GROUP BY 1`).
		Bind(dbx.Params{"month": reportsapi.Month(c.To), "to": c.To}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	byGender := map[string]int{}
	for rows.Next() {
		var gender string
		var n int
		if err := rows.Scan(&gender, &n); err != nil {
			return err
		}
		if gender = strings.ToLower(strings.TrimSpace(gender)); gender == "" {
			gender = reportsapi.Unknown
		}
		byGender[gender] += n
		out.Total += n
	}
	for gender, n := range byGender {
		if n > 0 {
			out.ByGender = append(out.ByGender, reportsapi.GenderCount{Gender: gender, Patients: n})
		}
	}
	slices.SortFunc(out.ByGender, func(a, b reportsapi.GenderCount) int {
		return cmp.Or(cmp.Compare(b.Patients, a.Patients), cmp.Compare(a.Gender, b.Gender))
	})
	return rows.Err()
}

func addNew(c *reportsapi.Call, out *reportsapi.PatientNumbers) error {
	return c.EachSum("register_sums", "", "gender", []string{"patients"}, func(month, _ string, sign int64, n []int64) {
		out.NewByMonth[month] += int(sign * n[0])
		out.New += int(sign * n[0])
	})
}

// addAges counts the groups from how many are at least as old as the youngest of each.
// Who was born after the last day, or at a time that is not known, is in no group.
func addAges(c *reportsapi.Call, out *reportsapi.PatientNumbers) error {
	var born [][]any                    // age group, grain, first, last
	last, _ := clinicapi.ParseDay(c.To) // ParseRange made it
	for i, g := range reportsapi.AgeGroups {
		bornIn, rest := fmt.Sprintf("%04d", last.Year()-g.Youngest), c.To[4:]
		// A year alone comes before its months and days, as "1946" before "1946-01": its
		// people have had their birthday.
		born = append(born, []any{i, "year", "", bornIn, false}, []any{i, "month", bornIn, bornIn + rest[:3], false}, []any{i, "day", bornIn + rest[:3], bornIn + rest, true})
	}
	periods, err := registeredUpTo(c)
	if err != nil {
		return err
	}
	bornList, err := json.Marshal(born)
	if err != nil {
		return err
	}
	periodList, err := json.Marshal(periods)
	if err != nil {
		return err
	}
	rows, err := c.DB.NewQuery(`
		WITH periods(unit, period, sign) AS MATERIALIZED (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each({:periods})),
			births(age, grain, first, last, closed) AS MATERIALIZED (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each({:births}))
		SELECT age, coalesce(sum(sign * (SELECT sum(patients) FROM register_births b WHERE b.unit = p.unit AND b.period = p.period AND b.grain = births.grain
			AND born >= first AND born <= last AND (closed OR born != last))), 0)
		FROM periods p CROSS JOIN births GROUP BY age ORDER BY age`).Bind(dbx.Params{"periods": string(periodList), "births": string(bornList)}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	var atLeast []int
	for rows.Next() {
		var age, n int
		if err := rows.Scan(&age, &n); err != nil {
			return err
		}
		atLeast = append(atLeast, n)
	}
	for i, n := range atLeast {
		older := 0
		if i+1 < len(atLeast) {
			older = atLeast[i+1]
		}
		out.ByAgeGroups = append(out.ByAgeGroups, reportsapi.AgeGroupCount{Group: reportsapi.AgeGroups[i].Group, Patients: n - older})
	}
	out.ByAgeGroups = append(out.ByAgeGroups, reportsapi.AgeGroupCount{Group: reportsapi.Unknown, Patients: out.Total - atLeast[0]})
	return rows.Err()
}

// fewDays is up to how many days it is quicker to take off from everybody than to put the
// register of a day together.
const fewDays = 31

// period is a unit and a period of register_births, and 1, or -1 where it is taken off.
type period [3]any

// registeredUpTo returns the periods that make up everybody who was registered up to the
// last day.
func registeredUpTo(c *reportsapi.Call) (periods []period, err error) {
	var later []string
	err = c.DB.NewQuery("SELECT DISTINCT period FROM register_sums WHERE unit = 'day' AND period > {:to} AND patients != 0 LIMIT {:limit}").
		Bind(dbx.Params{"to": c.To, "limit": fewDays + 1}).Column(&later)
	if err != nil {
		return nil, err
	}
	if len(later) <= fewDays { // as of today, none
		periods = []period{{"all", "", 1}}
		for _, day := range later {
			periods = append(periods, period{"day", day, -1})
		}
		return periods, nil
	}
	var first string
	err = c.DB.NewQuery("SELECT coalesce((SELECT min(period) FROM register_sums WHERE unit = 'day' AND period > '0'), {:to})").Bind(dbx.Params{"to": c.To}).Row(&first)
	if err != nil {
		return nil, err
	}
	last, _ := clinicapi.ParseDay(c.To) // ParseRange made it
	periods = []period{{"day", "", 1}}  // a day that is not known
	for year := first[:4]; year < c.To[:4]; {
		periods = append(periods, period{"year", year, 1})
		next, err := strconv.Atoi(year)
		if err != nil {
			return nil, fmt.Errorf("first day of the register %q: %w", first, err)
		}
		year = fmt.Sprintf("%04d", next+1)
	}
	for month := time.January; month < last.Month(); month++ {
		periods = append(periods, period{"month", fmt.Sprintf("%s-%02d", c.To[:4], month), 1})
	}
	for day := 1; day <= last.Day(); day++ {
		periods = append(periods, period{"day", fmt.Sprintf("%s-%02d", c.To[:7], day), 1})
	}
	return periods, nil
}
