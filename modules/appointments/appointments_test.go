package appointments_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var modules = []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(), appointments.Module(),
}

var set = &kerneltest.Set{Modules: modules}

const (
	path    = "/api/appointments"
	records = "/api/collections/appointments/records"
)

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

var (
	guest                                  = kerneltest.Account{}
	alma, ada, bob, grace, omar, nia, rosa = as(authapi.Alma), as(authapi.Ada), as(authapi.Bob), as(authapi.Grace), as(authapi.Omar), as(authapi.Nia), as(authapi.Rosa)
	dana                                   = as(authapi.Dana)
)

// day returns the calendar day n days from today in UTC, the time zone of the test clinic.
func day(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }

// booking is the body of an appointment n days from today.
func booking(patient, doctor string, n int, slot string) map[string]any {
	return map[string]any{"patientId": patient, "doctorId": doctor, "appointmentDate": day(n), "timeSlot": slot}
}

// book makes an appointment as the desk and returns its id.
func book(t *testing.T, s *kerneltest.Server, patient, doctor string, n int, slot string) string {
	t.Helper()
	r := s.As(t, rosa, "POST", path, booking(patient, doctor, n, slot))
	if r.Status != 201 {
		t.Fatalf("book %s: %d %s", slot, r.Status, r.Body)
	}
	return r.ID(t)
}

// noon moves the clinic to where it is past noon now, whenever the test runs, and returns its day.
func noon(t *testing.T, s *kerneltest.Server) string {
	t.Helper()
	east := 12 - time.Now().UTC().Hour()
	zone := fmt.Sprintf("Etc/GMT%+d", -east) // they count the other way round
	if r := s.As(t, alma, "PUT", "/api/clinic", map[string]any{"timeZone": zone}); r.Status != 200 {
		t.Fatalf("%s: %d %s", zone, r.Status, r.Body)
	}
	return time.Now().UTC().Add(time.Duration(east) * time.Hour).Format(time.DateOnly)
}

// bookOn is book for a day of the clinic.
func bookOn(t *testing.T, s *kerneltest.Server, day, slot string) string {
	t.Helper()
	body := booking(patientsapi.Ada, staffapi.Grace, 0, slot)
	body["appointmentDate"] = day
	return s.As(t, rosa, "POST", path, body).ID(t)
}

// register makes n more patients and returns their ids.
func register(t *testing.T, s *kerneltest.Server, n int) (ids []string) {
	t.Helper()
	for i := range n {
		r := s.As(t, rosa, "POST", "/api/patients", map[string]any{"name": fmt.Sprintf("Patient %d", i)})
		if r.Status != 201 {
			t.Fatalf("register: %d %s", r.Status, r.Body)
		}
		ids = append(ids, r.ID(t))
	}
	return ids
}

// setHours gives a doctor the same hours on every day of the week.
func setHours(t *testing.T, s *kerneltest.Server, doctor string, stretches ...[2]string) {
	t.Helper()
	var shifts []staffapi.Shift
	for d := range 7 {
		for _, h := range stretches {
			shifts = append(shifts, staffapi.Shift{Weekday: time.Weekday(d), From: h[0], To: h[1]})
		}
	}
	r, err := s.App.FindRecordById("doctors", doctor)
	if err != nil {
		t.Fatal(err)
	}
	r.Set("hours", shifts)
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
}

