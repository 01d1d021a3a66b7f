package appointments_test

import (
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

func setClinic(t *testing.T, s *kerneltest.Server, fields map[string]any) {
	t.Helper()
	if _, err := clinicapi.Change(s.App, fields); err != nil {
		t.Fatal(err)
	}
}

func TestHours(t *testing.T) {
	outside := []string{`"timeSlot":{"code":"outside_hours"`}
	at := func(slot string) map[string]any { return booking(patientsapi.Bob, staffapi.Grace, 3, slot) }
	s := set.Start(t)
	setHours(t, s, staffapi.Grace, [2]string{"08:00", "12:00"}, [2]string{"12:00", "14:00"}, [2]string{"15:00", "18:00"})
	s.On(t, []kerneltest.Scenario{
		{Name: "within the hours", As: rosa, Path: path, Body: at("08:00-09:00"), Want: 201},
		{Name: "shifts that touch are one", As: rosa, Path: path, Body: at("11:30-12:30"), Want: 201},
		{Name: "before them", As: rosa, Path: path, Body: at("07:30-08:30"), Want: 409, Has: outside},
		{Name: "after them", As: rosa, Path: path, Body: at("17:30-18:30"), Want: 409, Has: outside},
		{Name: "over the break", As: rosa, Path: path, Body: at("13:30-15:30"), Want: 409, Has: outside},
		{Name: "through the collection", As: rosa, Path: records, Body: at("13:30-15:30"), Want: 409, Has: outside},
		{Name: "not moved there either", As: rosa, Method: "PUT", Path: path + "/" + appointmentsapi.CastTomorrow, Body: `{"timeSlot":"20:00-21:00"}`, Want: 409, Has: outside},
		{Name: "a doctor without hours can always be booked", As: rosa, Path: path, Body: booking(patientsapi.Bob, staffapi.Omar, 3, "20:00-21:00"), Want: 201},
	})
	setClinic(t, s, map[string]any{"opensAt": "09:00", "closesAt": "17:00"})
	s.On(t, []kerneltest.Scenario{
		{Name: "before the clinic opens", As: rosa, Path: path, Body: booking(patientsapi.Ada, staffapi.Omar, 3, "08:30-09:30"), Want: 409, Has: outside},
		{Name: "after it closes", As: rosa, Path: path, Body: at("16:30-17:30"), Want: 409, Has: outside},
		{Name: "while it is open", As: rosa, Path: path, Body: at("16:30-17:00"), Want: 201},
	})
}

func TestADayOff(t *testing.T) {
	s := set.Start(t)
	r, err := s.App.FindRecordById("doctors", staffapi.Grace)
	if err != nil {
		t.Fatal(err)
	}
	date, _ := time.Parse(time.DateOnly, day(3))
	r.Set("hours", []staffapi.Shift{{Weekday: (date.Weekday() + 1) % 7, From: "08:00", To: "12:00"}})
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "cannot be booked", As: rosa, Path: path, Body: booking(patientsapi.Bob, staffapi.Grace, 3, "09:00-09:30"), Want: 409, Has: []string{"outside_hours"}},
		{Name: "has no slots", As: rosa, Method: "GET", Path: "/api/doctors/" + staffapi.Grace + "/slots?date=" + day(3), Want: 200, Has: []string{`"slots":[]`}},
	})
}

// A change of the clocks in a zone that has one on known days.
func TestChangeOfClocks(t *testing.T) {
	s := set.Start(t)
	setClinic(t, s, map[string]any{"timeZone": "Europe/Berlin"})
	year := time.Now().Year() + 2
	spring, autumn := lastSunday(year, time.March), lastSunday(year, time.October)
	on := func(date, slot string) map[string]any {
		return map[string]any{"patientId": patientsapi.Ada, "doctorId": staffapi.Grace, "appointmentDate": date, "timeSlot": slot}
	}
	skipped := []string{`"timeSlot":{"code":"time_skipped"`}
	s.On(t, []kerneltest.Scenario{
		{Name: "a time that is skipped", As: rosa, Path: path, Body: on(spring, "02:00-02:30"), Want: 400, Has: skipped},
		{Name: "an end that is skipped", As: rosa, Path: path, Body: on(spring, "01:30-02:30"), Want: 400, Has: skipped},
		{Name: "right up to the change", As: rosa, Path: path, Body: on(spring, "01:30-02:00"), Want: 201, Has: []string{`"startsAt":"` + spring + `T00:30:00.000Z"`}},
		{Name: "right after it", As: rosa, Path: path, Body: on(spring, "03:00-03:30"), Want: 201, Has: []string{`"startsAt":"` + spring + `T01:00:00.000Z"`}},
		{Name: "a time that comes twice is the first", As: rosa, Path: path, Body: on(autumn, "02:30-03:30"), Want: 201, Has: []string{`"startsAt":"` + autumn + `T00:30:00.000Z"`}},
		{Name: "and is booked once", As: rosa, Path: path, Body: on(autumn, "02:45-02:50"), Want: 409, Has: []string{"slot_taken"}},
		{Name: "summer is two hours ahead", As: rosa, Path: path, Body: on(autumn[:5]+"07-01", "00:30-01:00"), Want: 201, Has: []string{`"startsAt":"` + autumn[:5] + `06-30T22:30:00.000Z"`}},
	})
}

