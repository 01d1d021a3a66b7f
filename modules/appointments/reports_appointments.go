package appointments

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

var appointmentsReport = reportsapi.Route("appointments", "Count appointments, no-shows, waiting and how full the diary is",
	kernel.Allow(authapi.Admin.Always()), report)

// sumsBy is sums by a key: a month, or a doctor's id.
type sumsBy map[string]appointmentsapi.DiarySums

func report(c *reportsapi.Call) (*appointmentsapi.Report, error) {
	months, doctors, err := diarySums(c)
	if err != nil {
		return nil, fmt.Errorf("sums of the diary: %w", err)
	}
	names, err := addOffered(c, months, doctors)
	if err != nil {
		return nil, fmt.Errorf("hours of the doctors: %w", err)
	}
	out := &appointmentsapi.Report{
		From: c.From, To: c.To, GeneratedAt: c.GeneratedAt(), Source: reportsapi.Local,
		ByMonth: []appointmentsapi.MonthDiary{}, ByDoctor: []appointmentsapi.DoctorDiary{},
	}
	var all appointmentsapi.DiarySums
	for _, m := range c.Months() {
		all = all.Plus(months[m])
		out.ByMonth = append(out.ByMonth, appointmentsapi.MonthDiary{Month: m, Diary: months[m].Diary()})
	}
	out.Diary = all.Diary()
	for id, sums := range doctors {
		if sums.Total > 0 || sums.Offered > 0 {
			out.ByDoctor = append(out.ByDoctor, appointmentsapi.DoctorDiary{DoctorID: id, Name: names[id], Diary: sums.Diary()})
		}
	}
	slices.SortFunc(out.ByDoctor, func(a, b appointmentsapi.DoctorDiary) int {
		return cmp.Or(cmp.Compare(b.Booked, a.Booked), cmp.Compare(a.Name, b.Name), cmp.Compare(a.DoctorID, b.DoctorID))
	})
	return out, nil
}

func diarySums(c *reportsapi.Call) (months, doctors sumsBy, err error) {
	const figures = `sum(sign * total), sum(sign * completed), sum(sign * cancelled), sum(sign * noShow), sum(sign * minutes), sum(sign * lostMinutes),
		sum(sign * waits), sum(sign * waitSeconds), sum(sign * waits15), sum(sign * waits30), sum(sign * waits60),
		sum(sign * lengths), sum(sign * lengthSeconds), sum(sign * leads), sum(sign * leadMinutes) FROM spans CROSS JOIN visit_sums s ON period BETWEEN first AND last AND s.unit = spans.unit`
	rows, err := c.DB.NewQuery(reportsapi.SpansTable + `
		SELECT substr(period, 1, 7), '', ` + figures + ` GROUP BY 1
		UNION ALL SELECT '', doctorId, ` + figures + ` || ' by' GROUP BY 2`).Bind(dbx.Params{"spans": c.SpansParam()}).Rows()
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	months, doctors = sumsBy{}, sumsBy{}
	for rows.Next() {
		var month, doctor string
		var s appointmentsapi.DiarySums
		err := rows.Scan(&month, &doctor, &s.Total, &s.Completed, &s.Cancelled, &s.NoShow, &s.Minutes, &s.LostMinutes, &s.Waits, &s.WaitSeconds,
			&s.Waits15, &s.Waits30, &s.Waits60, &s.Lengths, &s.LengthSeconds, &s.Leads, &s.LeadMinutes)
		if err != nil {
			return nil, nil, err
		}
		if month != "" {
			months[month] = s
		} else {
			doctors[doctor] = s
		}
	}
	return months, doctors, rows.Err()
}

// addOffered adds the minutes that the doctors' hours offer, as they are now, and returns
// the doctors' names. One who was deleted offers none from the day after.
func addOffered(c *reportsapi.Call, months, doctors sumsBy) (map[string]string, error) {
	rows, err := c.DB.NewQuery("SELECT id, name, coalesce(hours, ''), deletedAt FROM doctors").Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	collection, err := c.App.FindCachedCollectionByNameOrId("doctors")
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for rows.Next() {
		var id, name, hours, deleted string
		if err := rows.Scan(&id, &name, &hours, &deleted); err != nil {
			return nil, err
		}
		names[id] = name
		doctor := core.NewRecord(collection)
		doctor.Load(map[string]any{"hours": hours, "deletedAt": deleted})
		shifts, err := staffapi.Hours(doctor)
		if err != nil {
			continue // hours that cannot be read offer nothing; bookings say what is wrong with them
		}
		week := appointmentsapi.Week(shifts, c.Clinic)
		until := c.To
		if at := doctor.GetDateTime("deletedAt"); !at.IsZero() {
			until = min(until, c.Clinic.Today(at.Time()))
		}
		for month, minutes := range appointmentsapi.Offered(week, c.From, until) {
			m := months[month]
			m.Offered += minutes
			months[month] = m
			d := doctors[id]
			d.Offered += minutes
			doctors[id] = d
		}
	}
	return names, rows.Err()
}
