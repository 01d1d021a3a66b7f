package appointments_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// Tomorrow Dr Grace has Ada at 10:00-10:30.
func TestOverlap(t *testing.T) {
	taken := []string{`"timeSlot":{"code":"slot_taken"`}
	grace, omar, carol := staffapi.Grace, staffapi.Omar, patientsapi.Bob
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "the same slot", As: rosa, Path: path, Body: booking(carol, grace, 1, "10:00-10:30"), Want: 409, Has: taken},
		{Name: "the end overlaps", As: rosa, Path: path, Body: booking(carol, grace, 1, "09:30-10:01"), Want: 409, Has: taken},
		{Name: "the beginning overlaps", As: rosa, Path: path, Body: booking(carol, grace, 1, "10:29-11:00"), Want: 409, Has: taken},
		{Name: "around it", As: rosa, Path: path, Body: booking(carol, grace, 1, "09:00-12:00"), Want: 409, Has: taken},
		{Name: "within it", As: rosa, Path: path, Body: booking(carol, grace, 1, "10:10-10:20"), Want: 409, Has: taken},
		{Name: "the patient is elsewhere", As: rosa, Path: path, Body: booking(patientsapi.Ada, omar, 1, "10:15-11:00"), Want: 409, Has: append(taken, "The patient already")},
		{Name: "through the collection", As: rosa, Path: records, Body: booking(carol, grace, 1, "10:10-10:20"), Want: 409, Has: taken},
		{Name: "through a batch", As: rosa, Path: "/api/batch", Body: map[string]any{"requests": []map[string]any{{"method": "POST", "url": records, "body": booking(carol, grace, 1, "10:10-10:20")}}}, Want: 409, Has: taken},
		{Name: "two of one batch", As: rosa, Path: "/api/batch", Body: map[string]any{"requests": []map[string]any{
			{"method": "POST", "url": records, "body": booking(carol, omar, 5, "10:00-10:30")},
			{"method": "POST", "url": records, "body": booking(carol, omar, 5, "10:15-10:45")},
		}}, Want: 409, Has: taken},
		{Name: "nothing of that batch stays", As: rosa, Path: path, Body: booking(carol, omar, 5, "10:00-10:30"), Want: 201},
		{Name: "right before it", As: rosa, Path: path, Body: booking(carol, grace, 1, "09:30-10:00"), Want: 201},
		{Name: "right after it", As: rosa, Path: path, Body: booking(carol, grace, 1, "10:30-11:00"), Want: 201},
		{Name: "another doctor and patient at the same time", As: rosa, Path: path, Body: booking(carol, omar, 1, "10:00-10:30"), Want: 201},
		{Name: "the same time of another day", As: rosa, Path: path, Body: booking(carol, grace, 2, "10:00-10:30"), Want: 201},
	})
}

func TestTheDatabaseHoldsTheSlotToo(t *testing.T) {
	s := set.Start(t)
	other := book(t, s, patientsapi.Bob, staffapi.Omar, 1, "10:00-10:30")
	for name, sql := range map[string]string{
		"an insert": "INSERT INTO appointments (id, patientId, doctorId, appointmentDate, timeSlot, status, startMinute, endMinute) VALUES ('rawinsert000001', '" +
			patientsapi.Bob + "', '" + staffapi.Grace + "', '" + day(1) + "', '10:00-10:30', 'scheduled', 610, 640)",
		"another doctor":  "UPDATE appointments SET doctorId = '" + staffapi.Grace + "' WHERE id = '" + other + "'",
		"another patient": "UPDATE appointments SET patientId = '" + patientsapi.Ada + "' WHERE id = '" + other + "'",
		"a revival":       "UPDATE appointments SET status = 'scheduled' WHERE id = '" + appointmentsapi.CastCancelled + "'",
	} {
		_, err := s.App.NonconcurrentDB().NewQuery(sql).Execute()
		if err == nil || !strings.Contains(err.Error(), "polyclinic:slot_taken:timeSlot") {
			t.Errorf("%s: got %v, want slot_taken", name, err)
		}
	}
}

