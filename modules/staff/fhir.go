package staff

import (
	"cmp"

	"github.com/pocketbase/ozzo-validation/v4/is"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// doctorImport makes a doctor of a Practitioner and the roles of that practitioner.
var doctorImport = fhirapi.Importer{
	Collection: "doctors", Types: []string{"Practitioner", "PractitionerRole"},
	Place: placePractitioner, Map: toDoctor,
}

func placePractitioner(in fhirapi.Resource) (fhirapi.Place, error) {
	if in.Type == "Practitioner" {
		p, err := fhirapi.Decode[fhirapi.Practitioner](in)
		if err == nil && fhirapi.Name(p.Name).Text() == "" {
			err = fhirapi.Refuse("name", "is missing")
		}
		return fhirapi.Place{}, err
	}
	role, err := fhirapi.Decode[fhirapi.PractitionerRole](in)
	if err != nil {
		return fhirapi.Place{}, err
	}
	of := fhirapi.KeyOf(role.Practitioner, "Practitioner")
	if of == "" {
		return fhirapi.Place{}, fhirapi.Skip("a role that nobody has")
	}
	return fhirapi.Place{Of: of}, nil
}

// noSpecialty is what a doctor has whose specialty is not told.
const noSpecialty = "General practice"

func toDoctor(_ core.App, in *fhirapi.Set) (map[string]any, error) {
	if in.Root.Type != "Practitioner" {
		return nil, fhirapi.Refuse("practitioner", "is no practitioner")
	}
	p, err := fhirapi.Decode[fhirapi.Practitioner](in.Root)
	if err != nil {
		return nil, err
	}
	specialty, phone, email := "", fhirapi.Contact(p.Telecom, "phone"), fhirapi.Contact(p.Telecom, "email")
	for _, part := range in.Parts {
		if part.Type != "PractitionerRole" {
			continue
		}
		role, err := fhirapi.Decode[fhirapi.PractitionerRole](part)
		if err != nil {
			return nil, err
		}
		for _, text := range append(fhirapi.Texts(role.Specialty), fhirapi.Texts(role.Code)...) {
			specialty = cmp.Or(specialty, text)
		}
		phone = cmp.Or(phone, fhirapi.Contact(role.Telecom, "phone"))
		email = cmp.Or(email, fhirapi.Contact(role.Telecom, "email"))
	}
	fields := map[string]any{
		"name":      fhirapi.Cut(fhirapi.Name(p.Name).Text(), 200),
		"specialty": fhirapi.Cut(cmp.Or(specialty, noSpecialty), 200),
	}
	// A number that is none and an address that cannot be written to would keep the doctor
	// out, and with the doctor every visit.
	if staffapi.CheckContact(phone) == nil && len(phone) <= 100 {
		fields["contact"] = phone
	}
	if is.EmailFormat.Validate(email) == nil {
		fields["email"] = email
	}
	return fields, nil
}
