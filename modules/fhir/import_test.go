package fhir_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
)

// A patient, and the hospitals and practitioners of the same run of Synthea.
const synthea = "bundle/testdata/synthea"

// What is in it, counted in the files.
var inSynthea = map[string]int{"doctors": 102, "patients": 1, "appointments": 19, "medical_records": 16, "invoices": 27, "payments": 12}

func TestImport(t *testing.T) {
	s := set.Start(t)
	out := mustImport(t, s, synthea)
	if got := imported(t, s); !maps.Equal(got, inSynthea) {
		t.Errorf("imported %v, want %v\n%s", got, inSynthea, out)
	}
	p := find(t, s, "patients", "name", "Versie Botsford")
	if p.GetString("mrn") == "" || p.GetString("dateOfBirth") == "" || strings.Count(p.GetString("allergies"), "\n") != 9 {
		t.Errorf("patient %v", p.PublicExport())
	}
	var billed, paid int64
	if err := s.App.DB().NewQuery(`SELECT SUM(amountMinor), SUM(paidMinor) FROM invoices WHERE sourceId != ''`).Row(&billed, &paid); err != nil {
		t.Fatal(err)
	}
	// The sums that bundle's TestSyntheaResources has, and the claims without a benefit.
	if paid != 1321460 || billed < 1889323 {
		t.Errorf("billed %d, paid %d", billed, paid)
	}
	var strange int
	err := s.App.DB().NewQuery(`SELECT COUNT(*) FROM appointments a JOIN medical_records m ON m.appointmentId = a.id
		WHERE a.sourceId != '' AND (a.status != 'completed' OR m.patientId != a.patientId OR m.doctorId != a.doctorId OR m.recordedAt = '')`).Row(&strange)
	if err != nil || strange > 0 {
		t.Errorf("%d records do not fit their visit, %v", strange, err)
	}
}

func TestSecondImportChangesNothing(t *testing.T) {
	s := set.Start(t)
	mustImport(t, s, synthea)
	before := everything(t, s, clinicTables...)
	out := mustImport(t, s, synthea)
	if before != everything(t, s, clinicTables...) {
		t.Error("the second import changed rows")
	}
	if !strings.Contains(out, "unchanged") || imported(t, s)["patients"] != 1 {
		t.Errorf("got\n%s", out)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	s := set.Start(t)
	all := append(slices.Clone(clinicTables), "fhir_resources", "fhir_texts", "fhir_keys")
	before := everything(t, s, all...)
	dry := mustImport(t, s, "--dry-run", synthea)
	if before != everything(t, s, all...) {
		t.Error("the dry run changed rows")
	}
	real := mustImport(t, s, synthea)
	counts, _, _ := strings.Cut(real, " resources from")
	if !strings.HasPrefix(dry, counts) || !strings.Contains(dry, "nothing was written") {
		t.Errorf("the dry run said\n%s\nand the import\n%s", dry, real)
	}
}

func TestBrokenResources(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	good := write(t, dir, "good.json",
		patient("p1", "Ann Good"), doctor("d1", "Dr Good"),
		entry("Patient", "p2", object{"name": "Secretname", "birthDate": "1980-02-03"}),
		entry("Patient", "p3", object{"name": []object{text("Secretname")}, "birthDate": "last spring"}),
		visit("e1", "urn:uuid:p1", "urn:uuid:d1", "2020-05-06T09:00:00Z", "2020-05-06T09:20:00Z"),
		visit("e2", "urn:uuid:p3", "urn:uuid:d1", "2020-05-06T09:00:00Z", "2020-05-06T09:20:00Z"),
		visit("e3", "urn:uuid:p1", "urn:uuid:d1", "Secretdate", ""),
		visit("e4", "urn:uuid:gone", "urn:uuid:d1", "2020-05-06T09:00:00Z", ""),
		visit("e5", "urn:uuid:p1", "urn:uuid:gone", "2020-05-06T09:00:00Z", ""),
	)
	bad := dir + "/bad.json"
	writeText(t, bad, `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Practitioner","id":"d2","name":[{"text":"Dr Two"}]}},{"resource":{"id":"x"}},{"resource":{"resourceType":`)
	out, err := imports(t, s, dir)
	if err == nil || !strings.Contains(err.Error(), "8 could not be taken over") {
		t.Errorf("error %v", err)
	}
	for _, want := range []string{
		bad + ": entry 1: has no resourceType", bad + ": entry 2: is cut short",
		good + ": entry 2: Patient: decode Patient: name: a JSON string does not belong here",
		good + ": entry 3: Patient: birthDate: is no date",
		good + ": entry 5: Encounter: its patient was refused",
		good + ": entry 6: Encounter: period.start: not a FHIR date",
		good + ": entry 7: Encounter: its patient is in none of the files",
		good + ": entry 8: Encounter: participant: its practitioner is in none of the files",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("not told: %s\n%s", want, out)
		}
	}
	if strings.Contains(out, "Secret") {
		t.Errorf("tells what a patient's field holds:\n%s", out)
	}
	if got, want := imported(t, s), (map[string]int{"doctors": 2, "patients": 1, "appointments": 1}); !maps.Equal(got, want) {
		t.Errorf("imported %v, want %v", got, want)
	}
	if _, err := imports(t, s, dir); err == nil || !strings.Contains(err.Error(), "8 could not") {
		t.Errorf("the second import: %v", err)
	}
}

