package privacy

import (
	"encoding/json"
	"regexp"
	"strings"
)

// jsonString is a string of JSON, or the name of a member, with the colon behind it.
var jsonString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"(\s*:)?`)

// inJSONTexts changes a text, or, where it is JSON, the texts in it: also in a text that is JSON
// itself, as a record's codes are in a version of it. Names of members and all else stay as they
// are written.
func inJSONTexts(text string, change func(string) string) string {
	start := strings.TrimSpace(text)
	if start == "" || !strings.ContainsRune(`{["`, rune(start[0])) || !json.Valid([]byte(text)) {
		return change(text)
	}
	return jsonString.ReplaceAllStringFunc(text, func(literal string) string {
		if strings.HasSuffix(literal, ":") {
			return literal
		}
		var was string
		if json.Unmarshal([]byte(literal), &was) != nil {
			return literal
		}
		now := inJSONTexts(was, change)
		if now == was {
			return literal
		}
		return `"` + inJSON(now, false) + `"`
	})
}
