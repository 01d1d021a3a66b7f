package remote

import (
	"errors"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

const (
	// Whole seconds of the instants are told apart, as where the sums are kept.
	wait   = `CASE WHEN started_at >= checked_in_at THEN ` + secondsOfWait + ` END`
	length = `CASE WHEN completed_at >= started_at THEN ` + secondsOfVisit + ` END`
	lead   = `CASE WHEN NOT imported AND starts_at > created AND coalesce(status, '') <> 'cancelled' THEN ` + minutesOfLead + ` END`

	secondsOfWait  = `extract(epoch FROM date_trunc('second', started_at))::bigint - extract(epoch FROM date_trunc('second', checked_in_at))::bigint`
	secondsOfVisit = `extract(epoch FROM date_trunc('second', completed_at))::bigint - extract(epoch FROM date_trunc('second', started_at))::bigint`
	minutesOfLead  = `floor((extract(epoch FROM date_trunc('second', starts_at))::bigint - extract(epoch FROM date_trunc('second', created))::bigint) / 60.0)::bigint`

	diarySQL = `SELECT to_char(day, 'YYYY-MM'), doctor, count(*), count(*) FILTER (WHERE status = 'completed'), ` +
		`count(*) FILTER (WHERE status = 'cancelled'), count(*) FILTER (WHERE status = 'no-show'), ` +
		`sum(minutes) FILTER (WHERE status NOT IN ('cancelled', 'no-show')), sum(minutes) FILTER (WHERE status = 'no-show'), ` +
		`count(wait), sum(wait)::bigint, count(*) FILTER (WHERE wait <= 900), count(*) FILTER (WHERE wait <= 1800), count(*) FILTER (WHERE wait <= 3600), ` +
		`count(length), sum(length)::bigint, count(lead), sum(lead)::bigint ` +
		`FROM (SELECT appointment_date AS day, coalesce(doctor_id, '') AS doctor, coalesce(status, '') AS status, ` +
		`coalesce(end_minute, 0) - coalesce(start_minute, 0) AS minutes, ` + wait + ` AS wait, ` + length + ` AS length, ` + lead + ` AS lead ` +
		inDiary + `) a GROUP BY 1, 2`

	// extract gives seconds, which are whole.
	hoursSQL = `SELECT id, coalesce(name, ''), coalesce(hours::text, ''), coalesce(floor(extract(epoch FROM deleted_at))::bigint::text, '') ` +
		`FROM polyclinic.doctors WHERE site_id = $1`
)

func appointments(c *reportsapi.Call, read ask) (any, error) {
	a, err := read(warehouse.Query{SQL: diarySQL, Args: []string{c.From, c.To}}, warehouse.Query{SQL: hoursSQL})
	if err != nil {
		return nil, err
	}
	months, doctors := map[string]appointmentsapi.DiarySums{}, map[string]appointmentsapi.DiarySums{}
	err = scan(a[0], 2, 15, func(t []string, n []int64) {
		s := appointmentsapi.DiarySums{
			Total: n[0], Completed: n[1], Cancelled: n[2], NoShow: n[3], Minutes: n[4], LostMinutes: n[5],
			Waits: n[6], WaitSeconds: n[7], Waits15: n[8], Waits30: n[9], Waits60: n[10],
			Lengths: n[11], LengthSeconds: n[12], Leads: n[13], LeadMinutes: n[14],
		}
		months[t[0]] = months[t[0]].Plus(s)
		doctors[t[1]] = doctors[t[1]].Plus(s)
	})
	names, hoursErr := addOffered(c, a[1], months, doctors)
	if err = errors.Join(err, hoursErr); err != nil {
		return nil, err
	}
	return appointmentsapi.NewReport(c, reportsapi.Postgres, months, doctors, names), nil
}

// addOffered adds the minutes that the doctors' hours offer, and returns their names. One
// who was deleted offers none from the day after.
func addOffered(c *reportsapi.Call, a warehouse.Answer, months, doctors map[string]appointmentsapi.DiarySums) (map[string]string, error) {
	collection, err := c.App.FindCachedCollectionByNameOrId("doctors")
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for i := range a.Len() {
		id := a.Text(i, 0)
		names[id] = a.Text(i, 1)
		doctor := core.NewRecord(collection)
		doctor.Set("hours", a.Text(i, 2))
		shifts, err := staffapi.Hours(doctor)
		if err != nil {
			continue // hours that cannot be read offer nothing
		}
		until := c.To
		if a.Text(i, 3) != "" {
			left, err := a.Int(i, 3)
			if err != nil {
				return nil, err
			}
			until = min(until, c.Clinic.Today(time.Unix(left, 0)))
		}
		for month, minutes := range appointmentsapi.Offered(appointmentsapi.Week(shifts, c.Clinic), c.From, until) {
			m, d := months[month], doctors[id]
			m.Offered += minutes
			d.Offered += minutes
			months[month], doctors[id] = m, d
		}
	}
	return names, nil
}