func TestReschedule(t *testing.T) {
	tomorrow := path + "/" + appointmentsapi.CastTomorrow
	move := func(slot string) map[string]any { return map[string]any{"timeSlot": slot} }
	s := set.Start(t)
	book(t, s, patientsapi.Bob, staffapi.Grace, 1, "14:00-15:00")
	s.On(t, []kerneltest.Scenario{
		{Name: "a new slot is had", As: rosa, Method: "PUT", Path: tomorrow, Body: move("11:00-12:00"), Want: 200, Has: []string{`"timeSlot":"11:00-12:00"`, `"startsAt":"` + day(1) + `T11:00:00.000Z"`}},
		{Name: "the old one is free", As: rosa, Path: path, Body: booking(patientsapi.Bob, staffapi.Grace, 1, "10:00-10:30"), Want: 201},
		{Name: "a taken one is not had", As: rosa, Method: "PUT", Path: tomorrow, Body: move("14:30-15:30"), Want: 409, Has: []string{`"timeSlot":{"code":"slot_taken"`}},
		{Name: "and the old one is kept", As: rosa, Method: "GET", Path: tomorrow, Want: 200, Has: []string{`"timeSlot":"11:00-12:00"`}},
		{Name: "it does not stand in its own way", As: rosa, Method: "PUT", Path: tomorrow, Body: move("11:30-12:30"), Want: 200},
		{Name: "not into the past", As: rosa, Method: "PUT", Path: tomorrow, Body: map[string]any{"appointmentDate": day(-2)}, Want: 400, Has: []string{`"appointmentDate":{"code":"in_the_past"`}},
		{Name: "not to a slot that is none", As: rosa, Method: "PUT", Path: tomorrow, Body: move("x"), Want: 400, Has: []string{`"timeSlot"`}},
		{Name: "not to nobody", As: rosa, Method: "PUT", Path: tomorrow, Body: `{"doctorId":""}`, Want: 400, Has: []string{`"doctorId":{"code":"validation_required"`}},
		{Name: "through a batch a taken one is not had", As: rosa, Path: "/api/batch", Body: map[string]any{"requests": []map[string]any{{"method": "PATCH", "url": records + "/" + appointmentsapi.CastTomorrow, "body": move("14:30-15:30")}}}, Want: 409, Has: []string{"slot_taken"}},
		{Name: "a stale change is refused", As: rosa, Method: "PUT", Path: tomorrow, Body: move("16:00-16:30"), Headers: []string{`If-Match: "2020-01-01 00:00:00.000Z"`}, Want: 409, Has: []string{"stale"}},
		{Name: "one that took place is not moved", As: rosa, Method: "PUT", Path: path + "/" + appointmentsapi.CastYesterday, Body: map[string]any{"appointmentDate": day(4)}, Want: 409, Has: []string{"appointment_over"}},
		{Name: "one that is cancelled neither", As: rosa, Method: "PUT", Path: path + "/" + appointmentsapi.CastCancelled, Body: move("17:00-17:30"), Want: 409, Has: []string{"appointment_over"}},
		{Name: "its reason can be put right", As: rosa, Method: "PUT", Path: path + "/" + appointmentsapi.CastYesterday, Body: `{"reason":"ECG"}`, Want: 200},
	})
}

