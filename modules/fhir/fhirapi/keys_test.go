package fhirapi

import (
	"encoding/json"
	"testing"
)

func TestKey(t *testing.T) {
	tests := []struct{ name, ref, want string }{
		{"none", "  ", ""},
		{"relative", "Patient/1", "Patient/1"},
		{"relative to the root", "/Patient/1", "Patient/1"},
		{"a version of it", "Patient/1/_history/2", "Patient/1"},
		{"something within it", "Patient/1#x", "Patient/1"},
		{"absolute", "https://example.org:8080/fhir/r4/Patient/a-1.b", "Patient/a-1.b"},
		{"a version of absolute", "https://example.org/fhir/Patient/1/_history/2", "Patient/1"},
		{"a host is no type", "http://Host/1", "http://Host/1"},
		{"some other address", "http://example.org/doctors.html", "http://example.org/doctors.html"},
		{"no type", "1", "1"},
		{"uuids have no case", "URN:UUID:0C2A", "urn:uuid:0c2a"},
		{"oid", "urn:oid:1.2.3", "urn:oid:1.2.3"},
		{"contained", "#coverage", "#coverage"},
		{"conditional", "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|560", "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|560"},
		{"encoded", "Practitioner?identifier=http%3A%2F%2Fhl7.org%2Ffhir%2Fsid%2Fus-npi%7C560", "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|560"},
		{"absolute and conditional", "https://x.org/fhir/Patient?identifier=a|b#c", "Patient?identifier=a|b#c"},
		{"a plus beside a bare bar", "Patient?identifier=a|b+c", "Patient?identifier=a|b+c"},
		{"a plus beside an encoded bar", "Patient?identifier=a%7Cb+c", "Patient?identifier=a|b c"},
		{"FHIR's escapes", `Patient?identifier=a|b\,c\|d`, "Patient?identifier=a|b,c|d"},
		{"no escape", "Patient?identifier=a|100%", "Patient?identifier=a|100%"},
		{"several terms in any order", "Patient?name=x&identifier=a|b", "Patient?identifier=a|b&name=x"},
		{"by id", "Patient?_id=1", "Patient/1"},
		{"no type to search", "patients?x=1", "patients?x=1"},
	}
	for _, test := range tests {
		got := Key(test.ref)
		if got != test.want {
			t.Errorf("%s: Key(%q) = %q, want %q", test.name, test.ref, got, test.want)
		}
	}
}

func TestReferenceKey(t *testing.T) {
	id := &Identifier{System: "s", Value: "v"}
	tests := []struct {
		name string
		ref  Reference
		want string
	}{
		{"a name only", Reference{Display: "Dr. Ned"}, ""},
		{"a reference", Reference{Reference: "Patient/1", Identifier: id}, "Patient/1"},
		{"an identifier", Reference{Identifier: id}, "Practitioner?identifier=s|v"},
		{"an identifier of a type", Reference{Identifier: id, Type: "Organization"}, "Organization?identifier=s|v"},
		{"a type's address", Reference{Identifier: id, Type: "http://hl7.org/fhir/StructureDefinition/Patient"}, "Patient?identifier=s|v"},
		{"an empty identifier", Reference{Identifier: &Identifier{System: "s"}}, ""},
	}
	for _, test := range tests {
		if got := test.ref.Key("Practitioner"); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestContained(t *testing.T) {
	r := Resource{Type: "Claim", ID: "c", Raw: json.RawMessage(
		`{"contained":[{"id":"x"},{"resourceType":"Coverage","id":"coverage"},{"resourceType":"Patient","id":"#p"}]}`)}
	tests := []struct {
		name, ref, want string
		found           bool
	}{
		{"one of them", "#coverage", "Coverage", true},
		{"an id with its mark", "#p", "Patient", true},
		{"none of them", "#q", "", false},
		{"one without a type", "#x", "", false},
		{"itself", "#", "Claim", true},
		{"not local", "Coverage/coverage", "", false},
	}
	for _, test := range tests {
		got, found := r.Contained(test.ref)
		if found != test.found || found && got.Type != test.want {
			t.Errorf("%s: got %+v, %t", test.name, got, found)
		}
	}
}
