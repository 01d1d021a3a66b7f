package records_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
)

// appointment puts a completed visit into the diary, as an import does.
func appointment(t *testing.T, s *kerneltest.Server, patient, doctor, day, slot string) string {
	t.Helper()
	c, err := s.App.FindCollectionByNameOrId("appointments")
	if err != nil {
		t.Fatal(err)
	}
	r := core.NewRecord(c)
	r.Load(map[string]any{"patientId": patient, "doctorId": doctor, "appointmentDate": day, "timeSlot": slot, "status": "completed"})
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	return r.Id
}

func history(t *testing.T, s *kerneltest.Server, who authapi.Account, id, query string) []map[string]any {
	t.Helper()
	return s.As(t, as(who), "GET", path+"/"+id+"/history"+query, nil).Items(t)
}

func TestEveryVersionIsKept(t *testing.T) {
	s := set.Start(t)
	url := path + "/" + recordsapi.Ada
	s.As(t, as(authapi.Grace), "PUT", url, `{"diagnosis":"Second","prescriptions":["b"]}`)
	s.As(t, as(authapi.Alma), "PATCH", collection+"/"+recordsapi.Ada, `{"diagnosis":"Third"}`)
	s.As(t, as(authapi.Grace), "POST", "/api/batch", `{"requests":[{"method":"PATCH","url":"`+collection+`/`+recordsapi.Ada+`","body":{"diagnosis":"Fourth"}}]}`)

	items := history(t, s, authapi.Nia, recordsapi.Ada, "")
	var got []string
	for _, v := range items {
		who, _ := v["changedBy"].(map[string]any)
		got = append(got, fmt.Sprintf("%v %v by %v", v["version"], v["diagnosis"], who["name"]))
	}
	want := []string{"4 Fourth by Dr Grace Okafor", "3 Third by Alma Reyes", "2 Second by Dr Grace Okafor", "1 Iron deficiency anaemia by Dr Grace Okafor"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if p := items[2]["prescriptions"].([]any); len(p) != 1 || p[0] != "b" {
		t.Errorf("version 2 has prescriptions %v", p)
	}
	if _, hidden := items[3]["sourceId"]; hidden {
		t.Error("a version shows a hidden field")
	}
	if first, second := items[3]["updated"].(string), items[2]["updated"].(string); first == "" || first >= second {
		t.Errorf("version 1 is of %s, version 2 of %s", first, second)
	}
	for page, want := range [][]string{{"4", "3", "2"}, {"1"}, {}} {
		var got []string
		for _, v := range history(t, s, authapi.Nia, recordsapi.Ada, fmt.Sprintf("?perPage=3&page=%d", page+1)) {
			got = append(got, fmt.Sprint(v["version"]))
		}
		if !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("page %d: got %v, want %v", page+1, got, want)
		}
	}
}

func TestWhatIsEnteredInErrorIsKept(t *testing.T) {
	s := set.Start(t)
	url := path + "/" + recordsapi.Ada
	grace, ada := as(authapi.Grace), as(authapi.Ada)
	s.On(t, []kerneltest.Scenario{
		{Name: "a reason is text", As: grace, Method: "DELETE", Path: url, Body: `{"reason":5}`, Want: 400, Has: []string{`"reason":`}},
		{Name: "a reason may be given", As: grace, Method: "DELETE", Path: url, Body: `{"reason":"wrong patient"}`, Want: 204},
		{Name: "a second delete finds nothing", As: grace, Method: "DELETE", Path: url, Want: 404},
		{Name: "nor does a change", As: grace, Method: "PUT", Path: url, Body: `{"notes":"x"}`, Want: 404},
		{Name: "it is off the list", As: grace, Method: "GET", Path: path + "/" + patientsapi.Ada, Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "also for an admin in the collection", As: as(authapi.Alma), Method: "GET", Path: collection + "/" + recordsapi.Ada, Want: 404},
		{Name: "the patient does not see it", As: ada, Method: "GET", Path: url + "/history", Want: 404},
		{Name: "its history does", As: as(authapi.Omar), Method: "GET", Path: url + "/history", Want: 200,
			Has: []string{`"totalItems":2`, `"status":"entered-in-error"`, `"enteredInErrorReason":"wrong patient"`, `"status":"active"`, `"changedById":"` + authapi.Grace.ID}},
	})
}