func TestBooking(t *testing.T) {
	with := func(change map[string]any) map[string]any {
		b := booking(patientsapi.Ada, staffapi.Grace, 3, "09:00-10:00")
		for k, v := range change {
			if b[k] = v; v == nil {
				delete(b, k)
			}
		}
		return b
	}
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "the desk books", As: rosa, Path: path, Body: with(nil), Want: 201, Has: []string{`"status":"scheduled"`, `"timeSlot":"09:00-10:00"`, `"startsAt":"` + day(3) + `T09:00:00.000Z"`}, Not: []string{"startMinute", "sourceId"}},
		{Name: "spaces around the times do no harm", As: rosa, Path: path, Body: with(map[string]any{"timeSlot": " 10:00 - 11:00 "}), Want: 201, Has: []string{`"timeSlot":"10:00-11:00"`}},
		{Name: "a day may end at 24:00", As: rosa, Path: path, Body: with(map[string]any{"timeSlot": "23:00-24:00"}), Want: 201},
		{Name: "everything that is missing is named at once", As: rosa, Path: path, Body: `{}`, Want: 400, Has: []string{
			`"patientId":{"code":"validation_required"`, `"doctorId":{"code":"validation_required"`, `"appointmentDate":{"code":"validation_required"`, `"timeSlot":{"code":"validation_required"`}},
		{Name: "to a patient too", As: ada, Path: path, Body: `{}`, Want: 400, Has: []string{`"patientId":{"code":"validation_required"`, `"timeSlot":{"code":"validation_required"`}},
		{Name: "an unknown patient", As: rosa, Path: path, Body: with(map[string]any{"patientId": "nobody000000000"}), Want: 400, Has: []string{`"patientId":{"code":"validation_missing_rel_records"`}},
		{Name: "a doctor is no patient", As: rosa, Path: path, Body: with(map[string]any{"patientId": staffapi.Grace}), Want: 400, Has: []string{`"patientId"`}},
		{Name: "an unknown doctor", As: rosa, Path: path, Body: with(map[string]any{"doctorId": "nobody000000000"}), Want: 400, Has: []string{`"doctorId":{"code":"validation_missing_rel_records"`}},
		{Name: "a day that does not exist", As: rosa, Path: path, Body: with(map[string]any{"appointmentDate": "2030-02-30"}), Want: 400, Has: []string{`"appointmentDate":{"code":"validation_invalid_day"`}},
		{Name: "a day in other words", As: rosa, Path: path, Body: with(map[string]any{"appointmentDate": "30.02.2030"}), Want: 400, Has: []string{`"appointmentDate"`}},
		{Name: "a day that is an instant", As: rosa, Path: path, Body: with(map[string]any{"appointmentDate": "2030-01-01T00:00:00Z"}), Want: 400, Has: []string{`"appointmentDate"`}},
		{Name: "yesterday", As: rosa, Path: path, Body: with(map[string]any{"appointmentDate": day(-1)}), Want: 400, Has: []string{`"appointmentDate":{"code":"in_the_past"`}},
		{Name: "a slot that ends as it starts", As: rosa, Path: path, Body: with(map[string]any{"timeSlot": "09:00-09:00"}), Want: 400, Has: []string{`"timeSlot":{"code":"validation_invalid_slot"`}},
		{Name: "a slot that ends before", As: rosa, Path: path, Body: with(map[string]any{"timeSlot": "10:00-09:00"}), Want: 400, Has: []string{`"timeSlot"`}},
		{Name: "a slot over midnight", As: rosa, Path: path, Body: with(map[string]any{"timeSlot": "23:00-00:30"}), Want: 400, Has: []string{`"timeSlot"`}},
		{Name: "24:00 is no start", As: rosa, Path: path, Body: with(map[string]any{"timeSlot": "24:00-24:30"}), Want: 400, Has: []string{`"timeSlot"`}},
		{Name: "a sloppy time", As: rosa, Path: path, Body: with(map[string]any{"timeSlot": "9:00-10:00"}), Want: 400, Has: []string{`"timeSlot"`}},
		{Name: "minutes have sixty seconds", As: rosa, Path: path, Body: with(map[string]any{"timeSlot": "09:60-10:00"}), Want: 400, Has: []string{`"timeSlot"`}},
		{Name: "no slot at all", As: rosa, Path: path, Body: with(map[string]any{"timeSlot": "morning"}), Want: 400, Has: []string{`"timeSlot"`}},
		{Name: "a slot of another type", As: rosa, Path: path, Body: with(map[string]any{"timeSlot": []int{9}}), Want: 400, Has: []string{`"timeSlot"`}},
		{Name: "a relation of another type", As: rosa, Path: path, Body: with(map[string]any{"doctorId": 5}), Want: 400, Has: []string{`"doctorId"`}},
		{Name: "several things at once", As: rosa, Path: path, Body: with(map[string]any{"doctorId": nil, "timeSlot": "x", "appointmentDate": "y"}), Want: 400, Has: []string{`"doctorId"`, `"timeSlot"`, `"appointmentDate"`}},
		{Name: "a reason has an end", As: rosa, Path: path, Body: with(map[string]any{"timeSlot": "12:00-13:00", "reason": fmt.Sprintf("%01001d", 0)}), Want: 400, Has: []string{`"reason"`}},
		{Name: "the server sets the status", As: rosa, Path: path, Body: with(map[string]any{"status": "completed"}), Want: 400, Has: []string{`"status":{"code":"server_set"`}},
		{Name: "and the instant", As: rosa, Path: path, Body: with(map[string]any{"startsAt": "2030-01-01 00:00:00Z"}), Want: 400, Has: []string{`"startsAt":{"code":"server_set"`}},
		{Name: "and what slots are compared by", As: rosa, Path: path, Body: with(map[string]any{"startMinute": 3}), Want: 400, Has: []string{`"startMinute":{"code":"server_set"`}},
	})
}

