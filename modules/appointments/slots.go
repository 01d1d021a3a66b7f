package appointments

import (
	"net/http"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// What a slot of a day can be.
const (
	slotFreeStatus  = "free"
	slotTakenStatus = "taken"
	slotPastStatus  = "past"
)

// usualDay is offered where neither doctor nor clinic sets hours: 09:00-17:00.
var usualDay = slot{9 * 60, 17 * 60}

type dayInput struct {
	Date string `query:"date" doc:"the day, YYYY-MM-DD"`
}

func (in dayInput) Validate() error {
	if in.Date == "" {
		return kernel.Required("date")
	}
	if _, ok := clinicapi.ParseDay(in.Date); !ok {
		return kernel.Bad("date", "validation_invalid_day", "Must be a day that exists, as YYYY-MM-DD.")
	}
	return nil
}

type dayOutput struct {
	DoctorID    string    `json:"doctorId"`
	Date        string    `json:"date"`
	SlotMinutes int       `json:"slotMinutes"`
	Slots       []daySlot `json:"slots"`
}

type daySlot struct {
	TimeSlot      string `json:"timeSlot"`
	Status        string `json:"status" doc:"free, taken or past"`
	AppointmentID string `json:"appointmentId,omitempty" doc:"for those who may see the appointment"`
	PatientID     string `json:"patientId,omitempty" doc:"for those who may see the appointment"`
	PatientName   string `json:"patientName,omitempty" doc:"for those who may see the appointment"`
	start         int
}

var slotsRoute = kernel.Op(kernel.Route{
	Method: http.MethodGet, Path: "/api/doctors/{id}/slots", Record: "doctors", Allow: kernel.SignedIn(),
	Summary: "Show the free and taken slots of a doctor's day",
}, func(c *kernel.Call, in dayInput) (dayOutput, error) {
	out := dayOutput{DoctorID: c.Record.Id, Date: in.Date, Slots: []daySlot{}}
	settings, err := clinicapi.Current(c.App)
	if err != nil {
		return out, err
	}
	out.SlotMinutes = max(settings.SlotMinutes, 1)
	info, err := c.RequestInfo()
	if err != nil {
		return out, kernel.ErrBadInput
	}
	taken, err := takenOn(c.App, c.Record.Id, in.Date)
	if err != nil {
		return out, err
	}
	if err := name(c.App, info, in.Date, c.Record.Id, taken); err != nil {
		return out, err
	}
	open, set, err := hoursOf(c.Record, settings, in.Date)
	if err != nil {
		return out, err
	}
	if !set {
		open = []slot{usualDay}
	}
	for _, b := range taken {
		out.Slots = append(out.Slots, b.daySlot)
		if b.AppointmentID != "" {
			auditapi.Saw(c.RequestEvent, "appointments/"+b.AppointmentID, "patients/"+b.PatientID)
		}
	}
	out.Slots = append(out.Slots, freeOf(open, taken, settings, in.Date, time.Now())...)
	slices.SortStableFunc(out.Slots, func(a, b daySlot) int { return a.start - b.start })
	return out, nil
})

// bookedSlot is one live appointment of the day.
type bookedSlot struct {
	daySlot
	slot
	id, patientID string
}

func takenOn(app core.App, doctorID, day string) (taken []bookedSlot, err error) {
	var rows []struct {
		ID      string `db:"id"`
		Patient string `db:"patientId"`
		Start   int    `db:"startMinute"`
		End     int    `db:"endMinute"`
	}
	err = app.DB().Select("id", "patientId", "startMinute", "endMinute").From("appointments").
		Where(dbx.HashExp{"doctorId": doctorID, "appointmentDate": day, "status": live}).OrderBy("startMinute").All(&rows)
	for _, r := range rows {
		s := slot{r.Start, r.End}
		taken = append(taken, bookedSlot{daySlot{TimeSlot: s.String(), Status: slotTakenStatus, start: s.start}, s, r.ID, r.Patient})
	}
	return taken, err
}

// freeOf divides the open stretches into slots and leaves out what touches a booking.
func freeOf(open []slot, taken []bookedSlot, c clinicapi.Settings, day string, now time.Time) (free []daySlot) {
	length := max(c.SlotMinutes, 1)
	for _, stretch := range open {
		for s := (slot{stretch.start, stretch.start + length}); s.end <= stretch.end; s = (slot{s.end, s.end + length}) {
			if !s.exists(c, day) || slices.ContainsFunc(taken, func(b bookedSlot) bool { return b.overlaps(s) }) {
				continue
			}
			status := slotFreeStatus
			if start, _ := c.At(day, s.start); start.Before(now.Truncate(time.Minute)) {
				status = slotPastStatus
			}
			free = append(free, daySlot{TimeSlot: s.String(), Status: status, start: s.start})
		}
	}
	return free
}

// name fills in who has which slot, for the appointments that the caller may view. It asks
// the collection's own view rule, so that this list cannot say more than a GET would.
func name(app core.App, info *core.RequestInfo, day, doctorID string, taken []bookedSlot) error {
	if len(taken) == 0 {
		return nil
	}
	c, err := app.FindCachedCollectionByNameOrId("appointments")
	if err != nil {
		return err
	}
	q := app.RecordQuery(c).AndWhere(dbx.HashExp{"appointments.doctorId": doctorID, "appointments.appointmentDate": day, "appointments.status": live})
	if rule := c.ViewRule; !info.HasSuperuserAuth() && rule != nil && *rule != "" {
		resolver := core.NewRecordFieldResolver(app, c, info, true)
		expr, err := search.FilterData(*rule).BuildExpr(resolver)
		if err != nil {
			return err
		}
		if err := resolver.UpdateQuery(q.AndWhere(expr)); err != nil {
			return err
		}
	}
	visible := []*core.Record{}
	if err := q.All(&visible); err != nil {
		return err
	}
	for _, problem := range app.ExpandRecords(visible, []string{"patientId"}, nil) {
		return problem
	}
	for _, r := range visible {
		i := slices.IndexFunc(taken, func(b bookedSlot) bool { return b.id == r.Id })
		if i < 0 {
			continue // booked between the two queries
		}
		taken[i].AppointmentID, taken[i].PatientID = r.Id, r.GetString("patientId")
		if p := r.ExpandedOne("patientId"); p != nil && p.GetDateTime("deletedAt").IsZero() {
			taken[i].PatientName = p.GetString("name")
		}
	}
	return nil
}
