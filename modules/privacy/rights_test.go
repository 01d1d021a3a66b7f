package privacy_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

func TestAWithdrawnConsentIsRefusedItsUse(t *testing.T) {
	s := set.Start(t)
	write := kerneltest.Scenario{As: nia, Path: "/api/messages", Body: `{"receiverId":"` + patientsapi.Ada + `","messageText":"Your results"}`}
	with := func(name string, want int, has ...string) kerneltest.Scenario {
		sc := write
		sc.Name, sc.Want, sc.Has = name, want, has
		return sc
	}
	s.On(t, []kerneltest.Scenario{with("nobody said anything", 201)})
	r := s.As(t, dana, "POST", "/api/consents", `{"patientId":"`+patientsapi.Ada+`","purpose":"messages","version":"2026-01"}`)
	if r.Status != 201 || r.JSON(t)["takenById"] != authapi.Dana.ID {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	id := r.JSON(t)["id"].(string)
	s.On(t, []kerneltest.Scenario{
		with("given", 201),
		{Name: "another patient does not withdraw it", As: bob, Path: "/api/consents/" + id + "/withdraw", Want: 404},
		{Name: "the patient does", As: ada, Path: "/api/consents/" + id + "/withdraw", Want: 200, Has: []string{`"withdrawnById":"` + authapi.Ada.ID}},
		{Name: "once", As: ada, Path: "/api/consents/" + id + "/withdraw", Want: 409},
		with("withdrawn", 403, "consent_withdrawn"),
		{Name: "on the collection's path too", As: nia, Path: "/api/collections/messages/records", Body: write.Body, Want: 403, Has: []string{"consent_withdrawn"}},
		{Name: "she may write herself", As: ada, Path: "/api/messages", Body: `{"receiverId":"` + staffapi.Nia + `","messageText":"Please call"}`, Want: 201},
		{Name: "it stays as it was", As: alma, Method: "PATCH", Path: "/api/collections/consents/records/" + id, Body: `{"version":"x"}`, Want: 403},
		{Name: "nobody says who took it", As: dana, Path: "/api/consents", Body: `{"patientId":"` + patientsapi.Ada + `","purpose":"messages","version":"2","takenById":"x"}`, Want: 400},
		{Name: "given again", As: ada, Path: "/api/consents", Body: `{"patientId":"` + patientsapi.Ada + `","purpose":"messages","version":"2026-02"}`, Want: 201},
		with("it counts again", 201),
		{Name: "for somebody else", As: ada, Path: "/api/consents", Body: `{"patientId":"` + patientsapi.Bob + `","purpose":"video","version":"1"}`, Want: 403},
	})
	if _, err := s.App.NonconcurrentDB().NewQuery("DELETE FROM consents").Execute(); err == nil {
		t.Error("a consent was deleted")
	}
}

func TestARequestOfAPatientIsAnswered(t *testing.T) {
	s := set.Start(t)
	r := s.As(t, ada, "POST", "/api/privacy-requests", `{"patientId":"`+patientsapi.Ada+`","kind":"correction","text":"My address is another"}`)
	if r.Status != 201 || r.JSON(t)["status"] != "open" {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	at := "/api/privacy-requests/" + r.JSON(t)["id"].(string)
	s.On(t, []kerneltest.Scenario{
		{Name: "not by others", As: bob, Method: "GET", Path: at, Want: 404},
		{Name: "patients do not answer", As: ada, Method: "PUT", Path: at, Body: `{"status":"done"}`, Want: 403},
		{Name: "an answer says something", As: alma, Method: "PUT", Path: at, Body: `{"status":"done"}`, Want: 400, Has: []string{`"answer"`}},
		{Name: "answered", As: alma, Method: "PUT", Path: at, Body: `{"status":"done","answer":"Corrected."}`, Want: 200, Has: []string{`"answeredById":"` + authapi.Alma.ID}},
		{Name: "the patient reads it", As: ada, Method: "GET", Path: at, Want: 200, Has: []string{"Corrected."}},
		{Name: "saved as it is", As: alma, Method: "PUT", Path: at, Body: `{"status":"done","answer":"Corrected."}`, Want: 200},
		{Name: "not answered anew", As: alma, Method: "PUT", Path: at, Body: `{"answer":"Never said."}`, Want: 409, Has: []string{`"answered"`}},
		{Name: "nor otherwise", As: alma, Method: "PUT", Path: at, Body: `{"status":"refused","answer":"No."}`, Want: 409},
		{Name: "nor opened again", As: alma, Method: "PATCH", Path: "/api/collections/privacy_requests/records/" + r.JSON(t)["id"].(string), Body: `{"status":"open"}`, Want: 409},
	})
}

// TestARequestBeginsOpenWhoeverMakesIt sends what only an answer says.
func TestARequestBeginsOpenWhoeverMakesIt(t *testing.T) {
	s := set.Start(t)
	of := `{"patientId":"` + patientsapi.Ada + `","kind":"erasure","text":"Erase me",`
	for _, path := range []string{"/api/privacy-requests", "/api/collections/privacy_requests/records"} {
		s.On(t, []kerneltest.Scenario{
			{Name: "refused by the desk", As: nia, Path: path, Body: of + `"status":"refused","answer":"No."}`, Want: 400, Has: []string{`"status"`, `"answer"`}},
			{Name: "answered by the patient", As: ada, Path: path, Body: of + `"status":"done"}`, Want: 400, Has: []string{`"status"`}},
			{Name: "with an answer", As: alma, Path: path, Body: of + `"status":"open","answer":"Soon."}`, Want: 400, Has: []string{`"answer"`}},
		})
	}
	r := s.As(t, nia, "POST", "/api/privacy-requests", of+`"status":"open"}`)
	if r.Status != 201 {
		t.Fatalf("an open one: %d %s", r.Status, r.Body)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "an answer has an outcome", As: alma, Method: "PUT", Path: "/api/privacy-requests/" + r.JSON(t)["id"].(string), Body: `{"answer":"Soon."}`, Want: 400, Has: []string{`"status"`}},
		{Name: "it waits for the admins", As: alma, Method: "GET", Path: "/api/privacy-requests?filter=status%3D%22open%22", Want: 200, Has: []string{r.JSON(t)["id"].(string)}},
	})
}

