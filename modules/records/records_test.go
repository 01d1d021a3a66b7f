package records_test

import (
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/records"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

func modules() []kernel.Module {
	return []kernel.Module{
		hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(),
		appointments.Module(), records.Module(),
	}
}

var set = &kerneltest.Set{Modules: modules()}

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

const (
	path       = "/api/medical-records"
	collection = "/api/collections/medical_records/records"
)

// entry is a valid body for Ada's record with something added.
func entry(more string) string {
	return `{"patientId":"` + patientsapi.Ada + `","diagnosis":"Cough"` + more + `}`
}

func TestADoctorWritesARecord(t *testing.T) {
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", Path: path, Body: entry(""), Want: 401},
		{Name: "the doctor is the author", As: as(authapi.Omar), Path: path, Body: entry(`,"treatment":"Rest","notes":"dry"`), Want: 201,
			Has: []string{`"authorId":"` + authapi.Omar.ID, `"doctorId":"` + staffapi.Omar, `"version":1`, `"status":"active"`, `"treatment":"Rest"`, `"prescriptions":[]`}, Not: []string{`"recordedAt":""`, "sourceId"}},
		{Name: "also through the collection", As: as(authapi.Omar), Path: collection, Body: entry(""), Want: 200, Has: []string{`"authorId":"` + authapi.Omar.ID}},
		{Name: "an admin does not write records", As: as(authapi.Alma), Path: path, Body: entry(""), Want: 403},
		{Name: "nor a nurse", As: as(authapi.Nia), Path: path, Body: entry(""), Want: 403},
		{Name: "nor staff", As: as(authapi.Rosa), Path: path, Body: entry(""), Want: 403},
		{Name: "nor the patient", As: as(authapi.Ada), Path: path, Body: entry(""), Want: 403},
		{Name: "nor a nurse through the collection", As: as(authapi.Nia), Path: collection, Body: entry(""), Want: 400},
		{Name: "nobody signs for somebody else", As: as(authapi.Omar), Path: path, Body: entry(`,"authorId":"` + authapi.Grace.ID + `"`), Want: 400, Has: []string{`"authorId":{"code":"server_set"`}},
		{Name: "nor through the collection", As: as(authapi.Omar), Path: collection, Body: entry(`,"authorId":"` + authapi.Grace.ID + `"`), Want: 400, Has: []string{`"authorId":{"code":"server_set"`}},
		{Name: "nor in a batch", As: as(authapi.Omar), Path: "/api/batch", Body: `{"requests":[{"method":"POST","url":"` + collection + `","body":` + entry(`,"authorId":"`+authapi.Grace.ID+`"`) + `}]}`, Want: 400, Has: []string{"server_set"}},
		{Name: "nor chooses a version or a status", As: as(authapi.Omar), Path: path, Body: entry(`,"version":7,"status":"entered-in-error","doctorId":"` + staffapi.Grace + `"`), Want: 400,
			Has: []string{`"version":{"code":"server_set"`, `"status":{"code":"server_set"`, `"doctorId":{"code":"server_set"`}},
		{Name: "every bad field is named at once", As: as(authapi.Omar), Path: path, Body: `{"diagnosis":" ","prescriptions":"x","codes":5,"recordedAt":"2999-01-01 00:00:00.000Z"}`, Want: 400,
			Has: []string{`"patientId":{"code":"validation_required"`, `"diagnosis":{"code":"validation_required"`, `"prescriptions":{"code":"invalid_prescriptions"`, `"codes":{"code":"invalid_codes"`, `"recordedAt":{"code":"in_future"`}},
		{Name: "nobody's record is refused", As: as(authapi.Omar), Path: path, Body: `{"patientId":"patnobody000001","diagnosis":"Cough"}`, Want: 400, Has: []string{`"patientId":{"code":"validation_missing_rel_records"`}},
		{Name: "a doctor is no patient", As: as(authapi.Omar), Path: path, Body: `{"patientId":"` + staffapi.Grace + `","diagnosis":"Cough"}`, Want: 400, Has: []string{`"patientId"`}},
		{Name: "a wrong type is named", As: as(authapi.Omar), Path: path, Body: `{"patientId":["x",{}],"diagnosis":{}}`, Want: 400, Has: []string{`"patientId"`, `"diagnosis"`}},
		{Name: "a visit of last week is entered late", As: as(authapi.Omar), Path: path, Body: entry(`,"recordedAt":"2024-05-01T10:00:00.000Z"`), Want: 201, Has: []string{`"recordedAt":"2024-05-01T10:00:00.000Z"`}},
	})
}

