package bundle

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// Key returns the key that a reference asks for, "" for "". Two references
// to one resource of a file set have the same key, and it is one of [Keys]:
//
//	Patient/1, ./Patient/1/_history/2, https://x.org/fhir/Patient/1   Patient/1
//	URN:UUID:0C2A…                                                  urn:uuid:0c2a…
//	Practitioner?identifier=http://hl7.org/fhir/sid/us-npi%7C560     Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|560
//	#coverage (see Contained)                                       #coverage
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
		if kind := parts[len(parts)-1]; isType(kind) {
			return conditionalKey(kind, query)
		}
		return ref
	}
	if at := slices.Index(parts, "_history"); at >= 0 {
		parts = parts[:at]
	}
	if n := len(parts); n >= 2 && isType(parts[n-2]) {
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
	add(Key(e.FullURL))
	if e.Method == "PUT" {
		add(Key(e.URL))
	}
	for _, id := range identifiers(e.Raw) {
		if id.Value == "" {
			continue
		}
		add(identifierKey(e.Type, id))
		if id.System == "" {
			add(e.Type + "?identifier=" + strings.TrimSpace(id.Value))
		}
	}
	if condition := e.IfNoneExist; condition != "" {
		if kind, query, found := strings.Cut(condition, "?"); found && (kind == "" || isType(kind)) {
			condition = query
		}
		add(conditionalKey(e.Type, condition))
	}
	return keys
}

// Contained returns the resource within e that the reference "#id" means, as an
// entry of e's place, and whether there is one. "#" alone means e itself.
func Contained(e Entry, ref string) (Entry, bool) {
	id, local := strings.CutPrefix(ref, "#")
	if !local || id == "" {
		return e, local
	}
	var list []json.RawMessage
	if json.Unmarshal(member(e.Raw, "contained"), &list) != nil {
		return Entry{}, false
	}
	for _, raw := range list {
		c, err := resource(raw)
		// Some write the # into the contained id as well, as DSTU2 did.
		if err == nil && strings.TrimPrefix(c.ID, "#") == id {
			c.File, c.Index = e.File, e.Index
			return c, true
		}
	}
	return Entry{}, false
}

// identifiers returns a resource's identifiers: most types have a list, some
// one. What is neither is left for Decode to complain of.
func identifiers(raw json.RawMessage) []Identifier {
	raw = member(raw, "identifier")
	if raw == nil {
		return nil
	}
	var list []Identifier
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var one Identifier
	if json.Unmarshal(raw, &one) == nil {
		return []Identifier{one}
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

// isType reports whether s may be the name of a resource type.
func isType(s string) bool {
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
