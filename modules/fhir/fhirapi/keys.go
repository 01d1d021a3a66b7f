package fhirapi

import (
	"net/url"
	"slices"
	"strings"
)

// Key returns the key that a reference asks for, "" for "". Two references
// to one resource of a file set have the same key, and it is one of those that bundle.Keys returns:
//
//	Patient/1, ./Patient/1/_history/2, https://x.org/fhir/Patient/1   Patient/1
//	URN:UUID:0C2A…                                                  urn:uuid:0c2a…
//	Practitioner?identifier=http://hl7.org/fhir/sid/us-npi%7C560     Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|560
//	#coverage (see [Resource.Contained])                                       #coverage
//
// Whatever is none of these comes back as it is. The server's address is left
// out so that exports with and without it fit together; data of two servers
// that gave the same ids must not be read as one set.
func Key(ref string) string {
	ref = strings.TrimSpace(ref)
	if lower := strings.ToLower(ref); strings.HasPrefix(lower, "urn:uuid:") || strings.HasPrefix(lower, "urn:oid:") {
		return lower
	}
	path, query, conditional := strings.Cut(ref, "?")
	if !conditional {
		path, _, _ = strings.Cut(path, "#")
	}
	if _, rest, absolute := strings.Cut(path, "://"); absolute {
		_, path, _ = strings.Cut(rest, "/")
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if conditional {
		if kind := parts[len(parts)-1]; IsType(kind) {
			return conditionalKey(kind, query)
		}
		return ref
	}
	if at := slices.Index(parts, "_history"); at >= 0 {
		parts = parts[:at]
	}
	if n := len(parts); n >= 2 && IsType(parts[n-2]) {
		return parts[n-2] + "/" + parts[n-1]
	}
	return ref
}

// Key returns the key the reference asks for, or "" if it only has a display.
// A reference by identifier alone need not say to what type; then it is taken
// to be of the likely one.
func (r Reference) Key(likely string) string {
	if r.Reference != "" {
		return Key(r.Reference)
	}
	if r.Identifier == nil || r.Identifier.Value == "" {
		return ""
	}
	kind := r.Type
	if at := strings.LastIndex(kind, "/"); at >= 0 {
		kind = kind[at+1:] // http://hl7.org/fhir/StructureDefinition/Patient
	}
	if kind == "" {
		kind = likely
	}
	return identifierKey(kind, *r.Identifier)
}

func identifierKey(kind string, id Identifier) string {
	return kind + "?identifier=" + strings.TrimSpace(id.System) + "|" + strings.TrimSpace(id.Value)
}

// conditionalKey brings a search into one form: decoded, in alphabetical order.
func conditionalKey(kind, query string) string {
	var terms []string
	for term := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(term, "=")
		if name != "" {
			terms = append(terms, name+"="+searchValue(value))
		}
	}
	if len(terms) == 1 {
		if id, found := strings.CutPrefix(terms[0], "_id="); found {
			return kind + "/" + id
		}
	}
	slices.Sort(terms)
	return kind + "?" + strings.Join(terms, "&")
}

// searchValue decodes a value of a search, its URL escapes and FHIR's own.
// Source: https://hl7.org/fhir/R4/search.html#escaping
func searchValue(value string) string {
	decode := url.QueryUnescape
	if strings.Contains(value, "|") {
		// Who leaves the bar alone, as Synthea does, means a plus by a plus.
		decode = url.PathUnescape
	}
	if plain, err := decode(value); err == nil {
		value = plain
	}
	value = strings.NewReplacer(`\|`, "|", `\,`, ",", `\$`, "$", `\\`, `\`).Replace(value)
	system, id, both := strings.Cut(value, "|")
	if !both {
		return strings.TrimSpace(value)
	}
	return strings.TrimSpace(system) + "|" + strings.TrimSpace(id)
}

// IsType reports whether s may be the name of a resource type.
func IsType(s string) bool {
	if len(s) < 2 || len(s) > 64 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for _, c := range []byte(s) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}
