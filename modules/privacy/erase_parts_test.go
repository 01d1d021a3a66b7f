package privacy_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// Each text of a record's notes, and what it is afterwards, with E for the pseudonym.
var aboutQuirinus = []struct{ before, after string }{
	{"Quirinus has a cold", "E has a cold"},
	{"Herr Wolkenstein, Quirinus called", "Herr E called"},
	{"for Wolkenstein Quirinus", "for E"},
	{"WOLKENSTEIN Q 7719", "E Q 7719"},
	{"Quirinus Wolkenstein's knee", "E's knee"},
	{"Line one\nWolkenstein: \"better\"", "Line one\nE: \"better\""},
	{"once Steinbrecher, born Quirinus", "once E, born E"},
	{"call +491707770188 or 0664-888123", "call E or E"},
	{"0170/777 01 88, (0170) 7770188, 0049 170 7770188.", "E, E, E."},
	{"from abroad +43 664 888 123 or 00436 648 881 23", "from abroad E or E"},
	{"tel 1707770188", "tel E"},
	// Others' numbers, longer ones, and words that are no names stay.
	{"49170777018812 and 0170 7770189 and 51707770188", "49170777018812 and 0170 7770189 and 51707770188"},
	{"a wolkenstein, Wolkensteins, quirinus; van and Van", "a wolkenstein, Wolkensteins, quirinus; van and Van"},
	{"Li is not looked for by itself", "Li is not looked for by itself"},
}

func TestPartsOfANameAndNumbersInAnySpellingAreErased(t *testing.T) {
	s := trailed.Start(t)
	bobs := "/api/patients/" + patientsapi.Bob
	do(t, s, alma, "PUT", bobs, map[string]any{"name": "Quirinus van Steinbrecher"}, 200)
	do(t, s, alma, "PUT", bobs, map[string]any{"name": "Quirinus Li Wolkenstein", "contact": "+49 170 7770188", "emergencyContact": "Frau Wolkenstein 0664-888123"}, 200)
	do(t, s, alma, "PUT", bobs, map[string]any{"name": "Quirinus Wolkenstein"}, 200)
	var ids []string
	for _, about := range aboutQuirinus {
		note := map[string]any{"patientId": patientsapi.Bob, "diagnosis": about.before, "notes": about.before, "prescriptions": []any{map[string]any{"medicine": "Syrup", "dosage": about.before}}}
		id := do(t, s, omar, "POST", "/api/medical-records", note, 201).ID(t)
		do(t, s, omar, "PUT", "/api/medical-records/"+id, map[string]any{"treatment": "Rest"}, 200) // makes a version
		ids = append(ids, id)
	}
	request := do(t, s, alma, "POST", "/api/privacy-requests", map[string]any{"patientId": patientsapi.Bob, "kind": "erasure", "text": "Wolkenstein asks"}, 201).ID(t)
	erased := do(t, s, alma, "POST", eraseBob, `{"reason":"WOLKENSTEIN asked for it"}`, 200).JSON(t)
	pseudonym, _ := erased["pseudonym"].(string)
	if reason := erased["reason"]; pseudonym == "" || reason != pseudonym+" asked for it" {
		t.Errorf("the reason: %v", reason)
	}
	// E alone is the pseudonym, not the first letter of a word.
	alone := regexp.MustCompile(`\bE\b`)
	for i, about := range aboutQuirinus {
		want := alone.ReplaceAllLiteralString(about.after, pseudonym)
		r, err := s.App.FindRecordById("medical_records", ids[i])
		if err != nil {
			t.Fatal(err)
		}
		var prescribed []struct{ Dosage string }
		if err := r.UnmarshalJSONField("prescriptions", &prescribed); err != nil || len(prescribed) != 1 {
			t.Fatal(err, prescribed)
		}
		var version struct{ Notes string }
		v, err := s.App.FindFirstRecordByData("medical_record_versions", "recordId", ids[i])
		if err == nil {
			err = v.UnmarshalJSONField("content", &version)
		}
		if err != nil {
			t.Fatal(err)
		}
		for where, got := range map[string]string{"diagnosis": r.GetString("diagnosis"), "notes": r.GetString("notes"), "prescription": prescribed[0].Dosage, "version": version.Notes} {
			if got != want {
				t.Errorf("%s: %q became %q, want %q", where, about.before, got, want)
			}
		}
	}
	if r, err := s.App.FindRecordById("privacy_requests", request); err != nil || strings.Contains(r.GetString("text"), "Wolkenstein") {
		t.Errorf("the request: %v %v", r, err)
	}
}

func TestAnErasedPatientIsNotPutBackOnTheRegister(t *testing.T) {
	s := set.Start(t)
	bobs := "/api/patients/" + patientsapi.Bob
	do(t, s, alma, "DELETE", bobs, nil, 204)
	do(t, s, alma, "POST", bobs+"/restore", nil, 200)
	do(t, s, alma, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`, 200)
	if r := do(t, s, alma, "POST", bobs+"/restore", nil, 409); r.Code("error") != "erased" {
		t.Errorf("restored: %s", r.Body)
	}
	r := s.Do(t, "PATCH", "/api/collections/patients/records/"+patientsapi.Bob, s.Superuser(t), map[string]any{"deletedAt": ""})
	if r.Status != 409 || r.Code("error") != "erased" {
		t.Errorf("in the dashboard: %d %s", r.Status, r.Body)
	}
}
