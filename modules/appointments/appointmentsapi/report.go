package appointmentsapi

import (
	"cmp"
	"slices"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// Report is the answer of GET /api/reports/appointments. All days are the clinic's, from
// and to included; an appointment belongs to the day for which it was made.
type Report struct {
	From string `json:"from"`
	To   string `json:"to"`
	Diary
	ByMonth     []MonthDiary  `json:"byMonth" doc:"every month that the range touches, those without figures too"`
	ByDoctor    []DoctorDiary `json:"byDoctor" doc:"doctors with an appointment in the range or hours in it, the busiest first"`
	GeneratedAt string        `json:"generatedAt"`
	Source      string        `json:"source" doc:"local or postgres"`
}

// MonthDiary is one month; of a month that the range touches in part, the part.
type MonthDiary struct {
	Month string `json:"month" doc:"YYYY-MM"`
	Diary
}

// DoctorDiary is the diary of one doctor.
type DoctorDiary struct {
	DoctorID string `json:"doctorId"`
	Name     string `json:"name"`
	Diary
}

// Diary is the figures of some appointments.
type Diary struct {
	Booked         int64    `json:"booked" doc:"all appointments, whatever became of them: completed, cancelled, noShow and open add up to it"`
	Completed      int64    `json:"completed"`
	Cancelled      int64    `json:"cancelled"`
	NoShow         int64    `json:"noShow"`
	Open           int64    `json:"open" doc:"scheduled, checked in or in progress"`
	NoShowRate     *float64 `json:"noShowRate" doc:"noShow / (noShow + completed), 0 to 1, four decimals; null when both are 0"`
	BookedMinutes  int64    `json:"bookedMinutes" doc:"length of the slots of those neither cancelled nor missed"`
	LostMinutes    int64    `json:"lostMinutes" doc:"length of the slots that were missed (no-show)"`
	OfferedMinutes int64    `json:"offeredMinutes" doc:"minutes that the hours of doctors and clinic, as they are now, offer in the range; 0 where no hours are set"`
	Utilisation    *float64 `json:"utilisation" doc:"bookedMinutes / offeredMinutes, four decimals, over 1 when more was booked than offered; null without offered minutes"`
	Waiting        Waiting  `json:"waiting"`
	VisitMinutes   *float64 `json:"visitMinutes" doc:"average from the start to the completion of a visit, two decimals; null when none was noted"`
	LeadDays       *float64 `json:"leadDays" doc:"average from the booking to the slot in days of 24 hours, two decimals, of those booked ahead here and not cancelled; null when there are none"`
}

// Waiting is how long patients waited between checking in and the start of their visit,
// of the appointments where both were noted.
type Waiting struct {
	Measured       int64    `json:"measured" doc:"appointments of which both instants are known"`
	AverageMinutes *float64 `json:"averageMinutes" doc:"two decimals; null when none was measured"`
	UpTo15         int64    `json:"upTo15" doc:"waited no longer than 15 minutes"`
	UpTo30         int64    `json:"upTo30" doc:"more than 15, up to 30"`
	UpTo60         int64    `json:"upTo60" doc:"more than 30, up to 60"`
	Over60         int64    `json:"over60"`
}

// DiarySums is what a Diary is worked out from: whole numbers that add up.
type DiarySums struct {
	Total, Completed, Cancelled, NoShow int64
	Minutes, LostMinutes                int64
	Offered                             int64
	Waits, WaitSeconds                  int64
	Waits15, Waits30, Waits60           int64 // of Waits: up to so many minutes, the shorter ones included
	Lengths, LengthSeconds              int64
	Leads, LeadMinutes                  int64
}

// Diary works the figures out.
func (s DiarySums) Diary() Diary {
	return Diary{
		Booked: s.Total, Completed: s.Completed, Cancelled: s.Cancelled, NoShow: s.NoShow, Open: s.Total - s.Completed - s.Cancelled - s.NoShow,
		NoShowRate: reportsapi.Share(s.NoShow, s.NoShow+s.Completed, 4), BookedMinutes: s.Minutes, LostMinutes: s.LostMinutes,
		OfferedMinutes: s.Offered, Utilisation: reportsapi.Share(s.Minutes, s.Offered, 4),
		Waiting: Waiting{
			Measured: s.Waits, AverageMinutes: reportsapi.Share(s.WaitSeconds, 60*s.Waits, 2),
			UpTo15: s.Waits15, UpTo30: s.Waits30 - s.Waits15, UpTo60: s.Waits60 - s.Waits30, Over60: s.Waits - s.Waits60,
		},
		VisitMinutes: reportsapi.Share(s.LengthSeconds, 60*s.Lengths, 2), LeadDays: reportsapi.Share(s.LeadMinutes, 24*60*s.Leads, 2),
	}
}

// Sheet lays the report out for CSV.
func (r *Report) Sheet() reportsapi.Sheet {
	out := reportsapi.Sheet{Range: reportsapi.Range{From: r.From, To: r.To}, Figures: []string{
		"booked", "completed", "cancelled", "noShow", "open", "noShowRate", "bookedMinutes", "lostMinutes", "offeredMinutes", "utilisation",
		"waitsMeasured", "waitAverageMinutes", "waitUpTo15", "waitUpTo30", "waitUpTo60", "waitOver60", "visitMinutes", "leadDays", "generatedAt",
	}}
	out.Total(append(r.figures(), r.GeneratedAt)...)
	for _, m := range r.ByMonth {
		out.Add("byMonth", m.Month, "", m.figures()...)
	}
	for _, d := range r.ByDoctor {
		out.Add("byDoctor", d.DoctorID, d.Name, d.figures()...)
	}
	return out
}

func (d Diary) figures() []any {
	w := d.Waiting
	return []any{
		d.Booked, d.Completed, d.Cancelled, d.NoShow, d.Open, reportsapi.Cell(d.NoShowRate), d.BookedMinutes, d.LostMinutes, d.OfferedMinutes, reportsapi.Cell(d.Utilisation),
		w.Measured, reportsapi.Cell(w.AverageMinutes), w.UpTo15, w.UpTo30, w.UpTo60, w.Over60, reportsapi.Cell(d.VisitMinutes), reportsapi.Cell(d.LeadDays),
	}
}

// Plus adds two sums up.
func (s DiarySums) Plus(o DiarySums) DiarySums {
	return DiarySums{
		Total: s.Total + o.Total, Completed: s.Completed + o.Completed, Cancelled: s.Cancelled + o.Cancelled, NoShow: s.NoShow + o.NoShow,
		Minutes: s.Minutes + o.Minutes, LostMinutes: s.LostMinutes + o.LostMinutes, Offered: s.Offered + o.Offered,
		Waits: s.Waits + o.Waits, WaitSeconds: s.WaitSeconds + o.WaitSeconds, Waits15: s.Waits15 + o.Waits15, Waits30: s.Waits30 + o.Waits30, Waits60: s.Waits60 + o.Waits60,
		Lengths: s.Lengths + o.Lengths, LengthSeconds: s.LengthSeconds + o.LengthSeconds, Leads: s.Leads + o.Leads, LeadMinutes: s.LeadMinutes + o.LeadMinutes,
	}
}

// NewReport puts the report together from its sums by month, YYYY-MM, and by doctor's id,
// wherever they were read. names are the doctors'.
func NewReport(c *reportsapi.Call, source string, months, doctors map[string]DiarySums, names map[string]string) *Report {
	out := &Report{
		From: c.From, To: c.To, GeneratedAt: c.GeneratedAt(), Source: source,
		ByMonth: []MonthDiary{}, ByDoctor: []DoctorDiary{},
	}
	var all DiarySums
	for _, m := range c.Months() {
		all = all.Plus(months[m])
		out.ByMonth = append(out.ByMonth, MonthDiary{Month: m, Diary: months[m].Diary()})
	}
	out.Diary = all.Diary()
	for id, sums := range doctors {
		if sums.Total > 0 || sums.Offered > 0 {
			out.ByDoctor = append(out.ByDoctor, DoctorDiary{DoctorID: id, Name: names[id], Diary: sums.Diary()})
		}
	}
	slices.SortFunc(out.ByDoctor, func(a, b DoctorDiary) int {
		return cmp.Or(cmp.Compare(b.Booked, a.Booked), cmp.Compare(a.Name, b.Name), cmp.Compare(a.DoctorID, b.DoctorID))
	})
	return out
}
