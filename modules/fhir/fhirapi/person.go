package fhirapi

// Patient is who is cared for.
type Patient struct {
	ID               string           `json:"id"`
	Identifier       []Identifier     `json:"identifier"`
	Active           *bool            `json:"active"`
	Name             []HumanName      `json:"name"`
	Telecom          []ContactPoint   `json:"telecom"`
	Gender           string           `json:"gender"` // male, female, other, unknown
	BirthDate        DateTime         `json:"birthDate"`
	DeceasedBoolean  bool             `json:"deceasedBoolean"`
	DeceasedDateTime DateTime         `json:"deceasedDateTime"`
	Address          []Address        `json:"address"`
	MaritalStatus    *CodeableConcept `json:"maritalStatus"`
	Contact          []PatientContact `json:"contact"`
	Communication    []struct {
		Language  CodeableConcept `json:"language"`
		Preferred bool            `json:"preferred"`
	} `json:"communication"`
	GeneralPractitioner  []Reference `json:"generalPractitioner"`
	ManagingOrganization *Reference  `json:"managingOrganization"`
	Link                 []struct {
		Other Reference `json:"other"`
		Type  string    `json:"type"` // replaced-by, replaces, refer, seealso
	} `json:"link"`
}

// Deceased reports whether the patient is dead, in either way FHIR says so.
func (p Patient) Deceased() bool { return p.DeceasedBoolean || p.DeceasedDateTime != "" }

// PatientContact is who to call for a patient.
type PatientContact struct {
	Relationship []CodeableConcept `json:"relationship"`
	Name         *HumanName        `json:"name"`
	Telecom      []ContactPoint    `json:"telecom"`
	Address      *Address          `json:"address"`
	Gender       string            `json:"gender"`
	Organization *Reference        `json:"organization"`
	Period       Period            `json:"period"`
}

// Practitioner is a doctor or another who cares.
type Practitioner struct {
	ID            string         `json:"id"`
	Identifier    []Identifier   `json:"identifier"`
	Active        *bool          `json:"active"`
	Name          []HumanName    `json:"name"`
	Telecom       []ContactPoint `json:"telecom"`
	Address       []Address      `json:"address"`
	Gender        string         `json:"gender"`
	BirthDate     DateTime       `json:"birthDate"`
	Qualification []struct {
		Identifier []Identifier    `json:"identifier"`
		Code       CodeableConcept `json:"code"`
		Period     Period          `json:"period"`
		Issuer     *Reference      `json:"issuer"`
	} `json:"qualification"`
	Communication []CodeableConcept `json:"communication"`
}

// PractitionerRole is what a practitioner does for an organization.
type PractitionerRole struct {
	ID           string            `json:"id"`
	Identifier   []Identifier      `json:"identifier"`
	Active       *bool             `json:"active"`
	Period       Period            `json:"period"`
	Practitioner *Reference        `json:"practitioner"`
	Organization *Reference        `json:"organization"`
	Code         []CodeableConcept `json:"code"`
	Specialty    []CodeableConcept `json:"specialty"`
	Location     []Reference       `json:"location"`
	Telecom      []ContactPoint    `json:"telecom"`
}

// Organization is a hospital, practice, insurer or department.
type Organization struct {
	ID         string            `json:"id"`
	Identifier []Identifier      `json:"identifier"`
	Active     *bool             `json:"active"`
	Type       []CodeableConcept `json:"type"`
	Name       string            `json:"name"`
	Alias      []string          `json:"alias"`
	Telecom    []ContactPoint    `json:"telecom"`
	Address    []Address         `json:"address"`
	PartOf     *Reference        `json:"partOf"`
}
