package fhirapi

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// The structs hold the elements we use, named as in FHIR. An element named
// text is FreeText here where Text gives the best words there are.

// Coding is a code of a code system.
type Coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display"`
}

// CodeableConcept is a thing named by codes, words or both.
type CodeableConcept struct {
	Coding   []Coding `json:"coding"`
	FreeText string   `json:"text"`
}

// Text returns the words chosen by the author, else the first display, else
// the first code, else "".
func (c CodeableConcept) Text() string {
	text := strings.TrimSpace(c.FreeText)
	for _, coding := range c.Coding {
		text = cmp.Or(text, strings.TrimSpace(coding.Display))
	}
	for _, coding := range c.Coding {
		text = cmp.Or(text, coding.Code)
	}
	return text
}

// Code returns the first code of one of the systems, in the order of systems,
// or "". Without systems it returns the first code of any.
func (c CodeableConcept) Code(systems ...string) string {
	for _, system := range systems {
		for _, coding := range c.Coding {
			if coding.System == system && coding.Code != "" {
				return coding.Code
			}
		}
	}
	if len(systems) > 0 || len(c.Coding) == 0 {
		return ""
	}
	return c.Coding[0].Code
}

// Texts returns the words of several concepts, without empty ones.
func Texts(concepts []CodeableConcept) []string {
	var texts []string
	for _, c := range concepts {
		if text := c.Text(); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// Reference points to a resource, see [Reference.Key], or only names it.
type Reference struct {
	Reference  string      `json:"reference"`
	Type       string      `json:"type"`
	Identifier *Identifier `json:"identifier"`
	Display    string      `json:"display"`
}

// Identifier is a number given by some system.
type Identifier struct {
	Use    string          `json:"use"`
	Type   CodeableConcept `json:"type"`
	System string          `json:"system"`
	Value  string          `json:"value"`
}

// Period is from start to end, either of which may be open.
type Period struct {
	Start DateTime `json:"start"`
	End   DateTime `json:"end"`
}

// Quantity is a measured amount, its number kept as written.
type Quantity struct {
	Value      json.Number `json:"value"`
	Comparator string      `json:"comparator"` // < <= >= >
	Unit       string      `json:"unit"`
	System     string      `json:"system"`
	Code       string      `json:"code"`
}

// Money is an amount, its number kept as written; see [Money.Minor].
type Money struct {
	Value    json.Number `json:"value"`
	Currency string      `json:"currency"` // ISO 4217
}

// Range is from low to high.
type Range struct {
	Low  Quantity `json:"low"`
	High Quantity `json:"high"`
}

// String returns "5 mg – 10 mg", "≥ 5 mg" or "≤ 10 mg"; "" if both ends are open.
func (r Range) String() string {
	low, high := r.Low.String(), r.High.String()
	switch {
	case low != "" && high != "":
		return low + " – " + high
	case low != "":
		return "≥ " + low
	case high != "":
		return "≤ " + high
	}
	return ""
}

// Ratio is one quantity per another.
type Ratio struct {
	Numerator   Quantity `json:"numerator"`
	Denominator Quantity `json:"denominator"`
}

// String returns "5 mg / 1 mL"; without a denominator the numerator.
func (r Ratio) String() string {
	over, under := r.Numerator.String(), r.Denominator.String()
	if under == "" {
		return over
	}
	return over + " / " + under
}

// Annotation is a note.
type Annotation struct {
	AuthorString    string     `json:"authorString"`
	AuthorReference *Reference `json:"authorReference"`
	Time            DateTime   `json:"time"`
	Text            string     `json:"text"`
}

// HumanName is one name of a person.
type HumanName struct {
	Use      string   `json:"use"`
	FreeText string   `json:"text"`
	Family   string   `json:"family"`
	Given    []string `json:"given"`
	Prefix   []string `json:"prefix"`
	Suffix   []string `json:"suffix"`
	Period   Period   `json:"period"`
}

// Text returns the name in full as it is written, else put together from its
// parts: "Dr. Ned Pagac".
func (n HumanName) Text() string {
	if text := words(n.FreeText); text != "" {
		return text
	}
	parts := slices.Concat(n.Prefix, n.Given, []string{n.Family}, n.Suffix)
	return words(parts...)
}

// GivenNames returns the given names, separated by spaces.
func (n HumanName) GivenNames() string { return words(n.Given...) }

// nameUses is which name a person goes by, best first. Source: R4 name-use.
var nameUses = []string{"official", "usual", "", "nickname", "anonymous", "temp", "maiden", "old"}

// Name returns the name a person is registered by: official before usual, a
// maiden or old one last. It returns the zero HumanName if there is none.
func Name(names []HumanName) HumanName {
	for _, use := range nameUses {
		for _, n := range names {
			if n.Use == use && n.Text() != "" {
				return n
			}
		}
	}
	return HumanName{}
}

// Address is a postal address.
type Address struct {
	Use        string   `json:"use"`
	Type       string   `json:"type"`
	FreeText   string   `json:"text"`
	Lines      []string `json:"line"`
	City       string   `json:"city"`
	District   string   `json:"district"`
	State      string   `json:"state"`
	PostalCode string   `json:"postalCode"`
	Country    string   `json:"country"`
	Period     Period   `json:"period"`
}

// Line returns the address on one line: "427 Tillman Crossing, Boston,
// Massachusetts 02108, US".
func (a Address) Line() string {
	parts := append(slices.Clone(a.Lines), a.City, a.District, words(a.State, a.PostalCode), a.Country)
	for i := range parts {
		parts[i] = words(parts[i])
	}
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	if len(parts) == 0 {
		return words(a.FreeText)
	}
	return strings.Join(parts, ", ")
}

// ContactPoint is a telephone number, mail address or the like.
type ContactPoint struct {
	System string      `json:"system"` // phone, email, fax, sms, url, …
	Value  string      `json:"value"`
	Use    string      `json:"use"` // home, work, mobile, old, …
	Rank   json.Number `json:"rank"`
	Period Period      `json:"period"`
}

// Contact returns the first value of a system ("phone", "email") that is still
// in use, or "".
func Contact(points []ContactPoint, system string) string {
	for _, p := range points {
		if p.System == system && p.Use != "old" && p.Value != "" {
			return strings.TrimSpace(p.Value)
		}
	}
	return ""
}

// words joins what is not blank with single spaces.
func words(parts ...string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}
