package privacy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// entered are the fields of the register that say who somebody is, or was: the account's are
// among them.
var entered = []string{"name", "mrn", "contact", "email", "address", "emergencyContact"}

// identify collects what is to be found nowhere afterwards: what the register and the account
// say, and what the audit trail keeps of what they said before. A text of one or two signs is in
// too many words.
func (e *eraser) identify(account *core.Record) error {
	names, id := []string{e.patient.GetString("name")}, ""
	var others []string
	for _, field := range entered {
		others = append(others, e.patient.GetString(field))
	}
	e.add(2, e.patient.GetString("sourceId"))
	e.add(2, others...)
	if account != nil {
		id = account.Id
		names = append(names, account.GetString("name"))
		e.add(0, account.GetString("name"), account.Email())
	}
	earlier, err := auditapi.Earlier(e.tx, e.patient.Id, id, entered...)
	if err != nil {
		return err
	}
	e.add(2, earlier...)
	formerNames, err := auditapi.Earlier(e.tx, e.patient.Id, id, "name")
	e.words = nameWords(append(names, formerNames...))
	e.numbers = numberPatterns(append(others, earlier...))
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

// clean returns a text without what identifies: what was entered, as it was entered; numbers by
// their digits; parts of names as whole words. See docs/privacy.md.
func (e *eraser) clean(text string) string {
	return inJSONTexts(text, func(text string) string {
		for _, v := range e.written {
			text = strings.ReplaceAll(text, v, e.pseudonym)
		}
		return replaceWords(replaceNumbers(text, e.numbers, e.pseudonym), e.words, e.pseudonym)
	})
}

// emptiedText is the SQL of a text of which nothing stays. An emptied list or object is still one.
func emptiedText(column string) string {
	return "CASE substr([" + column + "], 1, 1) WHEN '{' THEN '{}' WHEN '[' THEN '[]' ELSE '' END"
}

// textPage is how many rows are held in memory at once.
const textPage = 500

// cleanTexts cleans the free texts of the patient's rows in a collection.
func (e *eraser) cleanTexts(p privacyapi.Part) error {
	if len(p.Text) == 0 {
		return nil
	}
	last := ""
	for {
		var rows []dbx.NullStringMap
		err := e.tx.DB().Select(append([]string{"id"}, p.Text...)...).From(p.Collection).Where(condition(p, e.params)).
			AndWhere(dbx.NewExp("id > {:last}", dbx.Params{"last": last})).OrderBy("id").Limit(textPage).All(&rows)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			last = row["id"].String
			changed := dbx.Params{}
			for _, column := range p.Text {
				if now := e.clean(row[column].String); now != row[column].String {
					changed[column] = now
				}
			}
			if len(changed) == 0 {
				continue
			}
			if _, err := e.tx.NonconcurrentDB().Update(p.Collection, changed, dbx.HashExp{"id": last}).Execute(); err != nil {
				return err
			}
		}
	}
}
