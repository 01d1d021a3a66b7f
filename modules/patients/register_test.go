package patients_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

const (
	path       = "/api/patients"
	collection = "/api/collections/patients/records"
)

func TestEntries(t *testing.T) {
	rosa, alma := as(authapi.Rosa), as(authapi.Alma)
	deleteGrace := func(t *testing.T, s *kerneltest.Server) {
		if r := s.As(t, alma, "DELETE", "/api/collections/doctors/records/"+staffapi.Grace, nil); r.Status != 204 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "spaces are no name", As: rosa, Path: path, Body: `{"name":"   "}`, Want: 400, Has: []string{`"name":{"code":"validation_required"`}},
		{Name: "spaces around a name go", As: rosa, Path: path, Body: `{"name":"  Zoë  "}`, Want: 201, Has: []string{`"name":"Zoë"`}},
		{Name: "everything bad is named at once", As: rosa, Path: path,
			Body: `{"name":" ","age":-1,"email":"x","contact":"a\nb","bloodGroup":"C","assignedDoctorId":"nosuchdoctor000"}`, Want: 400,
			Has: []string{`"name"`, `"age"`, `"email":{"code":"validation_is_email"`, `"contact":{"code":"validation_invalid_contact"`, `"bloodGroup"`, `"assignedDoctorId"`}},
		{Name: "a contact reaches somebody", As: rosa, Path: path, Body: `{"name":"X","contact":"none"}`, Want: 400, Has: []string{`"contact"`}},
		{Name: "an address does", As: rosa, Path: path, Body: `{"name":"X","contact":"x@example.org"}`, Want: 201},
		{Name: "blood groups are written alike", As: rosa, Path: path, Body: `{"name":"X","bloodGroup":" ab − "}`, Want: 201, Has: []string{`"bloodGroup":"AB-"`}},
		{Name: "a deleted doctor is assigned to nobody", As: rosa, Before: deleteGrace, Path: path, Body: `{"name":"X","assignedDoctorId":"` + staffapi.Grace + `"}`, Want: 400, Has: []string{`"assignedDoctorId":{"code":"unknown_doctor"`}},
		{Name: "but stays where they were assigned", As: rosa, Method: "PUT", Path: path + "/" + patientsapi.Ada, Body: `{"contact":"12345"}`, Want: 200, Has: []string{staffapi.Grace}},
		{Name: "a doctor cannot be a patient's id", As: rosa, Path: collection, Body: `{"name":"X","assignedDoctorId":"` + patientsapi.Ada + `"}`, Want: 400, Has: []string{`"assignedDoctorId"`}},
		{Name: "numbers of another system are for imports", As: alma, Path: collection, Body: `{"name":"X","mrn":"P-000900"}`, Want: 400, Has: []string{`"mrn":{"code":"server_set"`}},
		{Name: "a number is never changed", As: alma, Method: "PUT", Path: path + "/" + patientsapi.Ada, Body: `{"mrn":"P-000900"}`, Want: 400, Has: []string{`"mrn"`}},
		{Name: "nobody deletes by a field", As: alma, Method: "PUT", Path: path + "/" + patientsapi.Ada, Body: `{"deletedAt":"2020-01-01","contact":"12345"}`, Want: 400, Has: []string{`"deletedAt":{"code":"server_set"`},
			Then: func(t *testing.T, s *kerneltest.Server, _ kerneltest.Response) {
				if r := s.As(t, rosa, "GET", path+"/"+patientsapi.Ada, nil); r.Status != 200 {
					t.Errorf("she is gone: %d %s", r.Status, r.Body)
				}
			}},
		{Name: "nor at creation", As: alma, Path: path, Body: `{"name":"X","deletedAt":"2020-01-01"}`, Want: 400, Has: []string{`"deletedAt":{"code":"server_set"`}},
	})
}

