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

	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
)

// entered are the fields of the register that say who somebody is, or was: the account's are
// among them.
var entered = []string{"name", "mrn", "contact", "email", "address", "emergencyContact"}

// identify collects what is to be found nowhere afterwards: what the register and the account
// say, and what the audit trail keeps of what they said before. A text of one or two signs is in
// too many words.
func (e *eraser) identify(account *core.Record) error {
	e.add(2, e.patient.GetString("sourceId"))
	for _, field := range entered {
		e.add(2, e.patient.GetString(field))
	}
	id := ""
	if account != nil {
		id = account.Id
		e.add(0, account.GetString("name"), account.Email())
	}
	earlier, err := auditapi.Earlier(e.tx, e.patient.Id, id, entered...)
	e.add(2, earlier...)
	return err
}

func (e *eraser) add(longerThan int, values ...string) {
	for _, v := range values {
		if v = strings.TrimSpace(v); utf8.RuneCountInString(v) > longerThan && !slices.Contains(e.values, v) {
			e.values = append(e.values, v)
		}
	}
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