func TestCancel(t *testing.T) {
	tomorrow := path + "/" + appointmentsapi.CastTomorrow
	s := set.Start(t)
	s.On(t, []kerneltest.Scenario{
		{Name: "a reason is text", As: ada, Method: "DELETE", Path: tomorrow, Body: `{"reason":5}`, Want: 400, Has: []string{`"reason"`}},
		{Name: "a patient cancels and may say why", As: ada, Method: "DELETE", Path: tomorrow, Body: `{"reason":" Feels better "}`, Want: 204},
		{Name: "it stays readable", As: ada, Method: "GET", Path: tomorrow, Want: 200, Has: []string{`"status":"cancelled"`, `"cancelReason":"Feels better"`}},
		{Name: "its slot is free at once", As: rosa, Path: path, Body: booking(patientsapi.Bob, staffapi.Grace, 1, "10:00-10:30"), Want: 201},
		{Name: "cancelling twice is a conflict", As: ada, Method: "DELETE", Path: tomorrow, Want: 409, Has: []string{"already_cancelled"}},
		{Name: "so it is through the collection", As: ada, Method: "DELETE", Path: records + "/" + appointmentsapi.CastTomorrow, Want: 409},
		{Name: "one that took place cannot be cancelled", As: rosa, Method: "DELETE", Path: path + "/" + appointmentsapi.CastYesterday, Want: 409, Has: []string{"appointment_over"}},
		{Name: "the collection cancels too", As: rosa, Method: "DELETE", Path: records + "/" + appointmentsapi.CastNextWeek, Want: 204},
		{Name: "and keeps the row", As: rosa, Method: "GET", Path: path + "/" + appointmentsapi.CastNextWeek, Want: 200, Has: []string{`"status":"cancelled"`}},
		{Name: "there is nothing to cancel", As: rosa, Method: "DELETE", Path: path + "/nothing00000000", Want: 404},
	})
	id := book(t, s, patientsapi.Ada, staffapi.Omar, 2, "10:00-10:30")
	r := s.As(t, rosa, "POST", "/api/batch", map[string]any{"requests": []map[string]any{{"method": "DELETE", "url": records + "/" + id}}})
	if a, err := s.App.FindRecordById("appointments", id); r.Status != 200 || err != nil || a.GetString("status") != "cancelled" {
		t.Errorf("batch: %d %s; %v %v", r.Status, r.Body, a, err)
	}
}

func TestADeletedPatientsAppointmentsAreCancelled(t *testing.T) {
	s := set.Start(t)
	if r := s.As(t, alma, "DELETE", "/api/patients/"+patientsapi.Ada, nil); r.Status != 204 {
		t.Fatalf("delete: %d %s", r.Status, r.Body)
	}
	for range 2 { // a reaction may run twice
		s.Kernel.Deliver()
	}
	for id, want := range map[string]string{appointmentsapi.CastTomorrow: "cancelled", appointmentsapi.CastYesterday: "completed", appointmentsapi.CastNextWeek: "scheduled"} {
		if a, err := s.App.FindRecordById("appointments", id); err != nil || a.GetString("status") != want {
			t.Errorf("%s: got %v, %v, want %s", id, a, err, want)
		}
	}
}

func TestProgress(t *testing.T) {
	s := set.Start(t)
	today := noon(t, s)
	at := path + "/" + bookOn(t, s, today, "15:00-15:30")
	bobs := booking(patientsapi.Bob, staffapi.Grace, 0, "15:00-15:30")
	bobs["appointmentDate"] = today
	s.On(t, []kerneltest.Scenario{
		{Name: "a guest notes nothing", As: guest, Path: at + "/check-in", Want: 401},
		{Name: "nor does a patient", As: ada, Path: at + "/check-in", Want: 403},
		{Name: "nor another doctor", As: omar, Path: at + "/check-in", Want: 404},
		{Name: "nobody stayed away yet", As: rosa, Path: at + "/no-show", Want: 409, Has: []string{`"status":{"code":"too_early"`}},
		{Name: "nor was there yet", As: grace, Path: at + "/complete", Want: 409, Has: []string{`"status":{"code":"too_early"`}},
		{Name: "the desk checks in who comes early", As: rosa, Path: at + "/check-in", Want: 200, Has: []string{`"status":"checked-in"`, `"checkedInAt":"2`}},
		{Name: "once", As: rosa, Path: at + "/check-in", Want: 409, Has: []string{"invalid_transition"}},
		{Name: "who is here did not stay away", As: rosa, Path: at + "/no-show", Want: 409, Has: []string{`"status":{"code":"too_early"`}},
		{Name: "who has arrived is not moved", As: rosa, Method: "PUT", Path: at, Body: `{"timeSlot":"16:00-17:00"}`, Want: 409, Has: []string{"appointment_over"}},
		{Name: "the slot stays taken", As: rosa, Path: path, Body: bobs, Want: 409},
		{Name: "the doctor starts early", As: grace, Path: at + "/start", Want: 200, Has: []string{`"status":"in-progress"`, `"startedAt":"2`}},
		{Name: "who is inside did not stay away", As: nia, Path: at + "/no-show", Want: 409, Has: []string{"invalid_transition"}},
		{Name: "the doctor completes", As: grace, Path: at + "/complete", Want: 200, Has: []string{`"status":"completed"`, `"completedAt":"2`}},
		{Name: "completed is the end", As: grace, Path: at + "/start", Want: 409, Has: []string{"invalid_transition"}},
		{Name: "a completed visit leaves the slot", As: rosa, Path: path, Body: bobs, Want: 201},
		{Name: "a stale step is refused", As: rosa, Path: path + "/" + appointmentsapi.CastNextWeek + "/check-in", Headers: []string{`If-Match: "2020-01-01 00:00:00.000Z"`}, Want: 409, Has: []string{"stale"}},
	})
}

