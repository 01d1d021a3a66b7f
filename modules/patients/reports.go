package patients

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
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

// entry is what is counted of one patient: days as the number yyyymmdd, 0 when not known,
// and the gender's place in census.genders. Of a year of birth the rest is 0000.
type entry struct{ registered, born, gender int32 }

// census is the register in memory, by month of registration.
type census struct {
	sync.Mutex
	shelf   reportsapi.Shelf[entry]
	genders []string
	place   map[string]int32
}

func newCensus() any { return &census{place: map[string]int32{}} }

// Patients counts who is on the register on the range's last day.
func (facts) Patients(c *reportsapi.Call) (out reportsapi.PatientNumbers, err error) {
	kept := newCensus() // a transaction sees what may never be committed
	if !c.App.IsTransactional() {
		kept = c.App.Store().GetOrSet("polyclinic.patients.census", newCensus)
	}
	s := kept.(*census)
	s.Lock()
	defer s.Unlock()
	var stamps []reportsapi.Stamp
	err = c.DB.NewQuery("SELECT month AS period, stamp FROM patient_months WHERE month <= {:last} ORDER BY month").
		Bind(dbx.Params{"last": reportsapi.Month(c.To)}).All(&stamps)
	if err != nil {
		return out, fmt.Errorf("months of the register: %w", err)
	}
	months, err := s.shelf.Get(stamps, s.load(c.DB))
	if err != nil {
		return out, fmt.Errorf("read the register: %w", err)
	}
	return s.count(months, c.Range), nil
}

func (s *census) load(db dbx.Builder) reportsapi.Load[entry] {
	return func(first, last string, add func(string, entry)) error {
		// "99" is behind every day of a month.
		rows, err := db.NewQuery("SELECT registeredOn, gender, dateOfBirth FROM patients WHERE deletedAt = '' AND registeredOn BETWEEN {:first} AND {:last}").
			Bind(dbx.Params{"first": first, "last": last + "-99"}).Rows()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var registered, gender, born string
			if err := rows.Scan(&registered, &gender, &born); err != nil {
				return err
			}
			add(reportsapi.Month(registered), entry{number(registered), number(born), s.genderOf(gender)})
		}
		return rows.Err()
	}
}

// genderOf takes "Female" and "female " for the same.
func (s *census) genderOf(text string) int32 {
	if text = strings.ToLower(strings.TrimSpace(text)); text == "" {
		text = reportsapi.Unknown
	}
	i, ok := s.place[text]
	if !ok {
		i = int32(len(s.genders))
		s.place[text] = i
		s.genders = append(s.genders, text)
	}
	return i
}

// number returns a day as the number yyyymmdd, which orders as days do, or 0 for no day.
// A year alone is yyyy0000: patientsapi.Age takes its people to have had their birthday.
func number(day string) int32 {
	if _, ok := patientsapi.Age(day, "2000-01-01"); !ok {
		return 0
	}
	n := int32(0)
	for _, c := range day {
		if c != '-' {
			n = n*10 + int32(c-'0')
		}
	}
	if len(day) == 4 {
		n *= 10000
	}
	return n
}

func (s *census) count(months [][]entry, days reportsapi.Range) reportsapi.PatientNumbers {
	from, to := number(days.From), number(days.To)
	groups := make([]int, len(reportsapi.AgeGroups)+1) // the last is unknown
	genders, byMonth := make([]int, len(s.genders)), map[int32]int{}
	out := reportsapi.PatientNumbers{NewByMonth: map[string]int{}}
	for _, month := range months {
		for _, e := range month {
			if e.registered > to {
				continue
			}
			out.Total++
			genders[e.gender]++
			groups[ageGroup(e.born, to)]++
			if e.registered >= from {
				out.New++
				byMonth[e.registered/100]++
			}
		}
	}
	for month, n := range byMonth {
		out.NewByMonth[fmt.Sprintf("%04d-%02d", month/100, month%100)] = n
	}
	for i, n := range genders {
		if n > 0 {
			out.ByGender = append(out.ByGender, reportsapi.GenderCount{Gender: s.genders[i], Patients: n})
		}
	}
	slices.SortFunc(out.ByGender, func(a, b reportsapi.GenderCount) int {
		return cmp.Or(cmp.Compare(b.Patients, a.Patients), cmp.Compare(a.Gender, b.Gender))
	})
	for i, g := range reportsapi.AgeGroups {
		out.ByAgeGroups = append(out.ByAgeGroups, reportsapi.AgeGroupCount{Group: g.Group, Patients: groups[i]})
	}
	out.ByAgeGroups = append(out.ByAgeGroups, reportsapi.AgeGroupCount{Group: reportsapi.Unknown, Patients: groups[len(groups)-1]})
	return out
}

// ageGroup returns the place in AgeGroups of somebody born then, on the day to; behind the
// last when the birth is not known or after that day.
func ageGroup(born, to int32) int {
	years := (to - born) / 10000 // completed: yyyymmdd borrows a year until the birthday
	if born == 0 || born > to {
		return len(reportsapi.AgeGroups)
	}
	i := len(reportsapi.AgeGroups) - 1
	for int(years) < reportsapi.AgeGroups[i].Youngest {
		i--
	}
	return i
}