func TestOneOfManyDeletesWins(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, as(authapi.Grace))
	var gone int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r := s.Do(t, "DELETE", path+"/"+recordsapi.Ada, token, nil)
			mu.Lock()
			defer mu.Unlock()
			if r.Status == http.StatusNoContent {
				gone++
			} else if r.Status != http.StatusNotFound {
				t.Errorf("got %d: %s", r.Status, r.Body)
			}
		})
	}
	wg.Wait()
	if n := len(history(t, s, authapi.Alma, recordsapi.Ada, "")); gone != 1 || n != 2 {
		t.Errorf("%d deletes went through, %d versions; want 1 and 2", gone, n)
	}
}

func TestNoTextIsLostUnderConcurrency(t *testing.T) {
	s := set.Start(t)
	url := path + "/" + recordsapi.Ada
	tokens := []string{s.Token(t, as(authapi.Grace)), s.Token(t, as(authapi.Alma))}
	const writers = 20
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			if r := s.Do(t, "PUT", url, tokens[i%2], fmt.Sprintf(`{"diagnosis":"text %d"}`, i)); r.Status != http.StatusOK {
				t.Errorf("writer %d: got %d: %s", i, r.Status, r.Body)
			}
		})
	}
	wg.Wait()
	seen := map[any]bool{}
	items := history(t, s, authapi.Alma, recordsapi.Ada, "?perPage=100")
	for i, v := range items {
		seen[v["diagnosis"]] = true
		if want := float64(writers + 1 - i); v["version"] != want {
			t.Errorf("item %d has version %v, want %v", i, v["version"], want)
		}
	}
	if len(items) != writers+1 || len(seen) != writers+1 {
		t.Errorf("%d versions with %d texts, want %d of each", len(items), len(seen), writers+1)
	}
}

func TestTheFirstOfTwoEditorsWins(t *testing.T) {
	s := set.Start(t)
	url := path + "/" + recordsapi.Ada
	read := s.As(t, as(authapi.Grace), "GET", collection+"/"+recordsapi.Ada, nil).JSON(t)["updated"].(string)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	tokens := []string{s.Token(t, as(authapi.Grace)), s.Token(t, as(authapi.Alma))}
	for i := range 10 {
		wg.Go(func() {
			r := s.Do(t, "PUT", url, tokens[i%2], fmt.Sprintf(`{"notes":"%d"}`, i), `If-Match: "`+read+`"`)
			mu.Lock()
			got[r.Status]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if got[200] != 1 || got[409] != 9 {
		t.Errorf("got %v, want one 200 and nine 409", got)
	}
}

func TestTheDatabaseKeepsWhatHooksCannot(t *testing.T) {
	s := set.Start(t)
	s.As(t, as(authapi.Grace), "PUT", path+"/"+recordsapi.Ada, `{"notes":"second"}`)
	for _, sql := range []string{
		"DELETE FROM medical_records",
		"UPDATE medical_records SET diagnosis = 'x'",
		"UPDATE medical_records SET patientId = '" + patientsapi.Bob + "', version = version + 1 WHERE id = '" + recordsapi.Ada + "'",
		"UPDATE medical_record_versions SET content = '{}'",
		"DELETE FROM medical_record_versions",
		"INSERT OR REPLACE INTO medical_records (id, patientId, diagnosis) VALUES ('" + recordsapi.Ada + "', '" + patientsapi.Ada + "', 'x')",
	} {
		if _, err := s.App.NonconcurrentDB().NewQuery(sql).Execute(); err == nil || !strings.Contains(err.Error(), "polyclinic:") {
			t.Errorf("%s: got %v, want it refused", sql, err)
		}
	}
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE medical_records SET diagnosis = 'by hand', version = version + 1").Execute(); err != nil {
		t.Fatal(err)
	}
	if items := history(t, s, authapi.Alma, recordsapi.Ada, ""); len(items) != 3 || items[0]["diagnosis"] != "by hand" || items[1]["notes"] != "second" {
		t.Errorf("got %v", items)
	}
	for _, id := range []string{recordsapi.Ada, recordsapi.Bob} {
		r, err := s.App.FindRecordById("medical_records", id)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.App.Delete(r); err != nil { // a job's delete is an entry in error, too
			t.Fatal(err)
		}
		if left, err := s.App.FindRecordById("medical_records", id); err != nil || left.GetString("status") != recordsapi.EnteredInError {
			t.Errorf("after a delete: %v", err)
		}
	}
}

func TestVersionsHaveTheFieldsThatAClinicAdds(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("medical_records")
	if err != nil {
		t.Fatal(err)
	}
	c.Fields.Add(&core.TextField{Name: "x_ward"}, &core.SelectField{Name: "x_kinds", MaxSelect: 1, Values: []string{"a", "b"}})
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	url := path + "/" + recordsapi.Ada
	for _, ward := range []string{"North", "South"} {
		if r := s.As(t, as(authapi.Grace), "PUT", url, `{"x_ward":"`+ward+`","x_kinds":"a"}`); r.Status != 200 {
			t.Fatalf("%d: %s", r.Status, r.Body)
		}
	}
	if items := history(t, s, authapi.Alma, recordsapi.Ada, ""); len(items) != 3 || items[1]["x_ward"] != "North" || items[0]["x_ward"] != "South" {
		t.Errorf("got %v", items)
	}
	c.Fields.GetByName("x_kinds").(*core.SelectField).MaxSelect = 2 // PocketBase converts the column
	c.Fields.RemoveByName("x_ward")
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	if r := s.As(t, as(authapi.Grace), "PUT", url, `{"notes":"x","x_kinds":["a","b"]}`); r.Status != 200 {
		t.Fatalf("%d: %s", r.Status, r.Body)
	}
	if items := history(t, s, authapi.Alma, recordsapi.Ada, ""); len(items) != 4 {
		t.Errorf("got %d versions, want 4", len(items))
	}
}

func TestARecordOfSomebodyOffTheRegisterIsOutOfSight(t *testing.T) {
	s := set.Start(t)
	if r := s.As(t, as(authapi.Alma), "DELETE", "/api/patients/"+patientsapi.Ada, nil); r.Status != 204 {
		t.Fatalf("%d: %s", r.Status, r.Body)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "by the documented path", As: as(authapi.Grace), Method: "GET", Path: path + "/" + patientsapi.Ada, Want: 404},
		{Name: "in the collection", As: as(authapi.Grace), Method: "GET", Path: collection + "/" + recordsapi.Ada, Want: 404},
		{Name: "for the patient", As: as(authapi.Ada), Method: "GET", Path: collection + "/" + recordsapi.Ada, Want: 404},
		{Name: "but the law's eye finds its history", As: as(authapi.Alma), Method: "GET", Path: path + "/" + recordsapi.Ada + "/history", Want: 200},
		{Name: "and no more is written", As: as(authapi.Grace), Path: path, Body: entry(""), Want: 400, Has: []string{`"patientId":{"code":"validation_missing_rel_records"`}},
	})
}