// The minutes follow from the slot: set apart from it, they would let somebody book it again.
func TestTheMinutesOfASlotAreNotSetApart(t *testing.T) {
	s := set.Start(t)
	url, root := records+"/"+appointmentsapi.CastTomorrow, s.Superuser(t)
	for field, body := range map[string]string{
		"startMinute": `{"startMinute":5,"endMinute":6}`, "endMinute": `{"endMinute":601}`, "startsAt": `{"startsAt":"2020-01-01 00:00:00.000Z"}`,
	} {
		if r := s.Do(t, "PATCH", url, root, body); r.Status != 400 || r.Code(field) != "server_set" {
			t.Errorf("in the dashboard: %d %s", r.Status, r.Body)
		}
	}
	if r := s.Do(t, "PATCH", url, root, `{"timeSlot":"11:00-11:30","startMinute":5}`); r.Status != 200 || r.JSON(t)["startMinute"] != 660.0 {
		t.Errorf("with a slot of its own: %d %s", r.Status, r.Body)
	}
}

// What is on another day is not begun today, by whichever way.
func TestAVisitOfALaterDayWaits(t *testing.T) {
	s := set.Start(t)
	noon(t, s)
	id := book(t, s, patientsapi.Ada, staffapi.Grace, 3, "10:00-10:30")
	at := path + "/" + id
	if r := s.Do(t, "PATCH", records+"/"+id, s.Superuser(t), `{"status":"checked-in"}`); r.Status != 409 || r.Code("status") != "too_early" {
		t.Errorf("in the dashboard: %d %s", r.Status, r.Body)
	}
	early := []string{`"status":{"code":"too_early"`, "The appointment is on " + day(3)}
	s.On(t, []kerneltest.Scenario{
		{Name: "nobody has arrived", As: rosa, Path: at + "/check-in", Want: 409, Has: early},
		{Name: "nothing begins", As: grace, Path: at + "/start", Want: 409, Has: early},
		{Name: "nothing is over", As: grace, Path: at + "/complete", Want: 409, Has: early},
		{Name: "nobody stayed away", As: rosa, Path: at + "/no-show", Want: 409, Has: early},
		{Name: "it is cancelled", As: rosa, Method: "DELETE", Path: at, Want: 204},
	})
}

// Who left before the slot began is noted then; what was forgotten is noted on a later day.
func TestStepsThatAreNotedLate(t *testing.T) {
	s := set.Start(t)
	at := bookOn(t, s, noon(t, s), "15:00-15:30")
	begun := func(sql string) func(*testing.T, *kerneltest.Server) {
		return func(t *testing.T, s *kerneltest.Server) {
			if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE appointments SET " + sql + " WHERE id = '" + at + "'").Execute(); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "checked in and gone", As: rosa, Path: path + "/" + at + "/no-show", Want: 200, Before: begun("status = 'checked-in', startMinute = 0, timeSlot = '00:00-15:30'")},
		{Name: "forgotten for days", As: rosa, Path: path + "/" + at + "/complete", Want: 200, Before: begun("status = 'in-progress', appointmentDate = '" + day(-5) + "'")},
	})
}

func TestTheDashboardTakesTheSameSteps(t *testing.T) {
	s := set.Start(t)
	for id, status := range map[string]string{appointmentsapi.CastYesterday: "scheduled", appointmentsapi.CastCancelled: "checked-in", appointmentsapi.CastTomorrow: "no-show"} {
		a, err := s.App.FindRecordById("appointments", id)
		if err != nil {
			t.Fatal(err)
		}
		a.Set("status", status)
		if err := s.App.Save(a); s.Kernel.StatusOf(err) != 409 {
			t.Errorf("%s to %s: got %v, want a conflict", id, status, err)
		}
	}
}