func TestAccountsOfPatients(t *testing.T) {
	alma, rosa := as(authapi.Alma), as(authapi.Rosa)
	s := set.Start(t)
	free := s.As(t, alma, "POST", "/api/collections/users/records", `{"name":"Free","role":"patient","status":"pending","email":"free@polyclinic.test","password":"quite-a-secret-9","passwordConfirm":"quite-a-secret-9"}`).ID(t)
	untied := `{"name":"X","userId":"` + free + `"}`
	tie := `{"name":"X","userId":"` + authapi.Ada.ID + `"}`
	s.On(t, []kerneltest.Scenario{
		{Name: "not one that is another patient's", As: alma, Path: path, Body: tie, Want: 400, Has: []string{`"userId":{"code":"account_taken"`}},
		{Name: "not a doctor's", As: alma, Path: path, Body: `{"name":"X","userId":"` + authapi.Grace.ID + `"}`, Want: 400, Has: []string{`"userId":{"code":"unknown_account"`}},
		{Name: "not nobody's", As: alma, Path: path, Body: `{"name":"X","userId":"nosuchaccount00"}`, Want: 400, Has: []string{`"userId":{"code":"unknown_account"`}},
		{Name: "the desk ties none", As: rosa, Path: path, Body: untied, Want: 403, Has: []string{`"userId":{"code":"field_not_allowed"`}},
		{Name: "nor by changing", As: as(authapi.Grace), Method: "PUT", Path: path + "/" + patientsapi.Ada, Body: `{"userId":"` + authapi.Bob.ID + `"}`, Want: 403},
		{Name: "nor through the collection", As: rosa, Path: collection, Body: untied, Want: 403},
		{Name: "nor does a patient", As: as(authapi.Ada), Method: "PUT", Path: path + "/" + patientsapi.Ada, Body: `{"userId":"` + authapi.Bob.ID + `"}`, Want: 403},
		{Name: "sending back what was read does no harm", As: rosa, Method: "PUT", Path: path + "/" + patientsapi.Ada, Body: `{"userId":"` + authapi.Ada.ID + `","contact":"12345"}`, Want: 200},
		{Name: "an admin ties a free account", As: alma, Path: path, Body: untied, Want: 201, Has: []string{free}},
	})
}