func TestAHistoryIsAListLikeAnyOther(t *testing.T) {
	s := set.Start(t)
	url := path + "/" + recordsapi.Ada
	for _, diagnosis := range []string{"Second", "Third"} {
		if r := s.As(t, as(authapi.Grace), "PUT", url, `{"diagnosis":"`+diagnosis+`"}`); r.Status != 200 {
			t.Fatal(r.Body)
		}
	}
	doctor := as(authapi.Grace)
	s.On(t, []kerneltest.Scenario{
		{Name: "oldest first", As: doctor, Method: "GET", Path: url + "/history?sort=version&perPage=1", Want: 200, Has: []string{`"totalItems":3`, `"version":1`, `"changedBy":`}},
		{Name: "one version", As: doctor, Method: "GET", Path: url + "/history?filter=version=2", Want: 200, Has: []string{`"totalItems":1`, "Second"}, Not: []string{"Third"}},
		{Name: "searched", As: doctor, Method: "GET", Path: url + "/history?q=third", Want: 200, Has: []string{`"totalItems":1`, "Third"}},
		{Name: "expanded", As: doctor, Method: "GET", Path: url + "/history?expand=patientId&perPage=1", Want: 200, Has: []string{`"expand":{"patientId":{`}},
		{Name: "of no other record", As: doctor, Method: "GET", Path: url + "/history?filter=patientId!=''||id!=''", Want: 200, Has: []string{`"totalItems":3`}},
		{Name: "of a record that is not there", As: doctor, Method: "GET", Path: path + "/nosuchrecord000/history", Want: 404},
	})
}

// Who wrote a record is part of it: the dashboard may set any field, but not this one.
func TestARecordKeepsItsAuthor(t *testing.T) {
	s := set.Start(t)
	r := s.Do(t, "PATCH", collection+"/"+recordsapi.Ada, s.Superuser(t), `{"authorId":"`+authapi.Omar.ID+`"}`)
	if r.Status != 400 || r.Code("authorId") != "server_set" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}
