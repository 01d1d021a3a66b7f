package fhirapi

// Encounter is a visit or stay.
type Encounter struct {
	ID          string            `json:"id"`
	Identifier  []Identifier      `json:"identifier"`
	Status      string            `json:"status"` // planned, arrived, …, finished, cancelled
	Class       Coding            `json:"class"`  // AMB, EMER, IMP, VR, …
	Type        []CodeableConcept `json:"type"`
	ServiceType *CodeableConcept  `json:"serviceType"`
	Subject     *Reference        `json:"subject"`
	Participant []struct {
		Type       []CodeableConcept `json:"type"`
		Period     Period            `json:"period"`
		Individual *Reference        `json:"individual"`
	} `json:"participant"`
	Appointment     []Reference       `json:"appointment"`
	Period          Period            `json:"period"`
	ReasonCode      []CodeableConcept `json:"reasonCode"`
	ReasonReference []Reference       `json:"reasonReference"`
	Diagnosis       []struct {
		Condition Reference        `json:"condition"`
		Use       *CodeableConcept `json:"use"`
	} `json:"diagnosis"`
	Hospitalization *struct {
		AdmitSource          *CodeableConcept `json:"admitSource"`
		DischargeDisposition *CodeableConcept `json:"dischargeDisposition"`
	} `json:"hospitalization"`
	Location []struct {
		Location Reference `json:"location"`
		Period   Period    `json:"period"`
	} `json:"location"`
	ServiceProvider *Reference `json:"serviceProvider"`
	PartOf          *Reference `json:"partOf"`
}

// Condition is a diagnosis or problem.
type Condition struct {
	ID                 string            `json:"id"`
	Identifier         []Identifier      `json:"identifier"`
	ClinicalStatus     *CodeableConcept  `json:"clinicalStatus"`
	VerificationStatus *CodeableConcept  `json:"verificationStatus"`
	Category           []CodeableConcept `json:"category"`
	Severity           *CodeableConcept  `json:"severity"`
	Code               *CodeableConcept  `json:"code"`
	BodySite           []CodeableConcept `json:"bodySite"`
	Subject            *Reference        `json:"subject"`
	Encounter          *Reference        `json:"encounter"`
	OnsetDateTime      DateTime          `json:"onsetDateTime"`
	OnsetPeriod        Period            `json:"onsetPeriod"`
	OnsetAge           *Quantity         `json:"onsetAge"`
	OnsetString        string            `json:"onsetString"`
	AbatementDateTime  DateTime          `json:"abatementDateTime"`
	AbatementPeriod    Period            `json:"abatementPeriod"`
	RecordedDate       DateTime          `json:"recordedDate"`
	Recorder           *Reference        `json:"recorder"`
	Asserter           *Reference        `json:"asserter"`
	Note               []Annotation      `json:"note"`
}

// Onset returns when it began, else when it was recorded, else "".
func (c Condition) Onset() DateTime {
	return First(c.OnsetDateTime, c.OnsetPeriod.Start, c.RecordedDate)
}

// Abatement returns when it ended, or "".
func (c Condition) Abatement() DateTime {
	return First(c.AbatementDateTime, c.AbatementPeriod.Start)
}

// AllergyIntolerance is what a patient does not bear.
type AllergyIntolerance struct {
	ID                 string           `json:"id"`
	Identifier         []Identifier     `json:"identifier"`
	ClinicalStatus     *CodeableConcept `json:"clinicalStatus"`
	VerificationStatus *CodeableConcept `json:"verificationStatus"`
	Type               string           `json:"type"`        // allergy, intolerance
	Category           []string         `json:"category"`    // food, medication, environment, biologic
	Criticality        string           `json:"criticality"` // low, high, unable-to-assess
	Code               *CodeableConcept `json:"code"`
	Patient            *Reference       `json:"patient"`
	Encounter          *Reference       `json:"encounter"`
	OnsetDateTime      DateTime         `json:"onsetDateTime"`
	RecordedDate       DateTime         `json:"recordedDate"`
	Recorder           *Reference       `json:"recorder"`
	Asserter           *Reference       `json:"asserter"`
	LastOccurrence     DateTime         `json:"lastOccurrence"`
	Note               []Annotation     `json:"note"`
	Reaction           []struct {
		Substance     *CodeableConcept  `json:"substance"`
		Manifestation []CodeableConcept `json:"manifestation"`
		Description   string            `json:"description"`
		Onset         DateTime          `json:"onset"`
		Severity      string            `json:"severity"` // mild, moderate, severe
	} `json:"reaction"`
}

// Procedure is what was done to a patient.
type Procedure struct {
	ID                string            `json:"id"`
	Identifier        []Identifier      `json:"identifier"`
	Status            string            `json:"status"`
	Category          *CodeableConcept  `json:"category"`
	Code              *CodeableConcept  `json:"code"`
	Subject           *Reference        `json:"subject"`
	Encounter         *Reference        `json:"encounter"`
	PerformedDateTime DateTime          `json:"performedDateTime"`
	PerformedPeriod   Period            `json:"performedPeriod"`
	PerformedString   string            `json:"performedString"`
	Performer         []Performer       `json:"performer"`
	ReasonCode        []CodeableConcept `json:"reasonCode"`
	ReasonReference   []Reference       `json:"reasonReference"`
	BodySite          []CodeableConcept `json:"bodySite"`
	Outcome           *CodeableConcept  `json:"outcome"`
	Note              []Annotation      `json:"note"`
}

// When returns when it was done or begun, or "".
func (p Procedure) When() DateTime {
	return First(p.PerformedDateTime, p.PerformedPeriod.Start)
}

// Performer is who did something.
type Performer struct {
	Function *CodeableConcept `json:"function"`
	Actor    Reference        `json:"actor"`
}

// Immunization is a vaccination, given or not.
type Immunization struct {
	ID                 string            `json:"id"`
	Identifier         []Identifier      `json:"identifier"`
	Status             string            `json:"status"` // completed, not-done, entered-in-error
	StatusReason       *CodeableConcept  `json:"statusReason"`
	VaccineCode        *CodeableConcept  `json:"vaccineCode"`
	Patient            *Reference        `json:"patient"`
	Encounter          *Reference        `json:"encounter"`
	OccurrenceDateTime DateTime          `json:"occurrenceDateTime"`
	OccurrenceString   string            `json:"occurrenceString"`
	Recorded           DateTime          `json:"recorded"`
	LotNumber          string            `json:"lotNumber"`
	ExpirationDate     DateTime          `json:"expirationDate"`
	Site               *CodeableConcept  `json:"site"`
	Route              *CodeableConcept  `json:"route"`
	DoseQuantity       *Quantity         `json:"doseQuantity"`
	Performer          []Performer       `json:"performer"`
	Note               []Annotation      `json:"note"`
	ReasonCode         []CodeableConcept `json:"reasonCode"`
}
