package fhirapi

import (
	"encoding/json"
	"testing"
	"time"
)

func TestMinor(t *testing.T) {
	tests := []struct {
		name     string
		value    json.Number
		decimals int
		want     int64
		fails    bool
	}{
		{"cents", "140.52", 2, 14052, false},
		{"Synthea's floats", "28.104000000000003", 2, 2810, false},
		{"whole", "7", 2, 700, false},
		{"zero", "0.000", 2, 0, false},
		{"negative", "-1.239", 2, -124, false},
		{"negative to zero", "-0.005", 2, 0, false},
		{"half down to even", "0.125", 2, 12, false},
		{"half up to even", "0.135", 2, 14, false},
		{"half that floats get wrong", "1.005", 2, 100, false},
		{"just above half", "0.12500000000000003", 2, 13, false},
		{"half of a unit", "0.5", 0, 0, false},
		{"one and a half", "1.5", 0, 2, false},
		{"carry", "9.999", 2, 1000, false},
		{"less than half", "0.0049", 2, 0, false},
		{"more than half", "0.0051", 2, 1, false},
		{"no minor units", "1234.4", 0, 1234, false},
		{"three", "1.2345", 3, 1234, false},
		{"exponent", "1.5e2", 2, 15000, false},
		{"negative exponent", "150E-2", 2, 150, false},
		{"largest", "92233720368547758.07", 2, 1<<63 - 1, false},
		{"smallest", "-92233720368547758.08", 2, -1 << 63, false},
		{"too large", "92233720368547758.08", 2, 0, true},
		{"much too large", "1e60", 2, 0, true},
		{"an exponent to fill the memory", "1e999999999", 2, 0, true},
		{"an exponent beyond all", "1e99999999999999999999", 2, 0, true},
		{"absent", "", 2, 0, true},
		{"no number", "1,5", 2, 0, true},
		{"a bare point", "1.", 2, 0, true},
		{"no exponent", "1e", 2, 0, true},
	}
	for _, test := range tests {
		got, err := Money{Value: test.value}.Minor(test.decimals)
		if got != test.want || (err != nil) != test.fails {
			t.Errorf("%s: Minor(%q, %d) = %d, %v, want %d", test.name, test.value, test.decimals, got, err, test.want)
		}
	}
}

func TestQuantityString(t *testing.T) {
	tests := []struct {
		q    Quantity
		want string
	}{
		{Quantity{}, ""},
		{Quantity{Unit: "mg"}, ""},
		{Quantity{Value: "5", Unit: "mg", Code: "x"}, "5 mg"},
		{Quantity{Value: "5.50", Code: "mg", Comparator: "<"}, "<5.5 mg"},
		{Quantity{Value: "117.31936009417907", Unit: "mm[Hg]"}, "117.32 mm[Hg]"},
		{Quantity{Value: "1234567.123456"}, "1234567"},
		{Quantity{Value: "99.99999999"}, "100"},
		{Quantity{Value: "0.00001234567"}, "0.000012346"},
		{Quantity{Value: "-0.00000"}, "0"},
		{Quantity{Value: "1.5e-7"}, "0.00000015"},
		{Quantity{Value: "2E3"}, "2000"},
		{Quantity{Value: "1e500", Unit: "m"}, "1e500 m"},
	}
	for _, test := range tests {
		if got := test.q.String(); got != test.want {
			t.Errorf("%+v: got %q, want %q", test.q, got, test.want)
		}
	}
}

func TestDateTime(t *testing.T) {
	boston, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		in        DateTime
		precision Precision
		civil     string
		utc       string // empty: not a date
	}{
		{"year", "2012", Year, "2012-01-01", "2012-01-01T05:00:00Z"},
		{"month", "2012-07", Month, "2012-07-01", "2012-07-01T04:00:00Z"},
		{"day", " 2012-07-17 ", Day, "2012-07-17", "2012-07-17T04:00:00Z"},
		{"instant, its day as written", "2012-07-17T23:30:00-05:00", Second, "2012-07-17", "2012-07-18T04:30:00Z"},
		{"fractions", "2016-09-21T06:05:58.98012345+00:00", Second, "2016-09-21", "2016-09-21T06:05:58.98012345Z"},
		{"zulu", "2016-09-21T06:05:58Z", Second, "2016-09-21", "2016-09-21T06:05:58Z"},
		{"leap second", "2016-12-31T23:59:60Z", Second, "2017-01-01", "2017-01-01T00:00:00Z"},
		{"no offset", "2016-01-21T06:05:58", Second, "2016-01-21", "2016-01-21T11:05:58Z"},
		{"no seconds", "2016-01-21T06:05Z", Second, "2016-01-21", "2016-01-21T06:05:00Z"},
		{"absent", "", 0, "", ""},
		{"year nought", "0000", 0, "", ""},
		{"no such day", "2015-02-29", 0, "", ""},
		{"no such month", "2015-13", 0, "", ""},
		{"other way round", "17/07/2012", 0, "", ""},
		{"words", "last summer", 0, "", ""},
	}
	for _, test := range tests {
		m, err := test.in.Parse(boston)
		if test.utc == "" {
			if err == nil {
				t.Errorf("%s: got %v, want an error", test.name, m)
			}
			continue
		}
		if got := m.Time.UTC().Format(time.RFC3339Nano); err != nil || got != test.utc || m.Precision != test.precision || m.Civil() != test.civil {
			t.Errorf("%s: got %s, %v, %s, %v", test.name, got, m.Precision, m.Civil(), err)
		}
	}
}

