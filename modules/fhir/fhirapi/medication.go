package fhirapi

import (
	"encoding/json"
	"strings"
)

// Medication is a drug that a request refers to instead of naming it.
type Medication struct {
	ID         string           `json:"id"`
	Identifier []Identifier     `json:"identifier"`
	Code       *CodeableConcept `json:"code"`
	Status     string           `json:"status"`
	Form       *CodeableConcept `json:"form"`
	Ingredient []struct {
		ItemCodeableConcept *CodeableConcept `json:"itemCodeableConcept"`
		ItemReference       *Reference       `json:"itemReference"`
		Strength            Ratio            `json:"strength"`
	} `json:"ingredient"`
}

// MedicationRequest is a prescription.
type MedicationRequest struct {
	ID                        string            `json:"id"`
	Identifier                []Identifier      `json:"identifier"`
	Status                    string            `json:"status"` // active, on-hold, cancelled, completed, stopped, …
	StatusReason              *CodeableConcept  `json:"statusReason"`
	Intent                    string            `json:"intent"` // order, plan, proposal, …
	Category                  []CodeableConcept `json:"category"`
	DoNotPerform              bool              `json:"doNotPerform"`
	MedicationCodeableConcept *CodeableConcept  `json:"medicationCodeableConcept"`
	MedicationReference       *Reference        `json:"medicationReference"`
	Subject                   *Reference        `json:"subject"`
	Encounter                 *Reference        `json:"encounter"`
	AuthoredOn                DateTime          `json:"authoredOn"`
	Requester                 *Reference        `json:"requester"`
	ReasonCode                []CodeableConcept `json:"reasonCode"`
	ReasonReference           []Reference       `json:"reasonReference"`
	Note                      []Annotation      `json:"note"`
	DosageInstruction         []Dosage          `json:"dosageInstruction"`
	DispenseRequest           *struct {
		ValidityPeriod         Period      `json:"validityPeriod"`
		NumberOfRepeatsAllowed json.Number `json:"numberOfRepeatsAllowed"`
		Quantity               *Quantity   `json:"quantity"`
		ExpectedSupplyDuration *Quantity   `json:"expectedSupplyDuration"`
	} `json:"dispenseRequest"`
}

// Dosage is how a drug is to be taken.
type Dosage struct {
	FreeText                string            `json:"text"`
	AdditionalInstruction   []CodeableConcept `json:"additionalInstruction"`
	PatientInstruction      string            `json:"patientInstruction"`
	Timing                  *Timing           `json:"timing"`
	AsNeededBoolean         bool              `json:"asNeededBoolean"`
	AsNeededCodeableConcept *CodeableConcept  `json:"asNeededCodeableConcept"`
	Site                    *CodeableConcept  `json:"site"`
	Route                   *CodeableConcept  `json:"route"`
	Method                  *CodeableConcept  `json:"method"`
	DoseAndRate             []struct {
		DoseQuantity *Quantity `json:"doseQuantity"`
		DoseRange    *Range    `json:"doseRange"`
		RateQuantity *Quantity `json:"rateQuantity"`
		RateRange    *Range    `json:"rateRange"`
		RateRatio    *Ratio    `json:"rateRatio"`
	} `json:"doseAndRate"`
}

// Timing is how often something is to be done.
type Timing struct {
	Code   *CodeableConcept `json:"code"` // BID, TID, …
	Repeat struct {
		BoundsPeriod   Period      `json:"boundsPeriod"`
		BoundsDuration *Quantity   `json:"boundsDuration"`
		Count          json.Number `json:"count"`
		Frequency      json.Number `json:"frequency"`
		Period         json.Number `json:"period"`
		PeriodUnit     string      `json:"periodUnit"` // s, min, h, d, wk, mo, a
		When           []string    `json:"when"`       // MORN, AC, HS, …
	} `json:"repeat"`
}

// periodUnits are the words for UCUM's units of time in FHIR.
var periodUnits = map[string]string{
	"s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year",
}

// Text returns how often in words: "2 × per day", "1 × every 8 hours", else the
// words of the code, else "".
func (t Timing) Text() string {
	r := t.Repeat
	unit := periodUnits[r.PeriodUnit]
	if unit == "" || r.Period == "" {
		if t.Code != nil {
			return t.Code.Text()
		}
		return ""
	}
	times := r.Frequency.String()
	if times == "" {
		times = "1" // R4: the default of frequency
	}
	if r.Period == "1" {
		return times + " × per " + unit
	}
	return times + " × every " + r.Period.String() + " " + unit + "s"
}

// Text returns the dosage as its author wrote it, else put together from its
// parts: "1 tablet, 2 × per day, oral, as needed".
func (d Dosage) Text() string {
	if text := strings.TrimSpace(d.FreeText); text != "" {
		return text
	}
	var parts []string
	add := func(part string) {
		if part != "" {
			parts = append(parts, part)
		}
	}
	for _, dose := range d.DoseAndRate {
		if dose.DoseQuantity != nil {
			add(dose.DoseQuantity.String())
		}
		if dose.DoseRange != nil {
			add(dose.DoseRange.String())
		}
		if dose.RateQuantity != nil {
			add(dose.RateQuantity.String())
		}
		if dose.RateRange != nil {
			add(dose.RateRange.String())
		}
		if dose.RateRatio != nil {
			add(dose.RateRatio.String())
		}
	}
	if d.Timing != nil {
		add(d.Timing.Text())
	}
	for _, concept := range []*CodeableConcept{d.Route, d.Method, d.Site} {
		if concept != nil {
			add(concept.Text())
		}
	}
	switch {
	case d.AsNeededCodeableConcept != nil:
		add("as needed for " + d.AsNeededCodeableConcept.Text())
	case d.AsNeededBoolean:
		add("as needed")
	}
	for _, text := range Texts(d.AdditionalInstruction) {
		add(text)
	}
	add(strings.TrimSpace(d.PatientInstruction))
	return strings.Join(parts, ", ")
}