func TestAPatientWhoComesAfterAll(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("appointments")
	if err != nil {
		t.Fatal(err)
	}
	missed := core.NewRecord(c)
	missed.Load(map[string]any{"patientId": patientsapi.Ada, "doctorId": staffapi.Omar, "appointmentDate": day(0), "timeSlot": "00:00-24:00", "status": "no-show"})
	if err := s.App.Save(missed); err != nil {
		t.Fatal(err)
	}
	checkIn := kerneltest.Scenario{As: rosa, Path: path + "/" + missed.Id + "/check-in"}
	free, taken := checkIn, checkIn
	free.Name, free.Want = "is checked in", 200
	taken.Name, taken.Want, taken.Has = "unless the slot was given away", 409, []string{"slot_taken"}
	taken.Before = func(t *testing.T, s *kerneltest.Server) {
		other := core.NewRecord(c)
		other.Load(map[string]any{"patientId": patientsapi.Bob, "doctorId": staffapi.Omar, "appointmentDate": day(0), "timeSlot": "12:00-13:00", "status": "checked-in"})
		if err := s.App.Save(other); err != nil {
			t.Fatal(err)
		}
	}
	again := func(t *testing.T, s *kerneltest.Server, _ kerneltest.Response) {
		if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE appointments SET status = 'no-show' WHERE id = '" + missed.Id + "'").Execute(); err != nil {
			t.Fatal(err)
		}
	}
	free.Then = again
	s.On(t, []kerneltest.Scenario{free, taken})
}

// The past that an import brings may overlap, lie outside hours and be put right later.
func TestImportedVisits(t *testing.T) {
	s := set.Start(t)
	setHours(t, s, staffapi.Grace, [2]string{"08:00", "09:00"})
	c, err := s.App.FindCollectionByNameOrId("appointments")
	if err != nil {
		t.Fatal(err)
	}
	visit := func(source, slot string) *core.Record {
		r := core.NewRecord(c)
		r.Load(map[string]any{"patientId": patientsapi.Ada, "doctorId": staffapi.Grace, "appointmentDate": "2019-03-04", "timeSlot": slot, "status": "completed", "sourceId": source})
		return r
	}
	one, two := visit("Encounter/1", "19:00-20:00"), visit("Encounter/2", "19:30-20:30")
	for _, r := range []*core.Record{one, two} {
		if err := s.App.Save(r); err != nil {
			t.Fatal(err)
		}
	}
	one.Set("timeSlot", "19:00-19:45")
	if err := s.App.Save(one); err != nil || one.GetInt("endMinute") != 19*60+45 {
		t.Errorf("a correction: %v, ends at %d", err, one.GetInt("endMinute"))
	}
	if err := s.App.Save(visit("Encounter/3", "19:00")); s.Kernel.StatusOf(err) != 400 {
		t.Errorf("a slot that is none: got %v, want 400", err)
	}
	if n := outboxed(t, s); n != 0 {
		t.Errorf("the past was announced %d times", n)
	}
}

func outboxed(t *testing.T, s *kerneltest.Server) int64 {
	t.Helper()
	n, err := s.App.CountRecords("outbox")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestHasTreated(t *testing.T) {
	s := set.Start(t)
	for _, test := range []struct {
		name, doctor, patient string
		want                  bool
	}{
		{"with visits together", staffapi.Grace, patientsapi.Ada, true},
		{"with one ahead", staffapi.Omar, patientsapi.Bob, true},
		{"with a cancelled one only", staffapi.Grace, patientsapi.Bob, false},
		{"never", staffapi.Omar, patientsapi.Ada, false},
		{"nobody", "", "", false},
	} {
		if got, err := appointmentsapi.HasTreated(s.App, test.doctor, test.patient); err != nil || got != test.want {
			t.Errorf("%s: got %t, %v, want %t", test.name, got, err, test.want)
		}
	}
}
