package fhir_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
)

func TestVisits(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	if _, err := s.App.NonconcurrentDB().Update("clinic", dbx.Params{"timeZone": "America/New_York", "slotMinutes": 20}, nil).Execute(); err != nil {
		t.Fatal(err)
	}
	const p, d = "urn:uuid:p1", "urn:uuid:d1"
	tests := []struct{ id, start, end, day, slot string }{
		{"plain", "2020-05-06T09:00:10+00:00", "2020-05-06T09:15:10+00:00", "2020-05-06", "05:00-05:15"},
		{"overlapping", "2020-05-06T09:00:00Z", "2020-05-06T10:00:00Z", "2020-05-06", "05:00-06:00"},
		{"night", "2020-05-07T03:30:00Z", "2020-05-07T06:00:00Z", "2020-05-06", "23:30-24:00"},
		{"to midnight", "2020-05-07T03:30:00Z", "2020-05-07T04:00:00Z", "2020-05-06", "23:30-24:00"},
		{"weeks", "2020-05-07T16:00:00Z", "2020-06-01T16:00:00Z", "2020-05-07", "12:00-24:00"},
		{"no end", "2020-05-08T16:00:00Z", "", "2020-05-08", "12:00-12:20"},
		{"end before start", "2020-05-09T16:00:00Z", "2020-05-08T16:00:00Z", "2020-05-09", "12:00-12:20"},
		{"moment", "2020-05-10T16:00:00Z", "2020-05-10T16:00:30Z", "2020-05-10", "12:00-12:01"},
		{"day only", "2020-05-11", "", "2020-05-11", "00:00-00:20"},
		{"clocks forward", "2020-03-08T06:30:00Z", "2020-03-08T07:00:00Z", "2020-03-08", "01:30-02:00"},
		{"clocks back", "2020-11-01T05:50:00Z", "2020-11-01T06:10:00Z", "2020-11-01", "01:50-01:51"},
		{"long ago", "1921-05-06T17:00:00Z", "1921-05-06T17:30:00Z", "1921-05-06", "13:00-13:30"},
	}
	all := []object{patient("p1", "Ann"), doctor("d1", "Dr One")}
	for _, test := range tests {
		all = append(all, visit(test.id, p, d, test.start, test.end))
	}
	other := func(id, status string) object {
		e := visit(id, p, d, "2020-05-06T09:00:00Z", "")
		e["resource"].(object)["status"] = status
		return e
	}
	all = append(all, other("cancelled", "cancelled"), other("planned", "planned"), other("mistake", "entered-in-error"),
		visit("ahead", p, d, "2150-01-01T09:00:00Z", ""))
	out := mustImport(t, s, write(t, dir, "a.json", all...))
	for _, test := range tests {
		r := find(t, s, "appointments", "sourceId", "fhir:urn:uuid:"+test.id)
		if r.GetString("appointmentDate") != test.day || r.GetString("timeSlot") != test.slot || r.GetString("status") != "completed" || r.GetString("reason") != "Check up" {
			t.Errorf("%s: %s %s %s, want %s %s", test.id, r.GetString("appointmentDate"), r.GetString("timeSlot"), r.GetString("status"), test.day, test.slot)
		}
	}
	if r := find(t, s, "appointments", "sourceId", "fhir:urn:uuid:cancelled"); r.GetString("status") != "cancelled" {
		t.Errorf("cancelled: %s", r.GetString("status"))
	}
	if got := imported(t, s)["appointments"]; got != len(tests)+1 || !strings.Contains(out, "1 × Encounter: is not past") {
		t.Errorf("%d appointments, want %d\n%s", got, len(tests)+1, out)
	}
	var told int
	if err := s.App.DB().NewQuery("SELECT COUNT(*) FROM outbox").Row(&told); err != nil || told > 0 {
		t.Errorf("%d reactions wait: the past is no news (%v)", told, err)
	}
}

