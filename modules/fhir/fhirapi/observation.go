package fhirapi

import (
	"encoding/json"
	"strings"
)

// Observation is a measurement, laboratory result or finding.
type Observation struct {
	ID                string            `json:"id"`
	Identifier        []Identifier      `json:"identifier"`
	Status            string            `json:"status"` // final, amended, entered-in-error, …
	Category          []CodeableConcept `json:"category"`
	Code              *CodeableConcept  `json:"code"`
	Subject           *Reference        `json:"subject"`
	Encounter         *Reference        `json:"encounter"`
	EffectiveDateTime DateTime          `json:"effectiveDateTime"`
	EffectiveInstant  DateTime          `json:"effectiveInstant"`
	EffectivePeriod   Period            `json:"effectivePeriod"`
	Issued            DateTime          `json:"issued"`
	Performer         []Reference       `json:"performer"`
	Value
	Interpretation []CodeableConcept `json:"interpretation"`
	Note           []Annotation      `json:"note"`
	BodySite       *CodeableConcept  `json:"bodySite"`
	ReferenceRange []ReferenceRange  `json:"referenceRange"`
	Component      []struct {
		Code           CodeableConcept   `json:"code"`
		Interpretation []CodeableConcept `json:"interpretation"`
		ReferenceRange []ReferenceRange  `json:"referenceRange"`
		Value
	} `json:"component"`
}

// When returns when it was seen, else when it was issued, or "".
func (o Observation) When() DateTime {
	return First(o.EffectiveDateTime, o.EffectiveInstant, o.EffectivePeriod.Start, o.Issued)
}

// Text returns the value with, or as, the values of its components:
// "Systolic 120 mmHg, Diastolic 80 mmHg"; "" if there is none.
func (o Observation) Text() string {
	var parts []string
	if text := o.Value.Text(); text != "" {
		parts = append(parts, text)
	}
	for _, c := range o.Component {
		if text := c.Value.Text(); text != "" {
			parts = append(parts, words(c.Code.Text(), text))
		}
	}
	return strings.Join(parts, ", ")
}

// ReferenceRange is what is normal.
type ReferenceRange struct {
	Range
	FreeText string `json:"text"`
}

// Text returns the range as its author wrote it, else its ends.
func (r ReferenceRange) Text() string {
	if text := strings.TrimSpace(r.FreeText); text != "" {
		return text
	}
	return r.Range.String()
}

// Value is the value of an observation, in one of its forms.
type Value struct {
	ValueQuantity        *Quantity        `json:"valueQuantity"`
	ValueCodeableConcept *CodeableConcept `json:"valueCodeableConcept"`
	ValueString          string           `json:"valueString"`
	ValueBoolean         *bool            `json:"valueBoolean"`
	ValueInteger         json.Number      `json:"valueInteger"`
	ValueRange           *Range           `json:"valueRange"`
	ValueRatio           *Ratio           `json:"valueRatio"`
	ValueTime            string           `json:"valueTime"`
	ValueDateTime        DateTime         `json:"valueDateTime"`
	ValuePeriod          *Period          `json:"valuePeriod"`
	DataAbsentReason     *CodeableConcept `json:"dataAbsentReason"`
}

// Text returns the value in words, "" if it is absent.
func (v Value) Text() string {
	switch {
	case v.ValueQuantity != nil:
		return v.ValueQuantity.String()
	case v.ValueCodeableConcept != nil:
		return v.ValueCodeableConcept.Text()
	case v.ValueBoolean != nil && *v.ValueBoolean:
		return "yes"
	case v.ValueBoolean != nil:
		return "no"
	case v.ValueRange != nil:
		return v.ValueRange.String()
	case v.ValueRatio != nil:
		return v.ValueRatio.String()
	case v.ValuePeriod != nil:
		return words(string(v.ValuePeriod.Start), "–", string(v.ValuePeriod.End))
	}
	return words(v.ValueString, v.ValueInteger.String(), v.ValueTime, string(v.ValueDateTime))
}
