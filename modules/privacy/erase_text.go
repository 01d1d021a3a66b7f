package privacy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"
)

// identifying returns what is to be found nowhere afterwards.
func identifying(patient *core.Record) (values []string) {
	for _, field := range []string{"name", "mrn", "contact", "email", "address", "emergencyContact", "sourceId"} {
		if v := strings.TrimSpace(patient.GetString(field)); utf8.RuneCountInString(v) > 2 && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

// account returns the patient's account, nil when there is none, and adds its name and
// e-mail address to what identifies.
func (e *eraser) account() (*core.Record, error) {
	r, err := accountOf(e.tx, e.patient)
	if err != nil || r == nil {
		return nil, err
	}
	for _, v := range []string{r.GetString("name"), r.Email()} {
		if v != "" && !slices.Contains(e.values, v) {
			e.values = append(e.values, v)
		}
	}
	return r, nil
}

// writings returns the values as texts have them and as JSON has them, with the signs of HTML
// as Go writes them or not, also where it is a text of another JSON, as a record's codes are in
// a version of it. The longest are first: a name may be a part of another one.
func writings(values []string) (list []string) {
	for _, v := range values {
		list = append(list, v)
		for _, html := range []bool{false, true} {
			once := inJSON(v, html)
			list = append(list, once, inJSON(once, false), inJSON(once, true))
		}
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(list)
}

// inJSON returns what stands between the quotes.
func inJSON(text string, html bool) string {
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(html)
	_ = w.Encode(text) // a string always encodes
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(b.String()), `"`), `"`)
}

// without is the SQL of a column's text without what identifies.
func (e *eraser) without(column string) string {
	if e.scope == scopeEverything {
		// An emptied list or object is still one.
		return "CASE substr([" + column + "], 1, 1) WHEN '{' THEN '{}' WHEN '[' THEN '[]' ELSE '' END"
	}
	out := "[" + column + "]"
	for i := range e.written {
		out = fmt.Sprintf("replace(%s, {:value%d}, {:pseudonym})", out, i)
	}
	return out
}