func TestPrescriptions(t *testing.T) {
	s := set.Start(t)
	omar := as(authapi.Omar)
	for _, good := range []string{
		`["Aspirin 75 mg"]`, `[]`, `null`,
		`[{"medicine":"Aspirin","dose":"75 mg","frequency":"daily","duration":"30 days","repeats":2,"generic":true}]`,
		`["med1",{"medicine":"Ibuprofen"}]`,
	} {
		if r := s.As(t, omar, "POST", path, entry(`,"prescriptions":`+good)); r.Status != 201 {
			t.Errorf("%s: got %d, want 201: %s", good, r.Status, r.Body)
		}
	}
	for _, bad := range []string{`"Aspirin"`, `7`, `true`, `{"medicine":"x"}`, `[""]`, `["  "]`, `[1]`, `[null]`, `[["x"]]`, `[{}]`, `[{"medicine":""}]`, `[{"medicine":7}]`, `[{"dose":"1"}]`, `[{"medicine":"x","dose":{}}]`} {
		for _, url := range []string{path, collection} {
			if r := s.As(t, omar, "POST", url, entry(`,"prescriptions":`+bad)); r.Status != 400 || r.Code("prescriptions") != "invalid_prescriptions" {
				t.Errorf("%s %s: got %d, want 400 naming prescriptions: %s", url, bad, r.Status, r.Body)
			}
		}
	}
	r := s.As(t, omar, "POST", path, entry(`,"prescriptions":["a",{"medicine":"b","dose":"1"}],"codes":[{"system":"http://hl7.org/fhir/sid/icd-10","code":"R05","display":"Cough"}]`))
	if got := r.JSON(t)["prescriptions"].([]any); len(got) != 2 || got[0] != "a" || got[1].(map[string]any)["medicine"] != "b" {
		t.Errorf("what was sent is not kept: %s", r.Body)
	}
}

func TestWhoReadsRecords(t *testing.T) {
	s := set.Start(t)
	adas, bobs := path+"/"+patientsapi.Ada, path+"/"+patientsapi.Bob
	s.On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", Method: "GET", Path: adas, Want: 401},
		{Name: "a doctor reads everybody's", As: as(authapi.Omar), Method: "GET", Path: adas, Want: 200, Has: []string{`"totalItems":1`, recordsapi.Ada}},
		{Name: "so do a nurse", As: as(authapi.Nia), Method: "GET", Path: adas, Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "and an admin", As: as(authapi.Alma), Method: "GET", Path: adas, Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "the patient reads own", As: as(authapi.Ada), Method: "GET", Path: adas, Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "somebody else's are not there", As: as(authapi.Ada), Method: "GET", Path: bobs, Want: 404},
		{Name: "an unknown patient's neither", As: as(authapi.Omar), Method: "GET", Path: path + "/patnobody000001", Want: 404},
		{Name: "staff do not read records", As: as(authapi.Rosa), Method: "GET", Path: adas, Want: 403},
		{Name: "nor through the collection", As: as(authapi.Rosa), Method: "GET", Path: collection, Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "nor one by one", As: as(authapi.Rosa), Method: "GET", Path: collection + "/" + recordsapi.Ada, Want: 404},
		{Name: "nor its history", As: as(authapi.Rosa), Method: "GET", Path: path + "/" + recordsapi.Ada + "/history", Want: 403},
		{Name: "a patient lists own in the collection", As: as(authapi.Ada), Method: "GET", Path: collection, Want: 200, Has: []string{`"totalItems":1`, recordsapi.Ada}},
		{Name: "a patient reads own history", As: as(authapi.Ada), Method: "GET", Path: path + "/" + recordsapi.Ada + "/history", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "but nobody else's", As: as(authapi.Ada), Method: "GET", Path: path + "/" + recordsapi.Bob + "/history", Want: 404},
		{Name: "versions are for nobody directly", As: as(authapi.Alma), Method: "GET", Path: "/api/collections/medical_record_versions/records", Want: 403},
		{Name: "a search finds words", As: as(authapi.Grace), Method: "GET", Path: adas + "?q=anaemia", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "and not what is not there", As: as(authapi.Grace), Method: "GET", Path: adas + "?q=fracture", Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "newest comes first", As: as(authapi.Omar), Path: path, Body: entry(`,"recordedAt":"2020-01-01 00:00:00.000Z"`), Want: 201, Then: func(t *testing.T, s *kerneltest.Server, _ kerneltest.Response) {
			items := s.As(t, as(authapi.Omar), "GET", adas, nil).Items(t)
			if len(items) != 2 || items[0]["id"] != recordsapi.Ada {
				t.Errorf("got %v", items)
			}
		}},
	})
}