func TestAnAccountThatIsDeletedLeavesThePatient(t *testing.T) {
	s := set.Start(t)
	account, err := s.App.FindRecordById("users", authapi.Ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.App.Delete(account); err != nil {
		t.Fatal(err)
	}
	ada := s.As(t, as(authapi.Rosa), "GET", path+"/"+patientsapi.Ada, nil).JSON(t)
	if ada["name"] != authapi.Ada.Name || ada["userId"] != "" {
		t.Errorf("want the patient without an account: %v", ada)
	}
}

func TestSigningUpMakesAPatient(t *testing.T) {
	s := set.Start(t)
	const body = `{"name":"New Person","email":"new@polyclinic.test","password":"quite-a-secret-9"}`
	if r := s.Do(t, "POST", "/api/auth/register", "", body); r.Status != 201 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	who := kerneltest.Account{Email: "new@polyclinic.test", Password: "quite-a-secret-9"}
	items := s.As(t, who, "GET", path, nil).Items(t)
	if len(items) != 1 || items[0]["name"] != "New Person" || items[0]["email"] != who.Email || items[0]["mrn"] != "P-000003" || items[0]["age"] != nil {
		t.Errorf("want one patient, themself: %v", items)
	}
}

func TestDeletingIsReversible(t *testing.T) {
	alma, rosa := as(authapi.Alma), as(authapi.Rosa)
	one := path + "/" + patientsapi.Ada
	for _, door := range []string{one, collection + "/" + patientsapi.Ada, "batch"} {
		t.Run(door, func(t *testing.T) {
			s := set.Start(t)
			if door == "batch" {
				r := s.As(t, alma, "POST", "/api/batch", `{"requests":[{"method":"DELETE","url":"`+collection+"/"+patientsapi.Ada+`"}]}`)
				if r.Status != 200 {
					t.Fatalf("%d %s", r.Status, r.Body)
				}
			} else if r := s.As(t, alma, "DELETE", door, nil); r.Status != 204 {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			s.On(t, []kerneltest.Scenario{
				{Name: "no GET", As: alma, Method: "GET", Path: one, Want: 404},
				{Name: "no list", As: rosa, Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":1`}, Not: []string{authapi.Ada.Name}},
				{Name: "no search", As: rosa, Method: "GET", Path: path + "?q=novak", Want: 200, Has: []string{`"totalItems":0`}},
				{Name: "not for herself", As: as(authapi.Ada), Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":0`}},
				{Name: "no change", As: rosa, Method: "PUT", Path: one, Body: `{"contact":"12345"}`, Want: 404},
				{Name: "no second delete", As: alma, Method: "DELETE", Path: one, Want: 404},
				{Name: "the desk does not restore", As: rosa, Path: one + "/restore", Want: 403},
				{Name: "nor lists the deleted", As: rosa, Method: "GET", Path: path + "/deleted", Want: 403},
				{Name: "an admin lists the deleted", As: alma, Method: "GET", Path: path + "/deleted", Want: 200, Has: []string{`"totalItems":1`, authapi.Ada.Name, `"deletedAt":"20`}},
				{Name: "finds one among them", As: alma, Method: "GET", Path: path + "/deleted?q=novak&sort=-name&filter=mrn!=''", Want: 200, Has: []string{`"totalItems":1`}},
				{Name: "and nobody else", As: alma, Method: "GET", Path: path + "/deleted?filter=id='" + patientsapi.Bob + "'", Want: 200, Has: []string{`"totalItems":0`}},
				{Name: "an admin restores", As: alma, Path: one + "/restore", Want: 200, Has: []string{authapi.Ada.Name, `"age":`}, Not: []string{"deletedAt"}},
				{Name: "once", As: alma, Path: one + "/restore", Want: 409, Has: []string{`"not_deleted"`}},
				{Name: "she is back", As: as(authapi.Ada), Method: "GET", Path: one, Want: 200, Has: []string{"Penicillin"}},
				{Name: "nobody restores whom there never was", As: alma, Path: path + "/nosuchpatient00/restore", Want: 404},
			})
		})
	}
}

func TestNoPathRemovesAPatient(t *testing.T) {
	s := set.Start(t)
	ada, err := s.App.FindRecordById("patients", patientsapi.Ada)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.App.Delete(ada); err != nil {
		t.Fatal(err)
	}
	if err := s.App.Delete(ada); s.Kernel.StatusOf(err) != 404 {
		t.Errorf("a second delete: got %v, want not found", err)
	}
	_, err = s.App.NonconcurrentDB().Delete("patients", dbx.HashExp{"id": patientsapi.Bob}).Execute()
	if s.Kernel.StatusOf(err) != 409 {
		t.Errorf("plain SQL: got %v, want the trigger's refusal", err)
	}
	for _, id := range []string{patientsapi.Ada, patientsapi.Bob} {
		if _, err := s.App.FindRecordById("patients", id); err != nil {
			t.Errorf("%s is gone", id)
		}
	}
}

func TestWhoWatchesHearsOfADelete(t *testing.T) {
	s := set.Start(t)
	streams := map[string]*kerneltest.Stream{}
	for _, who := range []authapi.Account{authapi.Nia, authapi.Bob} {
		st := s.Connect(t)
		if r := s.Subscribe(t, st, s.Token(t, as(who)), "patients/*"); r.Status != 204 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		streams[who.Role] = st
	}
	if r := s.As(t, as(authapi.Alma), "DELETE", path+"/"+patientsapi.Ada, nil); r.Status != 204 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if r := s.As(t, as(authapi.Alma), "PUT", path+"/"+patientsapi.Bob, `{"contact":"+1 555 7777"}`); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	var heard []string
	for range 2 { // in either order
		ev, _ := streams["nurse"].Next(t)
		for _, part := range []string{`"action":"delete"`, `"action":"update"`} {
			if strings.Contains(ev.Data, part) {
				heard = append(heard, part)
			}
		}
	}
	slices.Sort(heard)
	if strings.Join(heard, " ") != `"action":"delete" "action":"update"` {
		t.Errorf("the nurse hears %v", heard)
	}
	if ev, _ := streams["patient"].Next(t); !strings.Contains(ev.Data, "+1 555 7777") || strings.Contains(ev.Data, authapi.Ada.Name) {
		t.Errorf("Bob hears of himself alone: %s", ev.Data)
	}
}

func TestNumbersAreUniqueAndWithoutGaps(t *testing.T) {
	s := set.Start(t)
	rosa := as(authapi.Rosa)
	s.Token(t, rosa)
	const clients = 30
	numbers := make([]string, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			switch i % 3 {
			case 0:
				numbers[i], _ = s.As(t, rosa, "POST", path, `{"name":"X"}`).JSON(t)["mrn"].(string)
			case 1:
				numbers[i], _ = s.As(t, rosa, "POST", collection, `{"name":"X"}`).JSON(t)["mrn"].(string)
			default: // refused, so it uses none
				s.As(t, rosa, "POST", "/api/batch", `{"requests":[{"method":"POST","url":"`+collection+`","body":{"name":"X"}},{"method":"POST","url":"`+collection+`","body":{"name":"X","email":"bad"}}]}`)
			}
		})
	}
	wg.Wait()
	numbers = slices.DeleteFunc(numbers, func(n string) bool { return n == "" })
	slices.Sort(numbers)
	if len(numbers) != 20 {
		t.Fatalf("%d patients were made, want 20", len(numbers))
	}
	for i, n := range numbers {
		if want := fmt.Sprintf("P-%06d", i+3); n != want { // the cast has two
			t.Errorf("number %d is %s, want %s", i, n, want)
		}
	}
	last, err := s.App.FindFirstRecordByData("patients", "mrn", numbers[19])
	if err != nil {
		t.Fatal(err)
	}
	if r := s.As(t, as(authapi.Alma), "DELETE", path+"/"+last.Id, nil); r.Status != 204 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if got := s.As(t, rosa, "POST", path, `{"name":"X"}`).JSON(t)["mrn"]; got != "P-000023" {
		t.Errorf("the number of a deleted patient is given again: %v", got)
	}
}

func TestTheCounterIsNobodysBusiness(t *testing.T) {
	s := set.Start(t)
	if r := s.As(t, as(authapi.Alma), "GET", "/api/collections/patient_numbers/records", nil); r.Status != 403 && r.Status != 404 {
		t.Errorf("an admin reads the counter: %d %s", r.Status, r.Body)
	}
}

func TestDemo(t *testing.T) {
	full := &kerneltest.Set{Modules: set.Modules, Full: true}
	s := full.Start(t)
	n, err := s.App.CountRecords("patients")
	if err != nil || n < 200 {
		t.Fatalf("the demo has %d patients (%v), want 200 or more", n, err)
	}
	if r := s.As(t, as(authapi.Nia), "GET", path+"?perPage=200&filter=bloodGroup%3D%27O%2B%27", nil); len(r.Items(t)) < 20 {
		t.Errorf("few have blood group O+: %d", len(r.Items(t)))
	}
}

// A counter that went back would give numbers that were given, and without one there are none.
func TestTheCounterGoesOnAndStays(t *testing.T) {
	s := set.Start(t)
	root := s.Superuser(t)
	const counter = "/api/collections/patient_numbers/records/patientnumber01"
	for _, method := range []string{"PATCH", "DELETE"} {
		if r := s.Do(t, method, counter, root, `{"last":0}`); r.Status != 409 || r.Code("last") != "number_kept" {
			t.Errorf("%s: %d %s", method, r.Status, r.Body)
		}
	}
	if r := s.Do(t, "PATCH", counter, root, `{"last":7000}`); r.Status != 200 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if got := s.As(t, as(authapi.Rosa), "POST", path, `{"name":"X"}`).JSON(t)["mrn"]; got != "P-007001" {
		t.Errorf("a clinic that begins at a number of its own goes on from %v", got)
	}
}
