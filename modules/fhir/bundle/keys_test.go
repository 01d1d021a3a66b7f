package bundle

import (
	"encoding/json"
	"net/url"
	"slices"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

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
	for _, id := range []fhirapi.Identifier{{System: "http://x.org/a?b=c&d", Value: "1+2 3|4"}, {System: "urn:x", Value: "50% é"}} {
		key := fhirapi.Key("Patient?identifier=" + url.QueryEscape(id.System+"|"+id.Value))
		if want := (fhirapi.Reference{Type: "Patient", Identifier: &id}).Key(""); key != want {
			t.Errorf("got %q, want %q", key, want)
		}
	}
}
