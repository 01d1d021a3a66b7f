package patients

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pocketbase/ozzo-validation/v4/is"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// patientImport makes a patient of a Patient and what that patient does not bear.
var patientImport = fhirapi.Importer{
	Collection: "patients", Types: []string{"Patient", "AllergyIntolerance"}, After: []string{"doctors"},
	Place: placePatient, Map: toPatient,
}

func placePatient(in fhirapi.Resource) (fhirapi.Place, error) {
	if in.Type == "Patient" {
		p, err := fhirapi.Decode[fhirapi.Patient](in)
		if err == nil && fhirapi.Name(p.Name).Text() == "" {
			err = fhirapi.Refuse("name", "is missing")
		}
		return fhirapi.Place{}, err
	}
	a, err := fhirapi.Decode[fhirapi.AllergyIntolerance](in)
	if err != nil {
		return fhirapi.Place{}, err
	}
	if a.VerificationStatus != nil && slices.Contains([]string{"refuted", "entered-in-error"}, a.VerificationStatus.Code()) {
		return fhirapi.Place{}, fhirapi.Skip("an allergy that is none")
	}
	patient := fhirapi.KeyOf(a.Patient, "Patient")
	if patient == "" {
		return fhirapi.Place{}, fhirapi.Refuse("patient", "is missing")
	}
	return fhirapi.Place{Of: patient, Day: fhirapi.CivilDay(fhirapi.First(a.OnsetDateTime, a.RecordedDate))}, nil
}

func toPatient(_ core.App, in *fhirapi.Set) (map[string]any, error) {
	if in.Root.Type != "Patient" {
		return nil, fhirapi.Refuse("patient", "is no patient")
	}
	p, err := fhirapi.Decode[fhirapi.Patient](in.Root)
	if err != nil {
		return nil, err
	}
	born, err := bornOn(p)
	if err != nil {
		return nil, err
	}
	name := fhirapi.Cut(fhirapi.Name(p.Name).Text(), 200)
	if was := in.Was; was != nil && was.GetString("name") != name && was.GetString("dateOfBirth") != born && born != "" {
		return nil, fhirapi.Refuse("", "has the id of another patient: where the files are from another system, name it with --source")
	}
	allergies, err := allergiesOf(in.Parts)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{
		"name": name, "dateOfBirth": born, "gender": genderOf(p), "address": addressOf(p),
		"emergencyContact": emergencyContact(p), "allergies": allergies, "notes": deathOf(p),
	}
	if phone := fhirapi.Contact(p.Telecom, "phone"); staffapi.CheckContact(phone) == nil && len(phone) <= 100 {
		fields["contact"] = phone
	}
	if email := fhirapi.Contact(p.Telecom, "email"); is.EmailFormat.Validate(email) == nil {
		fields["email"] = email
	}
	for _, ref := range p.GeneralPractitioner {
		doctor, err := in.Find(ref.Key("Practitioner"))
		if err != nil {
			return nil, err
		}
		if id := doctor.In("doctors"); id != "" {
			fields["assignedDoctorId"] = id
			break
		}
	}
	return fields, nil
}

// bornOn returns the day of birth, or the year where no more is known of it.
func bornOn(p fhirapi.Patient) (string, error) {
	text := string(p.BirthDate)
	if text == "" {
		return "", nil
	}
	if fhirapi.CivilDay(p.BirthDate) == "" {
		return "", fhirapi.Refuse("birthDate", "is no date")
	}
	if len(text) < len("2012-05-17") {
		return text[:4], nil
	}
	return text[:10], nil
}

func genderOf(p fhirapi.Patient) string {
	if p.Gender == "unknown" {
		return ""
	}
	return fhirapi.Cut(p.Gender, 30)
}

func addressOf(p fhirapi.Patient) string {
	for _, a := range p.Address {
		if line := a.Line(); line != "" && a.Use != "old" {
			return fhirapi.Cut(line, 500)
		}
	}
	return ""
}

// emergencyContact returns the first contact with a name or a number: "Jane Doe (Mother), 555 1234".
func emergencyContact(p fhirapi.Patient) string {
	for _, c := range p.Contact {
		var name string
		if c.Name != nil {
			name = c.Name.Text()
		}
		if who := fhirapi.Texts(c.Relationship); len(who) > 0 && name != "" {
			name += " (" + who[0] + ")"
		}
		parts := []string{name, fhirapi.Contact(c.Telecom, "phone")}
		if line := strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", "); line != "" {
			return fhirapi.Cut(line, 300)
		}
	}
	return ""
}

// deathOf returns a note where the patient has died: there is no field for it.
func deathOf(p fhirapi.Patient) string {
	if !p.Deceased() {
		return ""
	}
	return strings.TrimSpace("Deceased " + fhirapi.CivilDay(p.DeceasedDateTime))
}

// allergiesOf returns a line for each allergy: "Peanut: hives, severe; high criticality".
func allergiesOf(parts []fhirapi.Resource) (string, error) {
	var lines []string
	for _, part := range parts {
		if part.Type != "AllergyIntolerance" {
			continue
		}
		a, err := fhirapi.Decode[fhirapi.AllergyIntolerance](part)
		if err != nil {
			return "", err
		}
		if line := allergy(a); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return fhirapi.Cut(strings.Join(lines, "\n"), 5000), nil
}

func allergy(a fhirapi.AllergyIntolerance) string {
	var what string
	if a.Code != nil {
		what = a.Code.Text()
	}
	var reactions []string
	for _, r := range a.Reaction {
		if r.Substance != nil {
			what = cmp.Or(what, r.Substance.Text())
		}
		reactions = append(reactions, fhirapi.Texts(r.Manifestation)...)
		if r.Severity != "" {
			reactions = append(reactions, r.Severity)
		}
	}
	if what == "" {
		return ""
	}
	if len(reactions) > 0 {
		what += ": " + strings.Join(reactions, ", ")
	}
	if a.Criticality == "high" {
		what += "; high criticality"
	}
	if a.ClinicalStatus != nil && slices.Contains([]string{"inactive", "resolved"}, a.ClinicalStatus.Code()) {
		what += " (" + a.ClinicalStatus.Code() + ")"
	}
	return what
}