func lastSunday(year int, month time.Month) string {
	d := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC)
	return d.AddDate(0, 0, -int(d.Weekday())).Format(time.DateOnly)
}

func TestAnotherTimeZone(t *testing.T) {
	s := set.Start(t)
	yesterday := path + "/" + appointmentsapi.CastYesterday
	before := s.As(t, rosa, "GET", yesterday, nil).JSON(t)["startsAt"]
	setClinic(t, s, map[string]any{"timeZone": "Asia/Kolkata"})
	r := s.As(t, rosa, "GET", path+"/"+appointmentsapi.CastTomorrow, nil)
	if !strings.Contains(r.Body, `"startsAt":"`+day(1)+`T04:30:00.000Z"`) || !strings.Contains(r.Body, `"timeSlot":"10:00-10:30"`) {
		t.Errorf("what is booked does not keep its time of day: %s", r.Body)
	}
	if after := s.As(t, rosa, "GET", yesterday, nil).JSON(t)["startsAt"]; after != before {
		t.Errorf("what took place at %v is said to have been at %v", before, after)
	}
}

func TestSlots(t *testing.T) {
	s := set.Start(t)
	slots := "/api/doctors/" + staffapi.Grace + "/slots?date="
	setHours(t, s, staffapi.Grace, [2]string{"09:00", "11:15"})
	book(t, s, patientsapi.Bob, staffapi.Grace, 1, "09:10-09:40")
	free, named := `{"timeSlot":"10:30-11:00","status":"free"}`, `{"timeSlot":"10:00-10:30","status":"taken","appointmentId":"`+appointmentsapi.CastTomorrow+`","patientId":"`+patientsapi.Ada+`","patientName":"Ada Novak"}`
	mute, bobs := `{"timeSlot":"10:00-10:30","status":"taken"}`, `{"timeSlot":"09:10-09:40","status":"taken"}`
	s.On(t, []kerneltest.Scenario{
		{Name: "a guest sees none", As: guest, Method: "GET", Path: slots + day(1), Want: 401},
		{Name: "a patient sees who has the own slot", As: ada, Method: "GET", Path: slots + day(1), Want: 200, Has: []string{free, named, bobs, `"slotMinutes":30`, `"date":"` + day(1)}, Not: []string{"Tanaka", patientsapi.Bob}},
		{Name: "and another patient does not", As: bob, Method: "GET", Path: slots + day(1), Want: 200, Has: []string{free, mute, "Bob Tanaka"}, Not: []string{"Ada"}},
		{Name: "nor does another doctor", As: omar, Method: "GET", Path: slots + day(1), Want: 200, Has: []string{mute, bobs}, Not: []string{"Ada", "Bob"}},
		{Name: "the doctor does", As: grace, Method: "GET", Path: slots + day(1), Want: 200, Has: []string{named, "Bob Tanaka"}},
		{Name: "so does the desk", As: rosa, Method: "GET", Path: slots + day(1), Want: 200, Has: []string{named, "Bob Tanaka"}},
		{Name: "what touches a booking is not offered", As: rosa, Method: "GET", Path: slots + day(1), Want: 200, Not: []string{"09:00-09:30", "09:30-10:00", "11:00-11:30"}},
		{Name: "a past day", As: rosa, Method: "GET", Path: slots + day(-1), Want: 200, Has: []string{`"status":"past"`}, Not: []string{"free"}},
		{Name: "without hours it is nine to five", As: rosa, Method: "GET", Path: "/api/doctors/" + staffapi.Omar + "/slots?date=" + day(2), Want: 200, Has: []string{`"slots":[{"timeSlot":"09:00-09:30"`, `{"timeSlot":"16:30-17:00","status":"free"}]`}},
		{Name: "an unknown doctor", As: rosa, Method: "GET", Path: "/api/doctors/nobody000000000/slots?date=" + day(2), Want: 404},
		{Name: "a bad day", As: rosa, Method: "GET", Path: slots + "2030-02-30", Want: 400, Has: []string{`"date"`}},
		{Name: "no day", As: rosa, Method: "GET", Path: slots, Want: 400, Has: []string{`"date":{"code":"validation_required"`}},
	})
	s.As(t, ada, "DELETE", path+"/"+appointmentsapi.CastTomorrow, nil)
	if r := s.As(t, rosa, "GET", slots+day(1), nil); !strings.Contains(r.Body, `{"timeSlot":"10:00-10:30","status":"free"}`) {
		t.Errorf("a cancelled slot is not free: %s", r.Body)
	}
}
