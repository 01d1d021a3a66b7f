package fhir_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// A source's change is taken over; where the clinic changed a field since, the clinic's stays.
func TestChangedAtTheSource(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	first := func(city, phone string, codes ...string) []object {
		p := patient("p1", "Ann")
		resource := p["resource"].(object)
		resource["address"] = []object{{"city": city}}
		resource["telecom"] = []object{{"system": "phone", "value": phone}}
		all := []object{p, doctor("d1", "Dr One"), visit("e1", "urn:uuid:p1", "urn:uuid:d1", "2020-05-06T09:00:00Z", "2020-05-06T09:20:00Z")}
		for i, code := range codes {
			all = append(all, found("c"+string(rune('1'+i)), "urn:uuid:p1", "urn:uuid:e1", code))
		}
		return all
	}
	path := write(t, dir, "a.json", first("Boston", "555 0001", "Cough", "Fever")...)
	mustImport(t, s, path)
	r := find(t, s, "patients", "name", "Ann")
	r.Set("contact", "555 9999")
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.json", first("Salem", "555 0002", "Cough", "Measles")...)
	for range 2 {
		mustImport(t, s, path)
		r = find(t, s, "patients", "name", "Ann")
		if r.GetString("address") != "Salem" || r.GetString("contact") != "555 9999" {
			t.Errorf("address %s, contact %s", r.GetString("address"), r.GetString("contact"))
		}
		record := find(t, s, "medical_records", "patientId", r.Id)
		if record.GetString("diagnosis") != "Cough\nMeasles" || record.GetInt("version") != 2 {
			t.Errorf("diagnosis %q, version %d", record.GetString("diagnosis"), record.GetInt("version"))
		}
	}
	write(t, dir, "a.json", first("Salem", "555 0003", "Cough", "Measles")...)
	mustImport(t, s, path)
	if r = find(t, s, "patients", "name", "Ann"); r.GetString("contact") != "555 9999" {
		t.Errorf("the clinic's number was overwritten later: %s", r.GetString("contact"))
	}
}

func TestTakenBackAtTheSource(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	wrong := found("c2", "urn:uuid:p1", "urn:uuid:e1", "Plague")
	all := []object{patient("p1", "Ann"), doctor("d1", "Dr One"), visit("e1", "urn:uuid:p1", "urn:uuid:d1", "2020-05-06T09:00:00Z", ""),
		found("c1", "urn:uuid:p1", "urn:uuid:e1", "Cough"), wrong}
	path := write(t, dir, "a.json", all...)
	mustImport(t, s, path)
	wrong["resource"].(object)["verificationStatus"] = object{"coding": []object{{"code": "entered-in-error"}}}
	write(t, dir, "a.json", all...)
	mustImport(t, s, path)
	p := find(t, s, "patients", "name", "Ann")
	if got := find(t, s, "medical_records", "patientId", p.Id).GetString("diagnosis"); got != "Cough" {
		t.Errorf("diagnosis %q", got)
	}
}

