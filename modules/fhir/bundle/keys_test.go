package bundle

import (
	"encoding/json"
	"net/url"
	"slices"
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

func TestKeys(t *testing.T) {
	tests := []struct {
		name string
		e    Entry
		want []string
	}{
		{"nothing to go by", Entry{Type: "Patient", Raw: json.RawMessage(`{}`)}, nil},
		{"id, address and identifiers",
			Entry{Type: "Patient", ID: "1", FullURL: "urn:uuid:A", Raw: json.RawMessage(`{"identifier":[{"system":"s","value":" v "},{"system":"t"},{"value":"w"}]}`)},
			[]string{"Patient/1", "urn:uuid:a", "Patient?identifier=s|v", "Patient?identifier=|w", "Patient?identifier=w"}},
		{"each once",
			Entry{Type: "Patient", ID: "1", FullURL: "http://x.org/Patient/1", Method: "PUT", URL: "Patient/1", IfNoneExist: "identifier=s%7Cv", Raw: json.RawMessage(`{"identifier":[{"system":"s","value":"v"}]}`)},
			[]string{"Patient/1", "Patient?identifier=s|v"}},
		{"the place it is PUT to", Entry{Type: "Patient", Method: "PUT", URL: "Patient?identifier=s|v"}, []string{"Patient?identifier=s|v"}},
		{"but not POSTed to", Entry{Type: "Patient", Method: "POST", URL: "Patient"}, nil},
		{"a whole search in ifNoneExist", Entry{Type: "Patient", IfNoneExist: "Patient?identifier=s|v?"}, []string{"Patient?identifier=s|v?"}},
		{"a single identifier", Entry{Type: "Composition", Raw: json.RawMessage(`{"identifier":{"system":"s","value":"v"}}`)}, []string{"Composition?identifier=s|v"}},
		{"no identifier at all", Entry{Type: "Patient", ID: "1", Raw: json.RawMessage(`{"identifier":7}`)}, []string{"Patient/1"}},
	}
	for _, test := range tests {
		if got := Keys(test.e); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestEncodedReferencesFindTheirResource(t *testing.T) {
	for _, id := range []Identifier{{System: "http://x.org/a?b=c&d", Value: "1+2 3|4"}, {System: "urn:x", Value: "50% é"}} {
		key := Key("Patient?identifier=" + url.QueryEscape(id.System+"|"+id.Value))
		if want := identifierKey("Patient", id); key != want {
			t.Errorf("got %q, want %q", key, want)
		}
	}
}

func TestContained(t *testing.T) {
	e := Entry{File: "f", Index: 3, Type: "Claim", ID: "c", Raw: json.RawMessage(
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
		got, found := Contained(e, test.ref)
		if found != test.found || found && (got.Type != test.want || got.File != "f" || got.Index != 3) {
			t.Errorf("%s: got %+v, %t", test.name, got, found)
		}
	}
}