func TestTexts(t *testing.T) {
	text := func(into interface{ Text() string }, _ error) string { return into.Text() }
	tests := []struct{ name, got, want string }{
		{"a name from parts", text(parse[HumanName](`{"prefix":["Dr."],"given":["Ned","J. "],"family":"Pagac","suffix":["MD"]}`)), "Dr. Ned J. Pagac MD"},
		{"a name as written", text(parse[HumanName](`{"text":" Ned\n Pagac","family":"x"}`)), "Ned Pagac"},
		{"a concept's own words", text(parse[CodeableConcept](`{"text":"Flu","coding":[{"display":"Influenza"}]}`)), "Flu"},
		{"a concept's display", text(parse[CodeableConcept](`{"coding":[{"code":"1"},{"display":"Influenza"}]}`)), "Influenza"},
		{"a concept's code", text(parse[CodeableConcept](`{"coding":[{"code":"J11"}]}`)), "J11"},
		{"an empty concept", text(parse[CodeableConcept](`{}`)), ""},
		{"a dosage as written", text(parse[Dosage](`{"text":"one at night","asNeededBoolean":true}`)), "one at night"},
		{"a dosage from parts", text(parse[Dosage](`{"additionalInstruction":[{"text":"with food"}],"timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}},"asNeededBoolean":true,"route":{"text":"oral"},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}`)), "1 tablet, 2 × per day, oral, as needed, with food"},
		{"every so often", text(parse[Timing](`{"repeat":{"period":8,"periodUnit":"h"}}`)), "1 × every 8 hours"},
		{"a timing's code", text(parse[Timing](`{"code":{"coding":[{"code":"BID"}]},"repeat":{}}`)), "BID"},
		{"components", text(parse[Observation](`{"component":[{"code":{"text":"Diastolic"},"valueQuantity":{"value":80,"unit":"mmHg"}},{"code":{"text":"Systolic"},"valueInteger":120}]}`)), "Diastolic 80 mmHg, Systolic 120"},
		{"a yes", text(parse[Observation](`{"valueBoolean":true}`)), "yes"},
		{"a range", text(parse[Observation](`{"valueRange":{"low":{"value":1},"high":{"value":2,"unit":"mg"}}}`)), "1 – 2 mg"},
		{"a ratio", text(parse[Observation](`{"valueRatio":{"numerator":{"value":1},"denominator":{"value":128}}}`)), "1 / 128"},
		{"what is normal", text(parse[ReferenceRange](`{"high":{"value":5}}`)), "≤ 5"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, test.got, test.want)
		}
	}
}

func parse[T any](text string) (T, error) {
	var v T
	return v, json.Unmarshal([]byte(text), &v)
}

func TestAddressLine(t *testing.T) {
	tests := []struct {
		a    Address
		want string
	}{
		{Address{}, ""},
		{Address{Lines: []string{"427 Tillman Crossing"}, City: "Boston", State: "Massachusetts", PostalCode: "02108", Country: "US"}, "427 Tillman Crossing, Boston, Massachusetts 02108, US"},
		{Address{FreeText: "the house\nby the lake"}, "the house by the lake"},
	}
	for _, test := range tests {
		if got := test.a.Line(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestChoices(t *testing.T) {
	names := []HumanName{{Use: "maiden", Family: "Kerluke"}, {Use: "official"}, {Family: "Windler"}, {Use: "old", Family: "x"}}
	if got := Name(names).Family; got != "Windler" {
		t.Errorf("name %q", got)
	}
	if got := Name(nil).Text(); got != "" {
		t.Errorf("no name %q", got)
	}
	points := []ContactPoint{{System: "email", Value: "a@x"}, {System: "phone", Value: "1", Use: "old"}, {System: "phone", Value: "2"}}
	if got := Contact(points, "phone"); got != "2" {
		t.Errorf("phone %q", got)
	}
	concept := CodeableConcept{Coding: []Coding{{System: "a", Code: "1"}, {System: "b", Code: "2"}}}
	if concept.Code() != "1" || concept.Code("c", "b") != "2" || concept.Code("c") != "" {
		t.Errorf("codes %q %q %q", concept.Code(), concept.Code("c", "b"), concept.Code("c"))
	}
	if got := First("", "2012", "2013"); got != "2012" {
		t.Errorf("date %q", got)
	}
}
