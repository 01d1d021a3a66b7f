package fhir_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
)

// named gives an entry the id that its resource has in the file, beside its urn.
func named(e object, id string) object {
	e["resource"].(object)["id"] = id
	return e
}

// Bundles that are posted number their resources as they like.
func TestLocalIDsOfTwoFilesAreTwoPeople(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	for file, name := range map[string]string{"a": "Ann", "b": "Bea"} {
		write(t, dir, file+".json", named(patient(file+"-p", name), "1"), named(doctor(file+"-d", "Dr "+name), "2"),
			named(visit(file+"-e", "urn:uuid:"+file+"-p", "urn:uuid:"+file+"-d", "2020-05-06T09:00:00Z", ""), "3"),
			named(found(file+"-c", "urn:uuid:"+file+"-p", "urn:uuid:"+file+"-e", "Illness of "+name), "4"))
	}
	for range 2 {
		mustImport(t, s, dir)
		for _, name := range []string{"Ann", "Bea"} {
			p := find(t, s, "patients", "name", name)
			if got := find(t, s, "medical_records", "patientId", p.Id).GetString("diagnosis"); got != "Illness of "+name {
				t.Errorf("%s has %q", name, got)
			}
		}
	}
}

// bare is a line of an export whose ids are its server's.
func bare(kind, id, rest string) string {
	return `{"resourceType":"` + kind + `","id":"` + id + `"` + rest + "}\n"
}

func TestTwoServersWithTheSameIDs(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	one, two := filepath.Join(dir, "one.ndjson"), filepath.Join(dir, "two.ndjson")
	cough := bare("Condition", "7", `,"subject":{"reference":"Patient/1"},"recordedDate":"2020-05-06","code":{"text":"Cough"}`)
	writeText(t, one, bare("Patient", "1", `,"name":[{"text":"Ann"}],"birthDate":"1980-01-01"`)+cough)
	writeText(t, two, bare("Patient", "1", `,"name":[{"text":"Bea"}],"birthDate":"1990-02-02"`)+strings.ReplaceAll(cough, `"7"`, `"8"`))
	mustImport(t, s, one)
	out, err := imports(t, s, two)
	if err == nil || !strings.Contains(out, "has the id of another patient") || !strings.Contains(out, "entry 1: Condition: its patient was refused") {
		t.Errorf("%v\n%s", err, out)
	}
	ann := find(t, s, "patients", "name", "Ann")
	if n, err := s.App.CountRecords("medical_records", dbx.HashExp{"patientId": ann.Id}); err != nil || n != 1 {
		t.Errorf("Ann has %d records, %v", n, err)
	}
	mustImport(t, s, one)
	if n, err := s.App.CountRecords("medical_records", dbx.HashExp{"patientId": ann.Id}); err != nil || n != 1 {
		t.Errorf("Ann has %d records after another import, %v", n, err)
	}
	mustImport(t, s, "--source", "second", two)
	bea := find(t, s, "patients", "name", "Bea")
	if got := find(t, s, "medical_records", "patientId", bea.Id).GetString("diagnosis"); got != "Cough" {
		t.Errorf("diagnosis %q", got)
	}
	if _, err := imports(t, s, "--source", "a b", two); err == nil {
		t.Error("a source with a space was taken")
	}
}

// What two resources share is no way to tell them apart.
func TestSharedIdentifierMeansNobody(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	same := object{"system": "http://family", "value": "5"}
	a, b := patient("p1", "Ann"), patient("p2", "Bea")
	a["resource"].(object)["identifier"] = []object{same, {"system": "http://mrn", "value": "1"}}
	b["resource"].(object)["identifier"] = []object{same}
	path := write(t, dir, "a.json", a, b,
		found("c1", "Patient?identifier=http://family|5", "", "Cough"), found("c2", "Patient?identifier=http://mrn|1", "", "Fever"))
	out, err := imports(t, s, path)
	if err == nil || !strings.Contains(out, "entry 2: Condition: its patient is in none of the files, was refused, or is not the only one") {
		t.Errorf("%v\n%s", err, out)
	}
	ann := find(t, s, "patients", "name", "Ann")
	r := find(t, s, "medical_records", "patientId", ann.Id)
	if r.GetString("diagnosis") != "Fever" || r.GetString("recordedAt") != "2020-05-06 09:00:00.000Z" || r.GetString("appointmentId") != "" {
		t.Errorf("record %v", r.PublicExport())
	}
}

// A finding at somebody else's visit goes into nobody's record.
func TestFindingAtAnothersVisit(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	path := write(t, dir, "a.json", patient("p1", "Ann"), patient("p2", "Bea"), doctor("d1", "Dr One"),
		visit("e1", "urn:uuid:p1", "urn:uuid:d1", "2020-05-06T09:00:00Z", ""), found("c1", "urn:uuid:p2", "urn:uuid:e1", "Cough"))
	out, err := imports(t, s, path)
	if err == nil || !strings.Contains(out, "entry 4: Condition: what it is part of is another patient's") {
		t.Errorf("%v\n%s", err, out)
	}
	if got := imported(t, s); got["medical_records"] != 0 || got["appointments"] != 1 {
		t.Errorf("imported %v", got)
	}
}
