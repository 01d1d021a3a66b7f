package fhirapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Resource is one FHIR resource as it was read.
type Resource struct {
	Type string // resourceType
	ID   string // may be empty
	Raw  json.RawMessage
}

// Decode fills v, a pointer to one of this package's structs or any other, with the
// resource. Its error names the field that does not fit.
func (r Resource) Decode(v any) error {
	if err := json.Unmarshal(r.Raw, v); err != nil {
		return fmt.Errorf("decode %s: %w", r.Type, Plain(err))
	}
	return nil
}

// Decode returns a resource as a T. Its error is a Refusal that names the field.
func Decode[T any](r Resource) (T, error) {
	var v T
	if err := r.Decode(&v); err != nil {
		return v, Refuse("", err.Error())
	}
	return v, nil
}

// Contained returns the resource within r that the reference "#id" means, and whether
// there is one. "#" alone means r itself.
func (r Resource) Contained(ref string) (Resource, bool) {
	id, local := strings.CutPrefix(ref, "#")
	if !local || id == "" {
		return r, local
	}
	var within struct{ Contained []json.RawMessage }
	if json.Unmarshal(r.Raw, &within) != nil {
		return Resource{}, false
	}
	for _, raw := range within.Contained {
		var head struct {
			ResourceType string `json:"resourceType"`
			ID           string `json:"id"`
		}
		// Some write the # into the contained id as well, as DSTU2 did.
		if json.Unmarshal(raw, &head) == nil && head.ResourceType != "" && strings.TrimPrefix(head.ID, "#") == id {
			return Resource{Type: head.ResourceType, ID: head.ID, Raw: raw}, true
		}
	}
	return Resource{}, false
}

// KeyOf returns the key of a reference that may be absent, or "".
func KeyOf(r *Reference, likely string) string {
	if r == nil {
		return ""
	}
	return r.Key(likely)
}

// CivilDay returns the day that a date names in the offset it is written with, of a year
// or a month the first, or "" where it is no date.
func CivilDay(d DateTime) string {
	m, err := d.Parse(time.UTC)
	if err != nil {
		return ""
	}
	return m.Civil()
}

// Plain says in FHIR's words what encoding/json says in Go's.
func Plain(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	got, _, _ := strings.Cut(wrong.Value, " ") // "number 1.5": not the value
	if wrong.Field == "" {
		return fmt.Errorf("a JSON %s where an object belongs", got)
	}
	return fmt.Errorf("%s: a JSON %s does not belong here", wrong.Field, got)
}

// Cut returns the text in at most limit characters, an ellipsis the last where something
// is missing.
func Cut(text string, limit int) string {
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:limit-1])) + "…"
}
