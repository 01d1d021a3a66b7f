package records

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Limits of a list within a record, in entries and in characters.
const (
	maxEntries  = 100
	maxMedicine = 500
	maxDetail   = 2000
)

// checkList returns bad, saying which entry is wrong and why, unless the field is a list
// of entries that wrong has nothing against. Nothing at all becomes an empty list;
// whatever passes is kept as it was sent.
func checkList(r *core.Record, field string, bad *kernel.Error, wrong func(any) string) *kernel.Error {
	raw := r.GetString(field)
	if slices.Contains([]string{"", "null", `""`}, raw) {
		r.Set(field, []any{})
		return nil
	}
	var entries []any
	if err := json.Unmarshal([]byte(raw), &entries); err != nil {
		return bad.At(field)
	}
	if len(entries) > maxEntries {
		return bad.Saying(fmt.Sprintf("At most %d entries.", maxEntries)).At(field)
	}
	for i, entry := range entries {
		if why := wrong(entry); why != "" {
			return bad.Saying(fmt.Sprintf("Entry %d: %s.", i+1, why)).At(field)
		}
	}
	return nil
}

// prescription returns what is wrong with one entry of prescriptions: a text, or an object
// that names the medicine and has whatever details the doctor gave.
func prescription(entry any) string {
	switch v := entry.(type) {
	case string:
		return text("the text", v, maxMedicine)
	case map[string]any:
		medicine, ok := v["medicine"].(string)
		if !ok {
			return "medicine is missing"
		}
		if why := text("medicine", medicine, maxMedicine); why != "" {
			return why
		}
		for name, detail := range v {
			switch d := detail.(type) {
			case nil, bool, float64:
			case string:
				if utf8.RuneCountInString(d) > maxDetail {
					return name + " is too long"
				}
			default:
				return name + " must be text or a number"
			}
		}
		return ""
	}
	return "must be text or an object"
}

// code returns what is wrong with one entry of codes: a code of a terminology, as in
// FHIR's Coding.
func code(entry any) string {
	v, ok := entry.(map[string]any)
	if !ok {
		return "must be an object"
	}
	for name, part := range v {
		s, isText := part.(string)
		switch {
		case !slices.Contains([]string{"system", "code", "display"}, name):
			return name + " is unknown"
		case !isText:
			return name + " must be text"
		case utf8.RuneCountInString(s) > maxDetail:
			return name + " is too long"
		}
	}
	c, _ := v["code"].(string)
	return text("code", c, maxMedicine)
}

func text(what, s string, limit int) string {
	switch {
	case strings.TrimSpace(s) == "":
		return what + " is missing"
	case utf8.RuneCountInString(s) > limit:
		return what + " is too long"
	}
	return ""
}
