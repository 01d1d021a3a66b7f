package bundle

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// Keys returns all keys under which a reference may ask for the entry, each
// once: its type and id, its fullUrl, the place it is PUT to, each of its
// identifiers, and the condition of its ifNoneExist.
//
// An identifier with a system is not also a key without one: the same number
// in two systems is two people. Other entries may have the same identifier and
// so share a key (Synthea's claim-group is one for all bills); a reference by
// such a key is ambiguous.
func Keys(e Entry) []string {
	var keys []string
	add := func(key string) {
		if key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if e.ID != "" {
		add(e.Type + "/" + e.ID)
	}
	add(fhirapi.Key(e.FullURL))
	if e.Method == "PUT" {
		add(fhirapi.Key(e.URL))
	}
	for _, id := range identifiers(e.Raw) {
		if id.Value == "" {
			continue
		}
		add(fhirapi.Reference{Type: e.Type, Identifier: &id}.Key(e.Type))
		if id.System == "" {
			add(e.Type + "?identifier=" + strings.TrimSpace(id.Value))
		}
	}
	if condition := e.IfNoneExist; condition != "" {
		if kind, query, found := strings.Cut(condition, "?"); found && (kind == "" || fhirapi.IsType(kind)) {
			condition = query
		}
		add(fhirapi.Key(e.Type + "?" + condition))
	}
	return keys
}

// identifiers returns a resource's identifiers: most types have a list, some
// one. What is neither is left for Decode to complain of.
func identifiers(raw json.RawMessage) []fhirapi.Identifier {
	raw = member(raw, "identifier")
	if raw == nil {
		return nil
	}
	var list []fhirapi.Identifier
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var one fhirapi.Identifier
	if json.Unmarshal(raw, &one) == nil {
		return []fhirapi.Identifier{one}
	}
	return nil
}

// member returns the value of a resource's key, or nil.
func member(resource []byte, name string) (found []byte) {
	_ = members(resource, func(key string, value []byte) error { // has no errors of its own
		if key == name {
			found = value
		}
		return nil
	})
	return found
}
