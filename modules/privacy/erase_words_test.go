package privacy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// do wants each request to be answered with the status.
func do(t *testing.T, s *kerneltest.Server, who kerneltest.Account, method, path string, body any, want int, headers ...string) kerneltest.Response {
	t.Helper()
	r := s.As(t, who, method, path, body, headers...)
	if r.Status != want {
		t.Fatalf("%s %s: %d %s", method, path, r.Status, r.Body)
	}
	return r
}

// nowhere looks for the texts in every table of the database.
func nowhere(t *testing.T, s *kerneltest.Server, texts ...string) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy.db")
	if _, err := s.App.NonconcurrentDB().NewQuery("VACUUM INTO '" + copied + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if at := bytes.Index(raw, []byte(text)); at >= 0 {
			t.Errorf("%q is in it: %q", text, raw[max(0, at-60):min(len(raw), at+60)])
		}
	}
}

const eraseBob = "/api/patients/" + patientsapi.Bob + "/erase"

func TestANameWithinAnotherIsErasedInWhole(t *testing.T) {
	s := set.Start(t)
	do(t, s, alma, "PUT", "/api/patients/"+patientsapi.Bob, `{"name":"Bob"}`, 200)
	do(t, s, omar, "POST", "/api/medical-records", `{"patientId":"`+patientsapi.Bob+`","diagnosis":"Cough","notes":"Bob Tanaka came"}`, 201)
	do(t, s, alma, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`, 200)
	nowhere(t, s, "Tanaka")
}

func TestWhatIsWrittenInJSONIsErasedToo(t *testing.T) {
	s := set.Start(t)
	do(t, s, alma, "PUT", "/api/patients/"+patientsapi.Bob, map[string]any{"address": "7 Hidden Lane\nOldtown", "emergencyContact": `Ana "Nana" & Jo Holm`}, 200)
	notes := map[string]any{
		"patientId": patientsapi.Bob, "diagnosis": "Cough", "notes": "He lives at 7 Hidden Lane\nOldtown, call Ana \"Nana\" & Jo Holm",
		"prescriptions": []any{map[string]any{"medicine": "Syrup", "dosage": `as Ana "Nana" & Jo Holm has it`}},
	}
	rec := do(t, s, omar, "POST", "/api/medical-records", notes, 201).JSON(t)["id"].(string)
	do(t, s, omar, "PUT", "/api/medical-records/"+rec, `{"notes":"Nothing"}`, 200)
	do(t, s, alma, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`, 200)
	nowhere(t, s, "Hidden Lane", "Jo Holm", "Nana")
	var broken int
	if err := s.App.DB().NewQuery("SELECT count(*) FROM medical_record_versions WHERE NOT json_valid(content)").Row(&broken); err != nil || broken > 0 {
		t.Errorf("%d versions are no JSON any more, %v", broken, err)
	}
}

func TestAKeptAnswerToAnErasedPatientIsForgotten(t *testing.T) {
	batch := func(query string) map[string]any {
		return map[string]any{"requests": []any{map[string]any{"method": "POST", "url": "/api/collections/messages/records" + query, "body": map[string]any{"receiverId": authapi.Omar.ID, "messageText": "Secret words of mine"}}}}
	}
	message := batch("")["requests"].([]any)[0].(map[string]any)["body"]
	for name, ask := range map[string]struct {
		path string
		body any
		want int
	}{
		"a whole one":                    {"/api/messages", message, 201},
		"that leaves out whose it is":    {"/api/messages?fields=id,messageText", message, 201},
		"that leaves out what it is of":  {"/api/messages?fields=messageText", message, 201},
		"by the collection":              {"/api/collections/messages/records?fields=messageText", message, 200},
		"that says only the other side":  {"/api/messages?fields=receiverId,messageText", message, 201},
		"to a batch":                     {"/api/batch", batch(""), 200},
		"to a batch, left out within it": {"/api/batch", batch("?fields=messageText"), 200},
		"to a batch, left out of it":     {"/api/batch?fields=body.messageText", batch(""), 200},
		"to a batch, with the id":        {"/api/batch", batch("?fields=id,collectionName,messageText"), 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := set.Start(t)
			do(t, s, bob, "POST", ask.path, ask.body, ask.want, "Idempotency-Key: m1")
			do(t, s, ada, "POST", "/api/messages", `{"receiverId":"`+authapi.Grace.ID+`","messageText":"Words of Ada"}`, 201, "Idempotency-Key: m2")
			do(t, s, alma, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`, 200)
			nowhere(t, s, "Secret words")
			again := do(t, s, ada, "POST", "/api/messages", `{"receiverId":"`+authapi.Grace.ID+`","messageText":"Words of Ada"}`, 201, "Idempotency-Key: m2")
			if again.Header.Get("Idempotency-Replayed") != "true" || !strings.Contains(again.Body, "Words of Ada") {
				t.Errorf("another's answer was forgotten, too: %s", again.Body)
			}
		})
	}
}

func TestAnErasedPatientsPicturesAreGone(t *testing.T) {
	s := set.Start(t)
	for name, fields := range map[string][]core.Field{"users": {}, "patients": {&core.FileField{Name: "x_photo", Protected: true}}, "medical_records": {&core.FileField{Name: "x_scan", Protected: true}}} {
		c, err := s.App.FindCollectionByNameOrId(name)
		if err != nil {
			t.Fatal(err)
		}
		c.Fields.Add(fields...)
		if err := s.App.Save(c); err != nil {
			t.Fatal(err)
		}
	}
	rec := do(t, s, omar, "POST", "/api/medical-records", `{"patientId":"`+patientsapi.Bob+`","diagnosis":"Cough"}`, 201).JSON(t)["id"].(string)
	for _, f := range []struct {
		collection, id, field string
		kept                  bool
	}{{"users", authapi.Bob.ID, "avatar", false}, {"patients", patientsapi.Bob, "x_photo", false}, {"medical_records", rec, "x_scan", true}} {
		picture, err := filesystem.NewFileFromBytes([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"), "me.png")
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.App.FindRecordById(f.collection, f.id)
		if err != nil {
			t.Fatal(err)
		}
		r.Set(f.field, picture)
		if err := s.App.Save(r); err != nil {
			t.Fatal(err)
		}
		defer func() {
			left, err := filepath.Glob(filepath.Join(s.App.DataDir(), "storage", "*", f.id, r.GetString(f.field)))
			if err != nil || len(left) > 0 != f.kept {
				t.Errorf("%s.%s: %v, %v", f.collection, f.field, left, err)
			}
			r, err := s.App.FindRecordById(f.collection, f.id)
			if err != nil || (r.GetString(f.field) != "") != f.kept {
				t.Errorf("%s.%s is %q, %v", f.collection, f.field, r.GetString(f.field), err)
			}
		}()
	}
	do(t, s, alma, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`, 200)
	settled(t, s)
}