func TestDeletedPeopleCannotBeBooked(t *testing.T) {
	s := set.Start(t)
	for _, path := range []string{"/api/patients/" + patientsapi.Bob, "/api/collections/doctors/records/" + staffapi.Omar} {
		s.As(t, rosa, "DELETE", "/api/appointments/"+appointmentsapi.CastNextWeek, nil) // Omar's only one
		if r := s.As(t, alma, "DELETE", path, nil); r.Status != 204 {
			t.Fatalf("delete %s: %d %s", path, r.Status, r.Body)
		}
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "a deleted patient", As: rosa, Path: path, Body: booking(patientsapi.Bob, staffapi.Grace, 3, "09:00-10:00"), Want: 400, Has: []string{`"patientId"`}},
		{Name: "a deleted doctor", As: rosa, Path: path, Body: booking(patientsapi.Ada, staffapi.Omar, 3, "09:00-10:00"), Want: 400, Has: []string{`"doctorId"`}},
	})
}

func TestWhoMay(t *testing.T) {
	adas, bobs := booking(patientsapi.Ada, staffapi.Grace, 3, "09:00-10:00"), booking(patientsapi.Bob, staffapi.Omar, 3, "09:00-10:00")
	tomorrow := path + "/" + appointmentsapi.CastTomorrow
	set.Run(t, []kerneltest.Scenario{
		{Name: "a patient books for themself", As: ada, Path: path, Body: adas, Want: 201},
		{Name: "a doctor books in the own calendar", As: grace, Path: path, Body: adas, Want: 201},
		{Name: "a nurse books for anyone", As: nia, Path: path, Body: bobs, Want: 201},
		{Name: "the reception too", As: dana, Path: path, Body: bobs, Want: 201},
		{Name: "and an admin", As: alma, Path: path, Body: bobs, Want: 201},
		{Name: "a doctor reschedules in the own calendar", As: grace, Method: "PUT", Path: tomorrow, Body: `{"timeSlot":"12:00-13:00"}`, Want: 200, Has: []string{`"timeSlot":"12:00-13:00"`}},
		{Name: "the desk moves one to another doctor", As: rosa, Method: "PUT", Path: tomorrow, Body: map[string]any{"doctorId": staffapi.Omar}, Want: 200},
		{Name: "sending back what was read does no harm", As: rosa, Method: "PUT", Path: tomorrow, Body: `{"status":"scheduled","reason":"X"}`, Want: 200},
		{Name: "a patient cancels the own", As: ada, Method: "DELETE", Path: tomorrow, Want: 204},
		{Name: "a doctor cancels the own", As: grace, Method: "DELETE", Path: tomorrow, Want: 204},
	})
}