// A name that was mistyped keeps nothing else out, and the exit status tells of it.
func TestFilesThatAreNotThere(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	good := write(t, dir, "good.json", patient("p1", "Ann Good"))
	empty, gone, shut := t.TempDir(), dir+"/gone.json", write(t, dir, "shut.json", patient("p2", "Ben Good"))
	want := []string{gone + ": open: no such file", dir + "/nowhere: open: no such file", empty + ": no .json", "3 entries or files could not be read"}
	if err := os.Chmod(shut, 0); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // who may read everything
		shut = good
	} else {
		want = append(want[:3], shut+": open: permission denied", "4 entries or files could not be read")
	}
	for _, flags := range [][]string{{"--dry-run"}, {}} {
		out, err := imports(t, s, append(flags, gone, good, dir+"/nowhere", empty, shut)...)
		if err == nil || !strings.Contains(err.Error(), "could not be taken over") {
			t.Errorf("%v: error %v", flags, err)
		}
		for _, line := range append(want, "1 resources from") {
			if !strings.Contains(out, line) {
				t.Errorf("%v: not told: %s\n%s", flags, line, out)
			}
		}
	}
	if got := imported(t, s); got["patients"] != 1 {
		t.Errorf("imported %v", got)
	}
}

// What fails after its row was written undoes that row and nothing else.
func TestLateRefusalUndoesOnlyItself(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	_, err := s.App.NonconcurrentDB().NewQuery(`CREATE TRIGGER late AFTER INSERT ON patients WHEN NEW.name = 'Late'
		BEGIN SELECT RAISE(ABORT, 'polyclinic:patient_kept:name'); END`).Execute()
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.json", patient("p1", "Early"), patient("p2", "Late"), patient("p3", "Last"))
	out, err := imports(t, s, dir)
	if err == nil || !strings.Contains(out, "entry 1: Patient: name: Patients are never removed") {
		t.Errorf("%v\n%s", err, out)
	}
	if got := imported(t, s)["patients"]; got != 2 {
		t.Errorf("%d patients, want 2", got)
	}
	numbers := map[string]bool{}
	for _, name := range []string{"Early", "Last"} {
		numbers[find(t, s, "patients", "name", name).GetString("mrn")] = true
	}
	if !numbers["P-000003"] || !numbers["P-000004"] { // two of the cast come before
		t.Errorf("the refused patient took a number: %v", numbers)
	}
}

func TestFileOrderDoesNotMatter(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	first := write(t, dir, "a_patient.json", patient("p1", "Ann"),
		visit("e1", "urn:uuid:p1", "Practitioner?identifier=http://npi%7C77", "2020-05-06T09:00:00Z", "2020-05-06T09:20:00Z"),
		found("c1", "urn:uuid:p1", "urn:uuid:e1", "Cough"))
	later := write(t, dir, "z_doctors.json", entry("Practitioner", "d1", object{
		"name": []object{text("Dr Late")}, "identifier": []object{{"system": "http://npi", "value": "77"}},
	}))
	out, err := imports(t, s, first)
	if err == nil || !strings.Contains(out, "practitioner is in none of the files") {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := imported(t, s); got["appointments"] != 0 || got["medical_records"] != 1 {
		t.Errorf("imported %v: want the finding without its visit", got)
	}
	out = mustImport(t, s, later)
	if got := imported(t, s); got["appointments"] != 1 || got["doctors"] != 1 {
		t.Errorf("imported %v\n%s", got, out)
	}
	if !strings.Contains(out, "1 resources of earlier imports went in") {
		t.Errorf("got\n%s", out)
	}
	if got := find(t, s, "medical_records", "diagnosis", "Cough").GetString("appointmentId"); got == "" {
		t.Error("the finding is not tied to its visit")
	}
	both := set.Start(t)
	mustImport(t, both, first, later)
	if got := imported(t, both); got["appointments"] != 1 || got["medical_records"] != 1 {
		t.Errorf("at once: %v", got)
	}
}

func TestIfNoneExist(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	twin := func(id, name string) object {
		e := entry("Practitioner", id, object{"name": []object{text(name)}, "identifier": []object{{"system": "http://npi", "value": "77"}}})
		e["request"].(object)["ifNoneExist"] = "identifier=http://npi|77"
		return e
	}
	write(t, dir, "a.json", twin("d1", "Dr First"), patient("p1", "Ann"), visit("e1", "urn:uuid:p1", "urn:uuid:d1", "2020-05-06T09:00:00Z", ""))
	write(t, dir, "b.json", twin("d2", "Dr Second"), patient("p2", "Bea"), visit("e2", "urn:uuid:p2", "urn:uuid:d2", "2020-05-06T10:00:00Z", ""))
	for range 2 {
		mustImport(t, s, dir)
		if got := imported(t, s); got["doctors"] != 1 || got["appointments"] != 2 {
			t.Errorf("imported %v", got)
		}
		id := find(t, s, "doctors", "name", "Dr First").Id
		if n, err := s.App.CountRecords("appointments", dbx.HashExp{"doctorId": id}); err != nil || n != 2 {
			t.Errorf("%d visits of the doctor, %v", n, err)
		}
	}
}

// One stray sign in a laboratory's text kept a whole visit's findings out.
func TestHiddenCharactersAreTakenOut(t *testing.T) {
	s := set.Start(t)
	file := write(t, t.TempDir(), "b.json", patient("p1", "Ada\u200b Stray"), doctor("d1", "Dr Who"),
		visit("v1", "urn:uuid:p1", "urn:uuid:d1", "2024-03-04T09:00:00Z", "2024-03-04T09:30:00Z"), found("o1", "urn:uuid:p1", "urn:uuid:v1", "Glu\u0007cose"))
	out := mustImport(t, s, file)
	find(t, s, "patients", "name", "Ada Stray")
	var records int
	err := s.App.DB().NewQuery("SELECT COUNT(*) FROM medical_records WHERE sourceId != ''").Row(&records)
	if err != nil || records != 1 {
		t.Errorf("%d records, %v\n%s", records, err, out)
	}
}
