package appointments

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

var appointmentsReport = reportsapi.New("appointments", "Count appointments, no-shows, waiting and how full the diary is",
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
	return appointmentsapi.NewReport(c, reportsapi.Local, months, doctors, names), nil
}

// diaryFigures are the columns of visit_sums, as sumsOf has them.
var diaryFigures = []string{"total", "completed", "cancelled", "noShow", "minutes", "lostMinutes", "waits", "waitSeconds", "waits15", "waits30", "waits60",
	"lengths", "lengthSeconds", "leads", "leadMinutes"}

func sumsOf(sign int64, n []int64) appointmentsapi.DiarySums {
	return appointmentsapi.DiarySums{
		Total: sign * n[0], Completed: sign * n[1], Cancelled: sign * n[2], NoShow: sign * n[3], Minutes: sign * n[4], LostMinutes: sign * n[5], Waits: sign * n[6], WaitSeconds: sign * n[7],
		Waits15: sign * n[8], Waits30: sign * n[9], Waits60: sign * n[10], Lengths: sign * n[11], LengthSeconds: sign * n[12], Leads: sign * n[13], LeadMinutes: sign * n[14],
	}
}

func diarySums(c *reportsapi.Call) (months, doctors sumsBy, err error) {
	months, doctors = sumsBy{}, sumsBy{}
	err = c.EachSum("visit_sums", "", "doctorId", diaryFigures, func(month, _ string, sign int64, n []int64) {
		months[month] = months[month].Plus(sumsOf(sign, n))
	})
	if err != nil {
		return nil, nil, err
	}
	err = c.EachSum("visit_sums", " by", "doctorId", diaryFigures, func(_, doctor string, sign int64, n []int64) {
		doctors[doctor] = doctors[doctor].Plus(sumsOf(sign, n))
	})
	return months, doctors, err
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
