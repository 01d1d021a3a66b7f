package appointments_test
import ("testing";"time";"fmt";"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi";"github.com/polyclinic-os/polyclinic/modules/staff/staffapi";"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi")
func TestZZ(t *testing.T) {
	s := set.Start(t)
	x := func(q string) { st := time.Now(); if _, err := s.App.NonconcurrentDB().NewQuery(q).Execute(); err != nil { t.Fatal(err) }; fmt.Println(time.Since(st), q[:min(60,len(q))]) }
	x("DROP TRIGGER appointments_doctorId_insert"); x("DROP TRIGGER visit_days_insert"); x("DROP TRIGGER appointments_patientId_insert")
	x(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 200) INSERT INTO doctors (id,name,specialty,created,updated) SELECT printf('docbig%09d', i), 'Dr '||i, 'GP', '2026-01-01 00:00:00.000Z','2026-01-01 00:00:00.000Z' FROM n`)
	x(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 20000) INSERT INTO patients (id,name,mrn,created,updated) SELECT printf('patbig%09d', i), 'P '||i, 'X'||i, '2026-01-01 00:00:00.000Z','2026-01-01 00:00:00.000Z' FROM n`)
	x(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 20000) INSERT INTO appointments (id,patientId,doctorId,appointmentDate,timeSlot,status,startMinute,endMinute,startsAt,created,updated) SELECT printf('appbig%09d', i), printf('patbig%09d', 1 + (i*7919) % 20000), printf('docbig%09d', 1 + i % 200), date('2015-01-01', ((i/3200)*10)||' days'), printf('%02d:%02d-%02d:%02d', 8 + (i/200)%16/2, ((i/200)%2)*30, 8+ (i/200)%16/2, ((i/200)%2)*30+29), 'completed', 480 + ((i/200)%16)*30, 509 + ((i/200)%16)*30, date('2015-01-01', ((i/3200)*10)||' days')||' 08:00:00.000Z', '2026-01-01 00:00:00.000Z','2026-01-01 00:00:00.000Z' FROM n`)
	x("UPDATE appointments SET doctorId = '"+staffapi.Omar+"' WHERE doctorId = 'docbig000000001'")
	_ = 0
	for _, c := range []struct{ n string; f func() int }{
		{"staff list", func() int { return s.As(t, rosa, "GET", path, nil).Status }},
		{"staff list skipTotal", func() int { return s.As(t, rosa, "GET", path+"?skipTotal=1", nil).Status }},
		{"staff day", func() int { return s.As(t, rosa, "GET", path+"?filter=appointmentDate%3D%27"+day(1)+"%27", nil).Status }},
		{"staff q", func() int { return s.As(t, rosa, "GET", path+"?q=tanaka", nil).Status }},
		{"patient list", func() int { return s.As(t, ada, "GET", path, nil).Status }},
		{"patient list by date", func() int { return s.As(t, ada, "GET", path+"?filter=patientId%3D%27"+patientsapi.Ada+"%27", nil).Status }},
		{"doctor list", func() int { return s.As(t, omar, "GET", path, nil).Status }},
		{"view", func() int { return s.As(t, ada, "GET", path+"/"+appointmentsapi.CastTomorrow, nil).Status }},
		{"slots", func() int { return s.As(t, ada, "GET", "/api/doctors/"+staffapi.Omar+"/slots?date="+day(2), nil).Status }},
		{"book", func() int { return s.As(t, rosa, "POST", path, booking(patientsapi.Ada, staffapi.Omar, 30, "09:00-09:30")).Status }},
		{"book taken", func() int { return s.As(t, rosa, "POST", path, booking(patientsapi.Ada, staffapi.Omar, 30, "09:00-09:30")).Status }},
	} {
		s.Token(t, rosa); s.Token(t, ada); s.Token(t, omar)
		for range 2 { st := time.Now(); code := c.f(); fmt.Println(c.n, code, time.Since(st)) }
	}
	_ = staffapi.Omar
}
