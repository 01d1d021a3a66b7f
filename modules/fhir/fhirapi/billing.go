package fhirapi

import "encoding/json"

// Claim is a bill to an insurer.
type Claim struct {
	ID             string           `json:"id"`
	Identifier     []Identifier     `json:"identifier"`
	Status         string           `json:"status"` // active, cancelled, draft, entered-in-error
	Type           *CodeableConcept `json:"type"`   // institutional, pharmacy, …
	Use            string           `json:"use"`    // claim, preauthorization, predetermination
	Patient        *Reference       `json:"patient"`
	BillablePeriod Period           `json:"billablePeriod"`
	Created        DateTime         `json:"created"`
	Insurer        *Reference       `json:"insurer"`
	Provider       *Reference       `json:"provider"`
	Prescription   *Reference       `json:"prescription"`
	CareTeam       []CareTeam       `json:"careTeam"`
	Diagnosis      []ClaimDiagnosis `json:"diagnosis"`
	Procedure      []struct {
		Sequence                 json.Number      `json:"sequence"`
		ProcedureCodeableConcept *CodeableConcept `json:"procedureCodeableConcept"`
		ProcedureReference       *Reference       `json:"procedureReference"`
	} `json:"procedure"`
	Insurance []Insurance `json:"insurance"`
	Item      []Item      `json:"item"`
	Total     *Money      `json:"total"`
}

// ExplanationOfBenefit is what an insurer made of a claim.
type ExplanationOfBenefit struct {
	ID             string           `json:"id"`
	Identifier     []Identifier     `json:"identifier"`
	Status         string           `json:"status"`
	Type           *CodeableConcept `json:"type"`
	Use            string           `json:"use"`
	Patient        *Reference       `json:"patient"`
	BillablePeriod Period           `json:"billablePeriod"`
	Created        DateTime         `json:"created"`
	Insurer        *Reference       `json:"insurer"`
	Provider       *Reference       `json:"provider"`
	Claim          *Reference       `json:"claim"`
	Outcome        string           `json:"outcome"` // queued, complete, error, partial
	Disposition    string           `json:"disposition"`
	CareTeam       []CareTeam       `json:"careTeam"`
	Diagnosis      []ClaimDiagnosis `json:"diagnosis"`
	Insurance      []Insurance      `json:"insurance"`
	Item           []Item           `json:"item"`
	Adjudication   []Adjudication   `json:"adjudication"`
	Total          []struct {
		Category CodeableConcept `json:"category"` // submitted, benefit, …
		Amount   Money           `json:"amount"`
	} `json:"total"`
	Payment *struct {
		Type             *CodeableConcept `json:"type"`
		Adjustment       *Money           `json:"adjustment"`
		AdjustmentReason *CodeableConcept `json:"adjustmentReason"`
		Date             DateTime         `json:"date"`
		Amount           *Money           `json:"amount"`
		Identifier       *Identifier      `json:"identifier"`
	} `json:"payment"`
}

// CareTeam is who took part in what is billed.
type CareTeam struct {
	Sequence json.Number      `json:"sequence"`
	Provider Reference        `json:"provider"`
	Role     *CodeableConcept `json:"role"`
}

// ClaimDiagnosis is a diagnosis that a bill rests on.
type ClaimDiagnosis struct {
	Sequence                 json.Number       `json:"sequence"`
	DiagnosisCodeableConcept *CodeableConcept  `json:"diagnosisCodeableConcept"`
	DiagnosisReference       *Reference        `json:"diagnosisReference"`
	Type                     []CodeableConcept `json:"type"`
}

// Insurance is who is to pay.
type Insurance struct {
	Focal    bool      `json:"focal"`
	Coverage Reference `json:"coverage"`
}

// Item is a line of a bill.
type Item struct {
	Sequence                json.Number      `json:"sequence"`
	DiagnosisSequence       []json.Number    `json:"diagnosisSequence"`
	ProcedureSequence       []json.Number    `json:"procedureSequence"`
	InformationSequence     []json.Number    `json:"informationSequence"`
	Category                *CodeableConcept `json:"category"`
	ProductOrService        CodeableConcept  `json:"productOrService"`
	ServicedDate            DateTime         `json:"servicedDate"`
	ServicedPeriod          Period           `json:"servicedPeriod"`
	LocationCodeableConcept *CodeableConcept `json:"locationCodeableConcept"`
	Quantity                *Quantity        `json:"quantity"`
	UnitPrice               *Money           `json:"unitPrice"`
	Net                     *Money           `json:"net"`
	Encounter               []Reference      `json:"encounter"`
	Adjudication            []Adjudication   `json:"adjudication"` // of an ExplanationOfBenefit
}

// Adjudication is one result of an insurer's deciding.
type Adjudication struct {
	Category CodeableConcept  `json:"category"` // submitted, copay, eligible, deductible, benefit, …
	Reason   *CodeableConcept `json:"reason"`
	Amount   *Money           `json:"amount"`
	Value    json.Number      `json:"value"`
}