func TestWhatTheClinicRemovedStaysRemoved(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	path := write(t, dir, "a.json", patient("p1", "Ann"))
	mustImport(t, s, path)
	if err := s.App.Delete(find(t, s, "patients", "name", "Ann")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.json", patient("p1", "Ann Changed"))
	mustImport(t, s, path)
	r := find(t, s, "patients", "name", "Ann")
	if r.GetDateTime("deletedAt").IsZero() {
		t.Error("the patient is back")
	}
}

// Records that came with a table of another clinic are found again, and what they say stays.
func TestRecordsFromATable(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	c, err := s.App.FindCollectionByNameOrId("patients")
	if err != nil {
		t.Fatal(err)
	}
	r := core.NewRecord(c)
	r.Load(map[string]any{"name": "Ann of the table", "sourceId": "fhir:urn:uuid:p1", "dateOfBirth": "1980-02-03"})
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	p := patient("p1", "Ann")
	p["resource"].(object)["gender"] = "female"
	path := write(t, dir, "a.json", p)
	for range 2 {
		mustImport(t, s, path)
		if r = find(t, s, "patients", "sourceId", "fhir:urn:uuid:p1"); r.GetString("name") != "Ann of the table" || r.GetString("gender") != "female" {
			t.Errorf("name %s, gender %s", r.GetString("name"), r.GetString("gender"))
		}
	}
}

// A later file may add to a visit of an earlier one; the record is rewritten once.
func TestAddedLater(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	mustImport(t, s, write(t, dir, "a.json", patient("p1", "Ann"), doctor("d1", "Dr One"),
		visit("e1", "urn:uuid:p1", "urn:uuid:d1", "2020-05-06T09:00:00Z", ""), found("c1", "urn:uuid:p1", "urn:uuid:e1", "Cough")))
	mustImport(t, s, write(t, dir, "b.json", found("c2", "urn:uuid:p1", "urn:uuid:e1", "Fever"), found("c3", "urn:uuid:p1", "urn:uuid:e1", "Rash"),
		entry("AllergyIntolerance", "a1", object{"patient": ref("urn:uuid:p1"), "code": text("Peanut"), "criticality": "high",
			"reaction": []object{{"manifestation": []object{text("Hives")}, "severity": "severe"}}})))
	p := find(t, s, "patients", "name", "Ann")
	if got := p.GetString("allergies"); got != "Peanut: Hives, severe; high criticality" {
		t.Errorf("allergies %q", got)
	}
	r := find(t, s, "medical_records", "patientId", p.Id)
	if r.GetString("diagnosis") != "Cough\nFever\nRash" || r.GetInt("version") != 2 {
		t.Errorf("diagnosis %q, version %d", r.GetString("diagnosis"), r.GetInt("version"))
	}
}

func TestWithoutRawTexts(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	a := write(t, dir, "a.json", patient("p1", "Ann"), doctor("d1", "Dr One"),
		visit("e1", "urn:uuid:p1", "urn:uuid:d1", "2020-05-06T09:00:00Z", ""), found("c1", "urn:uuid:p1", "urn:uuid:e1", "Cough"),
		entry("CarePlan", "x1", object{"subject": ref("urn:uuid:p1")}))
	kept := func() (n int) {
		if err := s.App.DB().NewQuery("SELECT COUNT(*) FROM fhir_texts").Row(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	mustImport(t, s, "--keep-raw=false", a)
	if kept() != 0 {
		t.Errorf("%d texts were kept", kept())
	}
	before := everything(t, s, clinicTables...)
	mustImport(t, s, "--keep-raw=false", a)
	if kept() != 0 || before != everything(t, s, clinicTables...) {
		t.Error("the second import changed something")
	}
	b := write(t, dir, "b.json", found("c2", "urn:uuid:p1", "urn:uuid:e1", "Fever"))
	if out, err := imports(t, s, "--keep-raw=false", b); err == nil || !strings.Contains(out, "import those files again") {
		t.Errorf("%v\n%s", err, out)
	}
	mustImport(t, s, a, b)
	p := find(t, s, "patients", "name", "Ann")
	if got := find(t, s, "medical_records", "patientId", p.Id).GetString("diagnosis"); got != "Cough\nFever" {
		t.Errorf("diagnosis %q", got)
	}
	if kept() != 6 {
		t.Errorf("%d texts are kept, want 6", kept())
	}
}

func TestLaterPaymentsAndBills(t *testing.T) {
	s, dir := set.Start(t), t.TempDir()
	money := func(value any, currency string) object { return object{"value": value, "currency": currency} }
	claim := func(id string, total object) object {
		return entry("Claim", id, object{
			"status": "active", "use": "claim", "patient": ref("urn:uuid:p1"), "created": "2020-05-06", "total": total,
			"item": []object{{"productOrService": text("Check up"), "encounter": []object{ref("urn:uuid:e1")}}},
		})
	}
	benefit := func(id, claim, patient string, paid object) object {
		return entry("ExplanationOfBenefit", id, object{
			"status": "active", "patient": ref(patient), "claim": ref(claim), "created": "2020-06-01",
			"payment": object{"amount": paid}, "insurer": object{"display": "Medicare"},
		})
	}
	path := write(t, dir, "a.json", patient("p1", "Ann"), patient("p2", "Bea"), doctor("d1", "Dr One"),
		visit("e1", "urn:uuid:p1", "urn:uuid:d1", "2020-05-06T09:00:00Z", ""),
		benefit("b1", "urn:uuid:k1", "urn:uuid:p1", money(99.999, "USD")), claim("k1", money(129.16, "USD")),
		claim("k2", money(10, "EUR")), benefit("b2", "urn:uuid:k2", "urn:uuid:p1", money(1, "EUR")),
		benefit("b3", "urn:uuid:k1", "urn:uuid:p1", money(29.17, "USD")),
		benefit("b4", "urn:uuid:k1", "urn:uuid:p2", money(1, "USD")),
		benefit("b5", "urn:uuid:k1", "urn:uuid:p1", money(0, "USD")),
		benefit("b6", "urn:uuid:none", "urn:uuid:p1", money(1, "USD")))
	out, err := imports(t, s, path)
	if err == nil || !strings.Contains(err.Error(), "5 could not") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"entry 6: Claim: total: is not in the clinic's currency", "entry 7: ExplanationOfBenefit: claim: did not become an invoice",
		"entry 8: ExplanationOfBenefit: amount: This is more than is owed", "entry 9: ExplanationOfBenefit: patient: is not the patient of its claim",
		"entry 11: ExplanationOfBenefit: claim: is in none of the files",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("not told: %s\n%s", want, out)
		}
	}
	p := find(t, s, "patients", "name", "Ann")
	i := find(t, s, "invoices", "patientId", p.Id)
	visit := find(t, s, "appointments", "patientId", p.Id)
	if i.GetFloat("paid") != 100 || i.GetFloat("balance") != 29.16 || i.GetString("status") != "partial" || i.GetString("issuedOn") != "2020-05-06" ||
		i.GetString("appointmentId") != visit.Id || i.GetString("doctorId") != visit.GetString("doctorId") {
		t.Errorf("invoice %v", i.PublicExport())
	}
	pay := find(t, s, "payments", "invoiceId", i.Id)
	if pay.GetString("method") != "insurance" || pay.GetString("paidOn") != "2020-06-01" || pay.GetString("reference") != "Medicare" {
		t.Errorf("payment %v", pay.PublicExport())
	}
	if n, err := s.App.CountRecords("invoices", dbx.HashExp{"invoiceNumber": ""}, dbx.NewExp("sourceId != ''")); err != nil || n != 0 {
		t.Errorf("%d invoices without a number, %v", n, err)
	}
}