func TestWhoMayNot(t *testing.T) {
	adas, bobs := booking(patientsapi.Ada, staffapi.Grace, 3, "09:00-10:00"), booking(patientsapi.Bob, staffapi.Omar, 3, "09:00-10:00")
	tomorrow, nextWeek := path+"/"+appointmentsapi.CastTomorrow, path+"/"+appointmentsapi.CastNextWeek
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a guest books nothing", As: guest, Path: path, Body: adas, Want: 401},
		{Name: "a patient does not book for another", As: ada, Path: path, Body: bobs, Want: 403},
		{Name: "nor books through the collection", As: ada, Path: records, Body: bobs, Want: 400},
		{Name: "a doctor does not book in another's", As: grace, Path: path, Body: bobs, Want: 403},
		{Name: "a patient lists the own ones", As: ada, Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":2`}, Not: []string{patientsapi.Bob}},
		{Name: "a doctor lists the own calendar", As: omar, Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":1`}, Not: []string{staffapi.Grace}},
		{Name: "staff list all, the latest slot first", As: rosa, Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":4`, `"items":[{"appointmentDate":"` + day(7)}},
		{Name: "another's is not there", As: ada, Method: "GET", Path: nextWeek, Want: 404},
		{Name: "another doctor's neither", As: grace, Method: "GET", Path: nextWeek, Want: 404},
		{Name: "a guest sees none", As: guest, Method: "GET", Path: tomorrow, Want: 401},
		{Name: "search looks at the reasons", As: nia, Method: "GET", Path: path + "?q=ecg", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "and finds no more than there is to see", As: ada, Method: "GET", Path: path + "?q=ecg", Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "a filter by day", As: nia, Method: "GET", Path: path + "?filter=appointmentDate%3D%27" + day(1) + "%27", Want: 200, Has: []string{`"totalItems":2`}},
		{Name: "expand shows the doctor", As: ada, Method: "GET", Path: tomorrow + "?expand=doctorId", Want: 200, Has: []string{authapi.Grace.Name}},
		{Name: "a patient does not reschedule", As: ada, Method: "PUT", Path: tomorrow, Body: `{"timeSlot":"12:00-13:00"}`, Want: 403},
		{Name: "nor does so through the collection", As: ada, Method: "PATCH", Path: records + "/" + appointmentsapi.CastTomorrow, Body: `{"timeSlot":"12:00-13:00"}`, Want: 404},
		{Name: "a doctor does not move one to another", As: grace, Method: "PUT", Path: tomorrow, Body: map[string]any{"doctorId": staffapi.Omar}, Want: 403, Has: []string{"out_of_reach"}},
		{Name: "another doctor's cannot be moved", As: grace, Method: "PUT", Path: nextWeek, Body: `{"timeSlot":"12:00-13:00"}`, Want: 404},
		{Name: "an appointment keeps its patient", As: rosa, Method: "PUT", Path: tomorrow, Body: map[string]any{"patientId": patientsapi.Bob}, Want: 400, Has: []string{`"patientId":{"code":"create_only"`}},
		{Name: "no client sets the status", As: rosa, Method: "PUT", Path: tomorrow, Body: `{"status":"completed"}`, Want: 400, Has: []string{`"status":{"code":"server_set"`}},
		{Name: "a patient does not cancel another's", As: ada, Method: "DELETE", Path: nextWeek, Want: 404},
		{Name: "a doctor does not cancel another's", As: omar, Method: "DELETE", Path: tomorrow, Want: 404},
		{Name: "a doctor cannot be deleted while booked", As: alma, Method: "DELETE", Path: "/api/doctors/" + staffapi.Omar, Want: 409, Has: []string{"1 appointment ahead"}},
	})
}