func TestWhoChangesARecord(t *testing.T) {
	const adas, change = path + "/" + recordsapi.Ada, `{"notes":"better"}`
	for name, url := range map[string]string{"documented": adas, "collection": collection + "/" + recordsapi.Ada} {
		denied := 404
		if name == "documented" {
			denied = 403
		}
		t.Run(name, func(t *testing.T) {
			set.Start(t).On(t, []kerneltest.Scenario{
				{Name: "the author", As: as(authapi.Grace), Method: "PATCH", Path: url, Body: change, Want: 200, Has: []string{`"version":2`, `"changedById":"` + authapi.Grace.ID}},
				{Name: "an admin, who does not become the author", As: as(authapi.Alma), Method: "PATCH", Path: url, Body: change, Want: 200, Has: []string{`"changedById":"` + authapi.Alma.ID, `"authorId":"` + authapi.Grace.ID}},
				{Name: "no other doctor", As: as(authapi.Omar), Method: "PATCH", Path: url, Body: change, Want: denied},
				{Name: "no nurse", As: as(authapi.Nia), Method: "PATCH", Path: url, Body: change, Want: denied},
				{Name: "no patient", As: as(authapi.Ada), Method: "PATCH", Path: url, Body: change, Want: denied},
				{Name: "the author may not hand it over", As: as(authapi.Grace), Method: "PATCH", Path: url, Body: `{"authorId":"` + authapi.Omar.ID + `"}`, Want: 400, Has: []string{`"authorId":{"code":"server_set"`}},
				{Name: "nor to another patient", As: as(authapi.Grace), Method: "PATCH", Path: url, Body: `{"patientId":"` + patientsapi.Bob + `"}`, Want: 400, Has: []string{`"patientId":{"code":"create_only"`}},
				{Name: "nor empty it", As: as(authapi.Grace), Method: "PATCH", Path: url, Body: `{"diagnosis":"  "}`, Want: 400, Has: []string{`"diagnosis":{"code":"validation_required"`}},
				{Name: "a stale change is refused", As: as(authapi.Grace), Method: "PATCH", Path: url, Body: `{"notes":"x","updated":"2020-01-01 00:00:00.000Z"}`, Want: 409, Has: []string{`"stale"`}},
				{Name: "no other doctor deletes", As: as(authapi.Omar), Method: "DELETE", Path: url, Want: denied},
				{Name: "the author deletes", As: as(authapi.Grace), Method: "DELETE", Path: url, Want: 204},
				{Name: "an admin deletes anybody's", As: as(authapi.Alma), Method: "DELETE", Path: strings.Replace(url, recordsapi.Ada, recordsapi.Bob, 1), Want: 204},
			})
		})
	}
}

func TestARecordOfAVisitIsThatPatients(t *testing.T) {
	s := set.Start(t)
	adas := appointment(t, s, patientsapi.Ada, staffapi.Grace, "2024-03-04", "09:00-10:00")
	bobs := appointment(t, s, patientsapi.Bob, staffapi.Omar, "2024-03-04", "09:00-10:00")
	grace := as(authapi.Grace)
	s.On(t, []kerneltest.Scenario{
		{Name: "own visit", As: grace, Path: path, Body: entry(`,"appointmentId":"` + adas + `"`), Want: 201, Has: []string{adas}},
		{Name: "another patient's visit", As: grace, Path: path, Body: entry(`,"appointmentId":"` + bobs + `"`), Want: 400, Has: []string{`"appointmentId":{"code":"wrong_patient"`}},
		{Name: "also afterwards", As: grace, Method: "PUT", Path: path + "/" + recordsapi.Ada, Body: `{"appointmentId":"` + bobs + `"}`, Want: 400, Has: []string{`"appointmentId":{"code":"wrong_patient"`}},
		{Name: "also through the collection", As: grace, Method: "PATCH", Path: collection + "/" + recordsapi.Ada, Body: `{"appointmentId":"` + bobs + `"}`, Want: 400, Has: []string{`"wrong_patient"`}},
		{Name: "no visit at all", As: grace, Path: path, Body: entry(`,"appointmentId":"appnothing00001"`), Want: 400, Has: []string{`"appointmentId":{"code":"validation_missing_rel_records"`}},
	})
}
