package privacy_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

func TestAnErasedPatientIsNowhereInTheDatabase(t *testing.T) {
	s := set.Start(t)
	post := func(who kerneltest.Account, method, path, body string, want int) kerneltest.Response {
		t.Helper()
		r := s.As(t, who, method, path, body)
		if r.Status != want {
			t.Fatalf("%s %s: %d %s", method, path, r.Status, r.Body)
		}
		return r
	}
	post(alma, "PUT", "/api/patients/"+patientsapi.Bob, `{"address":"7 Hidden Lane","contact":"+1 555 987654","email":"bob.private@example.org"}`, 200)
	rec := post(omar, "POST", "/api/medical-records", `{"patientId":"`+patientsapi.Bob+`","diagnosis":"Cough","notes":"Bob Tanaka lives at 7 Hidden Lane"}`, 201).JSON(t)["id"].(string)
	withAttachment(t, s, rec, "tanaka of hidden lane.txt")
	post(omar, "PUT", "/api/medical-records/"+rec, `{"notes":"Called Bob Tanaka on +1 555 987654"}`, 200)
	post(alma, "POST", "/api/consents", `{"patientId":"`+patientsapi.Bob+`","purpose":"video","version":"as Bob Tanaka signed it"}`, 201)
	inv := post(carl, "POST", "/api/billing", `{"patientId":"`+patientsapi.Bob+`","amount":80,"details":"Visit of Bob Tanaka"}`, 201).JSON(t)["id"].(string)
	post(bob, "POST", "/api/messages", `{"receiverId":"`+staffapi.Omar+`","messageText":"Secret words of mine"}`, 201)
	mrn := post(alma, "GET", "/api/patients/"+patientsapi.Bob, "", 200).JSON(t)["mrn"].(string)
	enrolled := post(bob, "POST", "/api/auth/second-factor", `{"password":"`+authapi.Bob.Password+`"}`, 200)
	if got := accountRows(t, s, authapi.Bob.ID); got["known_addresses"] != 1 || got["authenticators"] != 1 {
		t.Fatalf("before: %v %s", got, enrolled.Body)
	}
	own(t, s, rec)
	at := "/api/patients/" + patientsapi.Bob + "/erase"
	s.On(t, []kerneltest.Scenario{
		{Name: "he is found by his name", As: alma, Method: "GET", Path: "/api/patients?q=tanaka", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "not by the patient", As: bob, Path: at, Body: `{"reason":"I want to be forgotten"}`, Want: 403},
		{Name: "not without a reason", As: alma, Path: at, Body: `{}`, Want: 400},
		{Name: "not everything while the law asks for it", As: alma, Path: at, Body: `{"scope":"everything","reason":"Asked to be forgotten"}`, Want: 409, Has: []string{"retention", "until 20"}},
		{Name: "who it was", As: alma, Path: at, Body: `{"reason":"Bob Tanaka asked to be forgotten"}`, Want: 200, Has: []string{`"pseudonym":"Erased `}, Not: []string{"Tanaka"}},
		{Name: "he is on the register no more", As: alma, Method: "GET", Path: "/api/patients/" + patientsapi.Bob, Want: 404},
		{Name: "nor found by his name", As: alma, Method: "GET", Path: "/api/patients/deleted?q=tanaka", Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "but by what he is called now", As: alma, Method: "GET", Path: "/api/patients/deleted?q=erased", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "nor signs in", Path: "/api/auth/login", Body: map[string]any{"email": authapi.Bob.Email, "password": authapi.Bob.Password}, Want: 400},
		{Name: "the invoice is kept", As: carl, Method: "GET", Path: "/api/billing/" + inv, Want: 200, Has: []string{`"amount":80`, "Visit of Erased "}},
	})
	for name, n := range accountRows(t, s, authapi.Bob.ID) {
		if n != 0 {
			t.Errorf("%s still has %d rows of the account", name, n)
		}
	}
	var diagnosis, notes string
	if err := s.App.DB().NewQuery("SELECT diagnosis, notes FROM medical_records WHERE id = {:id}").Bind(map[string]any{"id": rec}).Row(&diagnosis, &notes); err != nil || diagnosis != "Cough" || !strings.HasPrefix(notes, "Called Erased ") {
		t.Errorf("the record: %q, %q, %v", diagnosis, notes, err)
	}
	var house, pets, where, ward string
	row := s.App.DB().NewQuery("SELECT x_house, x_pets, x_place, (SELECT x_ward FROM medical_records WHERE id = {:rec}) FROM patients WHERE id = {:bob}").Bind(map[string]any{"rec": rec, "bob": patientsapi.Bob})
	if err := row.Row(&house, &pets, &where, &ward); err != nil || house != "0" || pets != "[]" || where != `{"lon":0,"lat":0}` || ward != "2" {
		t.Errorf("the clinic's own fields: %q %q %q %q, %v", house, pets, where, ward, err)
	}
	for left, until := 1, time.Now().Add(30*time.Second); left > 0; time.Sleep(10 * time.Millisecond) {
		s.Kernel.Deliver()
		if err := s.App.DB().NewQuery("SELECT count(*) FROM outbox WHERE reaction = 'privacy.empty_log'").Row(&left); err != nil || time.Now().After(until) {
			t.Fatal("the log was not emptied", left, err)
		}
	}
	files := []string{"data.db", "data.db-wal"}
	err := filepath.WalkDir(filepath.Join(s.App.DataDir(), "storage"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(s.App.DataDir(), path)
		files = append(files, name)
		return err
	})
	if err != nil || len(files) != 4 { // the attachment, and what is kept beside it
		t.Fatal(files, err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(filepath.Join(s.App.DataDir(), name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		raw = append(raw, name...)
		for _, v := range []string{"Tanaka", "tanaka", "Hidden Lane", "hidden lane", "987654", "bob.private", authapi.Bob.Email, "Secret words", mrn, "Bobbie"} {
			if bytes.Contains(raw, []byte(v)) {
				t.Errorf("%s has %q", name, v)
			}
		}
	}
	var triggers int
	if err := s.App.DB().NewQuery("SELECT count(*) FROM sqlite_master WHERE name IN ('messages_kept', 'medical_records_versioned', 'medical_record_versions_fixed', 'patients_kept', 'ledger_immutable', 'payments_update')").Row(&triggers); err != nil || triggers != 5 {
		t.Errorf("%d triggers are there again, %v", triggers, err)
	}
}

func TestWhatNeedNotBeKeptIsErasedWithItsFiles(t *testing.T) {
	s := set.Start(t)
	withAttachment(t, s, recordsapi.Bob, "letter.txt")
	patient, err := s.App.FindRecordById("patients", patientsapi.Bob)
	if err != nil {
		t.Fatal(err)
	}
	erase := func(now time.Time) error {
		return s.App.RunInTransaction(func(tx core.App) error {
			_, err := privacy.Erase(tx, patient, "everything", "The years are over", authapi.Alma.ID, now)
			return err
		})
	}
	if err := erase(time.Now().AddDate(9, 0, 0)); err == nil || !strings.Contains(err.Error(), "until") {
		t.Fatalf("after nine years: %v", err)
	}
	if err := erase(time.Now().AddDate(11, 0, 0)); err != nil {
		t.Fatal(err)
	}
	r, err := s.App.FindRecordById("medical_records", recordsapi.Bob)
	if err != nil || r.GetString("diagnosis") != "" || len(r.GetStringSlice("attachments")) != 0 {
		t.Errorf("the record: %v, %v", r.FieldsData(), err)
	}
	settled(t, s)
	left, err := filepath.Glob(filepath.Join(s.App.DataDir(), "storage", "*", recordsapi.Bob, "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("files: %v, %v", left, err)
	}
}

// Somebody who was a patient and was hired keeps the account: it is the clinic's now.
func TestErasingAFormerPatientLeavesTheAccountOfTheNurse(t *testing.T) {
	s := set.Start(t)
	s.On(t, []kerneltest.Scenario{
		{Name: "hired", As: alma, Method: "PUT", Path: "/api/users/" + authapi.Bob.ID, Body: `{"role":"nurse"}`, Want: 200},
		{Name: "the register keeps the tie", As: alma, Method: "GET", Path: "/api/patients/" + patientsapi.Bob, Want: 200, Has: []string{`"userId":"` + authapi.Bob.ID}},
		{Name: "erased as a patient", As: alma, Path: "/api/patients/" + patientsapi.Bob + "/erase", Body: `{"reason":"Asked to be forgotten"}`, Want: 200},
		{Name: "and a nurse still", As: bob, Method: "GET", Path: "/api/auth/me", Want: 200, Has: []string{authapi.Bob.Email}},
	})
}

// accountRows counts what goes with an account.
func accountRows(t *testing.T, s *kerneltest.Server, account string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, name := range []string{"sessions", "known_addresses", "authenticators", "recovery_codes", "invitations"} {
		var n int
		if err := s.App.DB().NewQuery("SELECT count(*) FROM [" + name + "] WHERE userId = {:id}").Bind(map[string]any{"id": account}).Row(&n); err != nil {
			t.Fatal(err)
		}
		out[name] = n
	}
	return out
}

// own adds fields of the clinic's own to the register and the records, and fills them in.
func own(t *testing.T, s *kerneltest.Server, rec string) {
	t.Helper()
	for name, fields := range map[string][]core.Field{
		"patients": {
			&core.TextField{Name: "x_nickname"}, &core.NumberField{Name: "x_house"}, &core.GeoPointField{Name: "x_place"},
			&core.SelectField{Name: "x_pets", MaxSelect: 2, Values: []string{"Poodle", "Cat"}}, &core.JSONField{Name: "x_more"},
		},
		"medical_records": {&core.TextField{Name: "x_remark"}, &core.NumberField{Name: "x_ward"}},
	} {
		c, err := s.App.FindCollectionByNameOrId(name)
		if err != nil {
			t.Fatal(err)
		}
		c.Fields.Add(fields...)
		if err := s.App.Save(c); err != nil {
			t.Fatal(err)
		}
	}
	p, err := s.App.FindRecordById("patients", patientsapi.Bob)
	if err != nil {
		t.Fatal(err)
	}
	p.Load(map[string]any{"x_nickname": "Bobbie", "x_house": 7, "x_place": map[string]any{"lon": 1, "lat": 2}, "x_pets": []string{"Poodle"}, "x_more": map[string]any{"called": "Bobbie"}})
	r, err := s.App.FindRecordById("medical_records", rec)
	if err != nil {
		t.Fatal(err)
	}
	r.Load(map[string]any{"x_remark": "Bob Tanaka snores", "x_ward": 2})
	for _, record := range []*core.Record{p, r} {
		if err := s.App.Save(record); err != nil {
			t.Fatal(err)
		}
	}
}

// PocketBase reads a record, and asks whether it may be changed, ahead of the transaction that
// changes it: in between the patient may be erased, or taken off the register.
func TestAChangeThatWasUnderWayWritesNothingToAnErasedPatient(t *testing.T) {
	var meanwhile func()
	s := set.Start(t, func(app *tests.TestApp) {
		app.OnRecordUpdateRequest("patients").Bind(&hook.Handler[*core.RecordRequestEvent]{Id: "test: meanwhile", Priority: -5000, Func: func(e *core.RecordRequestEvent) error {
			if meanwhile != nil {
				meanwhile()
			}
			return e.Next()
		}})
	})
	for _, c := range []struct{ name, url, id, method, path, body string }{
		{"erased", "/api/patients/", patientsapi.Bob, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`},
		{"off the register", "/api/collections/patients/records/", patientsapi.Ada, "DELETE", "/api/patients/" + patientsapi.Ada, ""},
	} {
		meanwhile = func() {
			meanwhile = nil
			s.As(t, alma, c.method, c.path, c.body)
		}
		if r := s.As(t, alma, "PATCH", c.url+c.id, `{"notes":"Bob Tanaka called"}`); r.Status != 404 {
			t.Errorf("%s: got %d %s", c.name, r.Status, r.Body)
		}
		if r, err := s.App.FindRecordById("patients", c.id); err != nil || r.GetDateTime("deletedAt").IsZero() || strings.Contains(r.GetString("notes"), "Tanaka") {
			t.Errorf("%s: %v %v", c.name, r, err)
		}
	}
}

// A first answer is kept once its request is committed: by then its patient may be erased.
func TestAnAnswerThatIsGivenDuringAnErasureIsNotKept(t *testing.T) {
	var meanwhile func()
	s := set.Start(t, func(app *tests.TestApp) {
		app.OnRecordAfterCreateSuccess("medical_records").BindFunc(func(e *core.RecordEvent) error {
			if meanwhile != nil {
				meanwhile()
			}
			return e.Next()
		})
	})
	meanwhile = func() { do(t, s, alma, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`, 200) }
	body := `{"patientId":"` + patientsapi.Bob + `","diagnosis":"Cough of Bob Tanaka"}`
	do(t, s, omar, "POST", "/api/medical-records", body, 201, "Idempotency-Key: r1")
	meanwhile = nil
	nowhere(t, s, "Tanaka")
	if again := do(t, s, omar, "POST", "/api/medical-records", body, 201, "Idempotency-Key: r1"); again.Body != "{}" {
		t.Errorf("the repeat is answered %s", again.Body)
	}
}