func TestMedicalRecord(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	coded := func(system, code, words string) object {
		return object{"coding": []object{{"system": system, "code": code, "display": words}}}
	}
	at := func(fields object) object {
		fields["subject"], fields["encounter"] = ref("urn:uuid:p1"), ref("urn:uuid:e1")
		return fields
	}
	dose := []object{{"timing": object{"repeat": object{"frequency": 2, "period": 1, "periodUnit": "d"}}, "doseAndRate": []object{{"doseQuantity": object{"value": 1, "unit": "tablet"}}}}}
	mustImport(t, s, write(t, dir, "a.json", patient("p1", "Ann"), doctor("d1", "Dr One"),
		visit("e1", "urn:uuid:p1", "urn:uuid:d1", "2020-05-06T09:00:00Z", "2020-05-06T09:20:00Z"),
		entry("Observation", "o1", at(object{"status": "final", "code": coded("http://loinc.org", "8302-2", "Body Height"), "valueQuantity": object{"value": 117.31936, "unit": "cm"}})),
		entry("Observation", "o2", at(object{"status": "cancelled", "code": text("Nothing")})),
		entry("Condition", "c1", at(object{"code": coded("http://snomed.info/sct", "10509002", "Acute bronchitis"), "clinicalStatus": object{"coding": []object{{"code": "resolved"}}}})),
		entry("Procedure", "r1", at(object{"status": "completed", "code": text("X-ray of chest")})),
		entry("Immunization", "i1", object{"status": "completed", "patient": ref("urn:uuid:p1"), "encounter": ref("urn:uuid:e1"), "vaccineCode": text("Influenza"), "lotNumber": "L7"}),
		entry("MedicationRequest", "m1", at(object{"status": "active", "medicationCodeableConcept": coded("http://rx", "1", "Amoxicillin"), "dosageInstruction": dose})),
		entry("MedicationRequest", "m2", at(object{"status": "active", "medicationReference": ref("urn:uuid:drug")})),
		entry("MedicationRequest", "m3", at(object{"status": "active", "medicationReference": ref("#in"), "contained": []object{{"resourceType": "Medication", "id": "in", "code": text("Ibuprofen")}}})),
		entry("Medication", "drug", object{"code": text("Paracetamol")}),
		entry("Observation", "alone", object{"status": "final", "subject": ref("urn:uuid:p1"), "effectiveDateTime": "2021-01-02", "code": text("Weight"), "valueString": "70 kg"}),
	))
	r := find(t, s, "medical_records", "sourceId", "fhir:urn:uuid:e1")
	for field, want := range map[string]string{
		"diagnosis": "Acute bronchitis (resolved)", "treatment": "X-ray of chest\nImmunization: Influenza, lot L7", "notes": "Body Height: 117.32 cm",
		"prescriptions": `[{"dose":"1 tablet, 2 × per day","frequency":"2 × per day","medicine":"Amoxicillin","status":"active"},{"medicine":"Paracetamol","status":"active"},{"medicine":"Ibuprofen","status":"active"}]`,
		"codes":         `[{"code":"10509002","display":"Acute bronchitis","system":"http://snomed.info/sct"},{"code":"1","display":"Amoxicillin","system":"http://rx"},{"code":"8302-2","display":"Body Height","system":"http://loinc.org"}]`,
		"recordedAt":    "2020-05-06 09:00:00.000Z", "status": "active", "authorId": "",
		"appointmentId": find(t, s, "appointments", "sourceId", "fhir:urn:uuid:e1").Id, "doctorId": find(t, s, "doctors", "name", "Dr One").Id,
	} {
		if got := r.GetString(field); got != want {
			t.Errorf("%s: got %q, want %q", field, got, want)
		}
	}
	day := find(t, s, "medical_records", "sourceId", "fhir:urn:uuid:p1@2021-01-02")
	if day.GetString("notes") != "Weight: 70 kg" || day.GetString("diagnosis") != "Findings" || day.GetString("appointmentId") != "" {
		t.Errorf("what was found without a visit: %v", day.PublicExport())
	}
}

func TestPeople(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	mustImport(t, s, write(t, dir, "a.json",
		entry("Practitioner", "d1", object{"name": []object{{"prefix": []string{"Dr."}, "given": []string{"Ned"}, "family": "Pagac"}}, "telecom": []object{{"system": "email", "value": "nonsense"}}}),
		entry("PractitionerRole", "r1", object{"practitioner": ref("urn:uuid:d1"), "specialty": []object{text("Neurology")}, "telecom": []object{{"system": "phone", "value": "555 0100"}}}),
		entry("Patient", "p1", object{
			"name": []object{{"use": "maiden", "text": "Ann Old"}, {"given": []string{"Ann"}, "family": "New"}}, "birthDate": "1980-02", "gender": "other",
			"deceasedDateTime": "2019-03-04T10:00:00Z", "generalPractitioner": []object{ref("urn:uuid:d1")},
			"telecom": []object{{"system": "phone", "value": "call me"}, {"system": "email", "value": "ann@example.org"}},
			"address": []object{{"line": []string{"1 High St"}, "city": "Boston"}},
			"contact": []object{{"relationship": []object{text("Mother")}, "name": text("Eve New"), "telecom": []object{{"system": "phone", "value": "555 0199"}}}},
		}),
	))
	d := find(t, s, "doctors", "name", "Dr. Ned Pagac")
	if d.GetString("specialty") != "Neurology" || d.GetString("contact") != "555 0100" || d.GetString("email") != "" {
		t.Errorf("doctor %v", d.PublicExport())
	}
	p := find(t, s, "patients", "name", "Ann New")
	for field, want := range map[string]string{
		"dateOfBirth": "1980", "gender": "other", "contact": "", "email": "ann@example.org", "address": "1 High St, Boston",
		"emergencyContact": "Eve New (Mother), 555 0199", "notes": "Deceased 2019-03-04", "assignedDoctorId": d.Id, "userId": "",
	} {
		if got := p.GetString(field); got != want {
			t.Errorf("%s: got %q, want %q", field, got, want)
		}
	}
}
