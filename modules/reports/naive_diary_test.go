package reports_test

import (
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

type diaryRow struct {
	DoctorID    string `db:"doctorId"`
	Day         string `db:"appointmentDate"`
	Status      string `db:"status"`
	StartMinute int64  `db:"startMinute"`
	EndMinute   int64  `db:"endMinute"`
	StartsAt    string `db:"startsAt"`
	CheckedInAt string `db:"checkedInAt"`
	StartedAt   string `db:"startedAt"`
	CompletedAt string `db:"completedAt"`
	Created     string `db:"created"`
	SourceID    string `db:"sourceId"`
}

// seconds returns how many whole seconds lie between two instants, and whether both are
// known and in order.
func seconds(t testing.TB, from, to string) (int64, bool) {
	t.Helper()
	if from == "" || to == "" || to < from {
		return 0, false
	}
	a, errA := types.ParseDateTime(from)
	b, errB := types.ParseDateTime(to)
	if errA != nil || errB != nil {
		t.Fatalf("%q or %q is no instant", from, to)
	}
	return b.Time().Unix() - a.Time().Unix(), true
}

// diarySums adds up the rows of one month, or of one doctor.
type diarySums struct {
	status                                                map[string]int64
	total, minutes, lost, offered, waits, waited          int64
	upTo15, upTo30, upTo60, over60, lengths, length, lead int64
	leads                                                 int64
}

func (s *diarySums) add(t testing.TB, r diaryRow) {
	if s.status == nil {
		s.status = map[string]int64{}
	}
	s.total++
	s.status[r.Status]++
	switch r.Status {
	case "no-show":
		s.lost += r.EndMinute - r.StartMinute
	case "cancelled":
	default:
		s.minutes += r.EndMinute - r.StartMinute
	}
	if wait, ok := seconds(t, r.CheckedInAt, r.StartedAt); ok {
		s.waits++
		s.waited += wait
		switch {
		case wait <= 15*60:
			s.upTo15++
		case wait <= 30*60:
			s.upTo30++
		case wait <= 60*60:
			s.upTo60++
		default:
			s.over60++
		}
	}
	if length, ok := seconds(t, r.StartedAt, r.CompletedAt); ok {
		s.lengths++
		s.length += length
	}
	if lead, ok := seconds(t, r.Created, r.StartsAt); ok && r.SourceID == "" && r.Status != "cancelled" && r.Created != r.StartsAt {
		s.leads++
		s.lead += lead / 60
	}
}

// rounded returns a/b with so many decimals, null when b is 0.
func rounded(a, b int64, decimals int) any {
	if b == 0 {
		return nil
	}
	return json.Number(big.NewRat(a, b).FloatString(decimals))
}

func (s *diarySums) json(more map[string]any) map[string]any {
	done, off, missed := s.status["completed"], s.status["cancelled"], s.status["no-show"]
	out := map[string]any{
		"booked": s.total, "completed": done, "cancelled": off, "noShow": missed,
		"open":       s.status["scheduled"] + s.status["checked-in"] + s.status["in-progress"],
		"noShowRate": rounded(missed, missed+done, 4), "bookedMinutes": s.minutes, "lostMinutes": s.lost,
		"offeredMinutes": s.offered, "utilisation": rounded(s.minutes, s.offered, 4),
		"waiting": map[string]any{
			"measured": s.waits, "averageMinutes": rounded(s.waited, 60*s.waits, 2), "upTo15": s.upTo15, "upTo30": s.upTo30, "upTo60": s.upTo60, "over60": s.over60,
		},
		"visitMinutes": rounded(s.length, 60*s.lengths, 2), "leadDays": rounded(s.lead, 24*60*s.leads, 2),
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

type hoursRow struct {
	ID        string        `db:"id"`
	Hours     types.JSONRaw `db:"hours"`
	DeletedAt string        `db:"deletedAt"`
}

// offeredOn counts the minutes of a day that a doctor can be booked, one by one.
func offeredOn(t testing.TB, day time.Time, hours, opens, closes string) (n int64) {
	t.Helper()
	var shifts []struct {
		Weekday  time.Weekday
		From, To string
	}
	if hours != "" {
		if err := json.Unmarshal([]byte(hours), &shifts); err != nil {
			t.Fatal(err)
		}
	}
	if len(shifts) == 0 && opens == "" {
		return 0
	}
	for minute := range 24 * 60 {
		at := time.Time{}.Add(time.Duration(minute) * time.Minute).Format("15:04")
		working := len(shifts) == 0
		for _, s := range shifts {
			working = working || s.Weekday == day.Weekday() && s.From <= at && at < s.To
		}
		if working && (opens == "" || opens <= at && at < closes) {
			n++
		}
	}
	return n
}

// naiveDiary returns the appointments report as the JSON it must be.
func naiveDiary(t testing.TB, app core.App, from, to string) map[string]any {
	t.Helper()
	all, months, doctors := &diarySums{}, map[string]*diarySums{}, map[string]*diarySums{}
	for _, m := range monthsOf(from, to) {
		months[m] = &diarySums{}
	}
	of := func(doctor string) *diarySums {
		if doctors[doctor] == nil {
			doctors[doctor] = &diarySums{}
		}
		return doctors[doctor]
	}
	for _, r := range rowsOf[diaryRow](t, app, "appointments") {
		if r.Day < from || r.Day > to {
			continue
		}
		for _, s := range []*diarySums{all, months[r.Day[:7]], of(r.DoctorID)} {
			s.add(t, r)
		}
	}
	house := rowsOf[struct {
		OpensAt  string `db:"opensAt"`
		ClosesAt string `db:"closesAt"`
		TimeZone string `db:"timeZone"`
	}](t, app, "clinic")[0]
	zone, err := time.LoadLocation(house.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range rowsOf[hoursRow](t, app, "doctors") {
		var week [7]int64
		for i := range week {
			day := time.Date(2024, 5, 5+i, 0, 0, 0, 0, time.UTC)
			week[day.Weekday()] = offeredOn(t, day, d.Hours.String(), house.OpensAt, house.ClosesAt)
		}
		until := to
		if d.DeletedAt != "" {
			at, err := types.ParseDateTime(d.DeletedAt)
			if err != nil {
				t.Fatal(err)
			}
			until = min(until, at.Time().In(zone).Format(time.DateOnly))
		}
		day, _ := time.Parse(time.DateOnly, from)
		for ; day.Format(time.DateOnly) <= until; day = day.AddDate(0, 0, 1) {
			n := week[day.Weekday()]
			all.offered += n
			months[day.Format("2006-01")].offered += n
			of(d.ID).offered += n
		}
	}
	byMonth, byDoctor, names := []any{}, []any{}, namesOfDoctors(t, app)
	for m, s := range months {
		byMonth = append(byMonth, s.json(map[string]any{"month": m}))
	}
	for d, s := range doctors {
		if s.total+s.offered > 0 {
			byDoctor = append(byDoctor, s.json(map[string]any{"doctorId": d, "name": names[d]}))
		}
	}
	return all.json(map[string]any{"from": from, "to": to, "byMonth": byMonth, "byDoctor": byDoctor})
}