// withAttachment gives a record a file.
func withAttachment(t *testing.T, s *kerneltest.Server, id, name string) {
	t.Helper()
	r, err := s.App.FindRecordById("medical_records", id)
	if err != nil {
		t.Fatal(err)
	}
	f, err := filesystem.NewFileFromBytes([]byte("a letter"), name)
	if err != nil {
		t.Fatal(err)
	}
	r.Set("attachments", []any{f})
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
}

func TestAnExportHasEverythingAndItsSums(t *testing.T) {
	s := set.Start(t)
	withAttachment(t, s, recordsapi.Bob, "letter.txt")
	path := "/api/patients/" + patientsapi.Bob + "/export"
	s.On(t, []kerneltest.Scenario{
		{Name: "not by his doctor", As: omar, Method: "GET", Path: path, Want: 403},
		{Name: "nor by another patient", As: ada, Method: "GET", Path: path, Want: 404},
		{Name: "by an admin", As: alma, Method: "GET", Path: path, Want: 200},
	})
	r := s.As(t, bob, "GET", path, nil)
	z, err := zip.NewReader(strings.NewReader(r.Body), int64(len(r.Body)))
	if err != nil {
		t.Fatalf("%d: %v", r.Status, err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
	var m struct {
		Files []struct{ Name, SHA256 string }
	}
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != len(files)-1 {
		t.Errorf("the manifest names %d files of %d", len(m.Files), len(files)-1)
	}
	letter := false
	for _, f := range m.Files {
		sum := sha256.Sum256(files[f.Name])
		if hex.EncodeToString(sum[:]) != f.SHA256 {
			t.Errorf("%s: another sum", f.Name)
		}
		letter = letter || strings.HasPrefix(f.Name, "files/medical_records/"+recordsapi.Bob+"/") && string(files[f.Name]) == "a letter"
	}
	if !letter {
		t.Error("the attached letter is missing")
	}
	all := bytes.Join([][]byte{files["patients.json"], files["medical_records.json"], files["users.json"], files["appointments.json"]}, nil)
	for _, want := range []string{authapi.Bob.Name, authapi.Bob.Email, recordsapi.Bob, "appcancelled001", "letter.txt"} {
		if !bytes.Contains(all, []byte(want)) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, no := range []string{"tokenKey", "password", authapi.Ada.Name, kernel.SearchColumn} {
		if bytes.Contains(all, []byte(no)) {
			t.Errorf("has %s", no)
		}
	}
}

// A module that begins to hold patients' data and says nothing of it fails here.
func TestEveryCollectionOfPatientsIsInAPart(t *testing.T) {
	s := set.Start(t)
	patients, err := s.App.FindCollectionByNameOrId("patients")
	if err != nil {
		t.Fatal(err)
	}
	users, err := s.App.FindCollectionByNameOrId(kernel.AccountsCollection)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]bool{}
	for _, p := range kernel.All[privacyapi.Part](s.Kernel) {
		in[p.Collection] = true
		var n int
		err := s.App.DB().NewQuery("SELECT count(*) FROM [" + p.Collection + "] WHERE " + p.Where).Bind(map[string]any{"patient": "x", "account": ""}).Row(&n)
		if err != nil || n != 0 {
			t.Errorf("%s of nobody: %d, %v", p.Collection, n, err)
		}
	}
	all, err := s.App.FindAllCollections(core.CollectionTypeBase, core.CollectionTypeAuth)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		for _, f := range c.Fields {
			rel, ok := f.(*core.RelationField)
			if ok && rel.CollectionId == patients.Id && !in[c.Name] {
				t.Errorf("%s has patients in %s and is in no privacyapi.Part", c.Name, rel.Name)
			}
			// What goes with an account is the account's, and so a patient's.
			if ok && rel.CollectionId == users.Id && rel.CascadeDelete && !in[c.Name] {
				t.Errorf("%s belongs to accounts by %s and is in no privacyapi.Part", c.Name, rel.Name)
			}
		}
	}
}

func TestRetentionIsCountedAndNothingIsRemoved(t *testing.T) {
	s := set.Start(t)
	years := s.As(t, alma, "GET", "/api/retention-rules?q=&perPage=50", nil).Items(t)
	if len(years) != 6 {
		t.Fatalf("got %v", years)
	}
	list, err := privacy.Overdue(s.App, time.Now().AddDate(11, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, d := range list {
		if d.RecordType == "medical_records" || d.RecordType == "appointments" {
			if seen++; d.Rows == 0 || d.Oldest == "" {
				t.Errorf("got %+v", d)
			}
		}
	}
	if seen != 2 {
		t.Errorf("got %+v", list)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "admins only", As: grace, Method: "GET", Path: "/api/privacy/retention", Want: 403},
		{Name: "nothing is due today", As: alma, Method: "GET", Path: "/api/privacy/retention", Want: 200, Has: []string{`"recordType":"medical_records"`, `"rows":0`}},
		{Name: "no year at all", As: alma, Method: "PUT", Path: "/api/retention-rules/retention000001", Body: `{"years":0}`, Want: 400},
		{Name: "thirty", As: alma, Method: "PUT", Path: "/api/retention-rules/retention000001", Body: `{"years":30}`, Want: 200},
		{Name: "a type stays", As: alma, Method: "PUT", Path: "/api/retention-rules/retention000001", Body: `{"recordType":"x"}`, Want: 400},
	})
}

func TestAnImportedPatientWasRegisteredByTheFirstVisit(t *testing.T) {
	s := set.Start(t)
	save := func(collection string, fields map[string]any) *core.Record {
		t.Helper()
		c, err := s.App.FindCollectionByNameOrId(collection)
		if err != nil {
			t.Fatal(err)
		}
		r := core.NewRecord(c)
		r.Load(fields)
		if err := s.App.Save(r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	visit := func(patient, source, day string) {
		save("appointments", map[string]any{"patientId": patient, "doctorId": staffapi.Grace, "appointmentDate": day, "timeSlot": "09:00-09:30", "status": "completed", "sourceId": source})
	}
	registered := func(id, want string) {
		t.Helper()
		var day string
		if err := s.App.DB().NewQuery("SELECT registeredOn FROM patients WHERE id = {:id}").Bind(map[string]any{"id": id}).Row(&day); err != nil || day != want {
			t.Errorf("got %s, %v, want %s", day, err, want)
		}
	}
	imported := save("patients", map[string]any{"name": "Im Ported", "sourceId": "s|Patient/1"})
	visit(imported.Id, "s|Encounter/1", "2019-05-02")
	registered(imported.Id, "2019-05-02")
	visit(imported.Id, "s|Encounter/2", "2021-05-02")
	registered(imported.Id, "2019-05-02")
	save("medical_records", map[string]any{"patientId": imported.Id, "diagnosis": "Cough", "recordedAt": "2018-01-09 12:00:00.000Z", "sourceId": "s|Condition/1", "doctorId": staffapi.Grace})
	registered(imported.Id, "2018-01-09")
	here := save("patients", map[string]any{"name": "Regis Tered"})
	visit(here.Id, "s|Encounter/3", "2019-05-03")
	registered(here.Id, time.Now().UTC().Format(time.DateOnly))
}
