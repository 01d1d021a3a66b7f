package reports_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// The recount in this file is written from the definitions in API.md and docs, straight
// from the rows, and shares nothing with what it checks.

type patientRow struct {
	ID           string `db:"id"`
	Created      string `db:"created"`
	RegisteredOn string `db:"registeredOn"`
	DateOfBirth  string `db:"dateOfBirth"`
	Gender       string `db:"gender"`
	DeletedAt    string `db:"deletedAt"`
}

type visitRow struct {
	PatientID string `db:"patientId"`
	DoctorID  string `db:"doctorId"`
	Day       string `db:"appointmentDate"`
	Status    string `db:"status"`
}

func rowsOf[T any](t testing.TB, app core.App, table string) (rows []T) {
	t.Helper()
	if err := app.DB().Select("*").From(table).All(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func namesOfDoctors(t testing.TB, app core.App) map[string]string {
	out := map[string]string{}
	for _, d := range rowsOf[struct {
		ID   string `db:"id"`
		Name string `db:"name"`
	}](t, app, "doctors") {
		out[d.ID] = d.Name
	}
	return out
}

func monthsOf(from, to string) (months []string) {
	day, _ := time.Parse(time.DateOnly, from)
	for ; day.Format(time.DateOnly) <= to; day = day.AddDate(0, 0, 1) {
		if m := day.Format("2006-01"); len(months) == 0 || months[len(months)-1] != m {
			months = append(months, m)
		}
	}
	return months
}

// groupOf returns the age group of somebody on a day, by counting birthdays.
func groupOf(born, day string) string {
	on, _ := time.Parse(time.DateOnly, day)
	at, err := time.Parse(time.DateOnly, born)
	if err != nil {
		if at, err = time.Parse("2006", born); err != nil {
			return "unknown"
		}
	}
	if at.After(on) {
		return "unknown"
	}
	years := 0
	// A birthday on 29 February is had on 1 March in other years, as AddDate has it.
	for !at.AddDate(years+1, 0, 0).After(on) {
		years++
	}
	for _, g := range []struct {
		name string
		over int
	}{{"80+", 79}, {"65-79", 64}, {"40-64", 39}, {"18-39", 17}, {"5-17", 4}} {
		if years > g.over {
			return g.name
		}
	}
	return "0-4"
}

// naivePatients returns the patient summary as the JSON it must be, without generatedAt.
func naivePatients(t testing.TB, app core.App, from, to string) map[string]any {
	in := func(day string) bool { return from <= day && day <= to }
	total, fresh := 0, map[string]int{}
	genders, ages := map[string]int{}, map[string]int{}
	for _, p := range rowsOf[patientRow](t, app, "patients") {
		if p.DeletedAt != "" || p.RegisteredOn > to {
			continue
		}
		total++
		if in(p.RegisteredOn) {
			fresh[p.RegisteredOn[:7]]++
		}
		if p.Gender = strings.ToLower(strings.TrimSpace(p.Gender)); p.Gender == "" {
			p.Gender = "unknown"
		}
		genders[p.Gender]++
		ages[groupOf(p.DateOfBirth, to)]++
	}
	status, perMonth, perDoctor, off := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	perPatient, patientsOfMonth, patientsOfDoctor := map[string]int{}, map[string]map[string]bool{}, map[string]map[string]bool{}
	visits := 0
	for _, v := range rowsOf[visitRow](t, app, "appointments") {
		if !in(v.Day) {
			continue
		}
		visits++
		status[v.Status]++
		perMonth[v.Day[:7]]++
		perDoctor[v.DoctorID]++
		if v.Status == "cancelled" {
			off[v.Day[:7]]++
			off[v.DoctorID]++
			continue
		}
		perPatient[v.PatientID]++
		note(patientsOfMonth, v.Day[:7], v.PatientID)
		note(patientsOfDoctor, v.DoctorID, v.PatientID)
	}
	frequency := map[string]int{}
	for _, n := range perPatient {
		frequency[map[bool]string{true: "1"}[n == 1]+map[bool]string{true: "2-3"}[n == 2 || n == 3]+map[bool]string{true: "4-6"}[n > 3 && n < 7]+map[bool]string{true: "7+"}[n > 6]]++
	}
	ratio := "0.00"
	if len(perPatient) > 0 {
		ratio = big.NewRat(int64(visits-status["cancelled"]), int64(len(perPatient))).FloatString(2)
	}
	out := map[string]any{
		"from": from, "to": to, "totalPatients": total, "activePatients": len(perPatient),
		"visits": map[string]any{
			"total": visits, "completed": status["completed"], "cancelled": status["cancelled"], "noShow": status["no-show"], "perPatient": json.Number(ratio),
		},
	}
	byMonth, all := []any{}, 0
	for _, m := range monthsOf(from, to) {
		all += fresh[m]
		byMonth = append(byMonth, map[string]any{"month": m, "newPatients": fresh[m], "visits": perMonth[m], "cancelled": off[m], "patients": len(patientsOfMonth[m])})
	}
	byGender, byAge, byDoctor, byFrequency := []any{}, []any{}, []any{}, []any{}
	for g, n := range genders {
		byGender = append(byGender, map[string]any{"gender": g, "patients": n})
	}
	for _, g := range []string{"0-4", "5-17", "18-39", "40-64", "65-79", "80+", "unknown"} {
		byAge = append(byAge, map[string]any{"group": g, "patients": ages[g]})
	}
	names := namesOfDoctors(t, app)
	for d, n := range perDoctor {
		byDoctor = append(byDoctor, map[string]any{"doctorId": d, "name": names[d], "visits": n, "cancelled": off[d], "patients": len(patientsOfDoctor[d])})
	}
	for _, f := range []string{"1", "2-3", "4-6", "7+"} {
		byFrequency = append(byFrequency, map[string]any{"visits": f, "patients": frequency[f]})
	}
	out["newPatients"], out["byMonth"], out["byGender"], out["byAgeGroup"], out["byDoctor"], out["visitFrequency"] = all, byMonth, byGender, byAge, byDoctor, byFrequency
	return out
}

func note(sets map[string]map[string]bool, key, member string) {
	if sets[key] == nil {
		sets[key] = map[string]bool{}
	}
	sets[key][member] = true
}
