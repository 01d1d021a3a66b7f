package staff

import (
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// week says when a demo doctor works: the same hours on several days.
type week struct {
	from, to string
	days     []time.Weekday
}

var (
	fullDays = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	early    = []week{{"08:00", "12:00", fullDays}, {"13:00", "16:00", fullDays}}
	late     = []week{{"10:00", "13:00", fullDays}, {"14:00", "18:00", fullDays}}
	partTime = []week{{"09:00", "13:00", []time.Weekday{time.Monday, time.Wednesday, time.Friday}}}
	weekend  = []week{{"09:00", "15:00", []time.Weekday{time.Thursday, time.Friday, time.Saturday, time.Sunday}}}
)

func shifts(weeks []week) []staffapi.Shift {
	var list []staffapi.Shift
	for _, w := range weeks {
		for _, day := range w.days {
			list = append(list, staffapi.Shift{Weekday: day, From: w.from, To: w.to})
		}
	}
	return list
}

// demo adds the colleagues of the cast. None of them has an account.
func demo(tx core.App) error {
	doctors := []struct {
		name, specialty string
		fee             float64
		hours           []week
	}{
		{"Dr Amelia Hart", "General practice", 75, early},
		{"Dr Kwame Mensah", "General practice", 75, late},
		{"Dr Yuki Tanabe", "Pediatrics", 90, early},
		{"Dr Leïla Benali", "Pediatrics", 90, partTime},
		{"Dr Rafael Ortega", "Orthopedics", 140, early},
		{"Dr Sinéad Brennan", "Dermatology", 110, late},
		{"Dr Wen Zhao", "Neurology", 160, partTime},
		{"Dr Nadia Petrenko", "Gynecology", 120, early},
		{"Dr Arvind Rao", "Internal medicine", 100, late},
		{"Dr Marta Nowak", "Ophthalmology", 115, partTime},
		{"Dr Elif Demir", "Psychiatry", 130, late},
		{"Dr Jonas Lindqvist", "Ear, nose and throat", 105, early},
		{"Dr Thandi Nkosi", "Emergency medicine", 95, weekend},
		{"Dr Paulo Figueira", "Cardiology", 155, nil},
	}
	for i, d := range doctors {
		fields := map[string]any{"name": d.name, "specialty": d.specialty, "consultationFee": d.fee, "contact": fmt.Sprintf("+1 555 %04d", 111+i)}
		if d.hours != nil {
			fields["hours"] = shifts(d.hours)
		}
		if err := add(tx, "doctors", fmt.Sprintf("docdemo%08d", i+1), fields); err != nil {
			return err
		}
	}
	for i, n := range [][2]string{
		{"Callum Fraser", "Ward 1"}, {"Ifeoma Obi", "Ward 2"}, {"Björn Dahl", "Outpatients"}, {"Mariana Costa", "Outpatients"},
		{"Trần Thị Mai", "Emergency"}, {"Zainab Yusuf", "Emergency"}, {"Luca Moretti", "Theatre"},
	} {
		fields := map[string]any{"name": n[0], "department": n[1], "contact": fmt.Sprintf("+1 555 %04d", 141+i)}
		if err := add(tx, "nurses", fmt.Sprintf("nurdemo%08d", i+1), fields); err != nil {
			return err
		}
	}
	for i, s := range []struct {
		name string
		duty []string
	}{
		{"Hélène Marchand", []string{"reception"}}, {"Tomasz Zieliński", []string{"reception", "cashier"}},
		{"Aroha Ngata", []string{"pharmacy"}}, {"Samuel Owusu", nil},
	} {
		fields := map[string]any{"name": s.name, "duty": s.duty, "contact": fmt.Sprintf("+1 555 %04d", 161+i)}
		if err := add(tx, "staff", fmt.Sprintf("stademo%08d", i+1), fields); err != nil {
			return err
		}
	}
	return nil
}

func add(tx core.App, collection, id string, fields map[string]any) error {
	c, err := tx.FindCollectionByNameOrId(collection)
	if err != nil {
		return err
	}
	r := core.NewRecord(c)
	r.Id = id
	r.Load(fields)
	if err := tx.Save(r); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return nil
}
