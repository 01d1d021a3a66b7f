package row

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

// Maker turns what SQLite holds into rows of one table.
type Maker struct {
	Table analyticsapi.Table
	key   []byte // of the pseudonyms, nil: ids leave as they are
}

// NewMaker returns a maker for t. With a key, patients' ids leave as keyed pseudonyms.
func NewMaker(t analyticsapi.Table, key []byte) *Maker {
	return &Maker{Table: t, key: key}
}

// Shape returns a text that differs when rows of the table would be made differently: the
// declared columns, and which key pseudonyms are made with, if the table has any.
func (m *Maker) Shape() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "v1 %s %v", m.Table.Name, m.Table.Patients)
	columns := slices.Clone(m.Table.Columns)
	for _, c := range columns {
		// The 0 is of an option that is gone: without it every table would be read in full again.
		fmt.Fprintf(sum, "|%q %q %d %v %v %d %q", c.Name, c.Field, c.Kind, c.Patient, c.Present, 0, c.Keys)
	}
	if m.Table.Withheld != "" {
		fmt.Fprintf(sum, "|withheld %q", m.Table.Withheld)
	}
	for _, c := range columns {
		if c.Open || c.Partial {
			fmt.Fprintf(sum, "|%q %v %v", c.Name, c.Open && len(m.key) > 0, c.Partial)
		}
		if c.Year {
			fmt.Fprintf(sum, "|%q year", c.Name)
		}
	}
	if hasPatients(m.Table) && len(m.key) > 0 {
		fmt.Fprintf(sum, "|%x", KeyMark(m.key))
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// KeyMark tells a key of pseudonyms from others without saying it, "" for none.
func KeyMark(key []byte) string {
	if len(key) == 0 {
		return ""
	}
	return (&Maker{key: key}).pseudonym("which key")
}

// maxID is the longest id, in bytes, that leaves. PostgreSQL's indexes take 2,700.
const maxID = 255

// Pseudonymous reports whether the table's ids leave as pseudonyms. Their order is then
// not the order of the ids.
func (m *Maker) Pseudonymous() bool { return m.Table.Patients && len(m.key) > 0 }

// ID returns the id that a row of the collection has in the warehouse, and why it cannot
// have one, "" when it can.
func (m *Maker) ID(raw any) (id, why string) {
	id, isText := raw.(string) // SQLite's BLOB is none
	if !isText {
		return "", "the id is no text"
	}
	if len(id) > maxID {
		return "", "the id is too long"
	}
	if why := badText(id); why != "" {
		return "", "the id " + why
	}
	if m.Pseudonymous() {
		return m.pseudonym(id), ""
	}
	return id, ""
}

// pseudonym returns 32 hex digits that stand for a patient's id wherever it occurs; without
// the key nobody can tell whose they are. The empty id, nobody's, stays empty.
func (m *Maker) pseudonym(id string) string {
	if id == "" {
		return ""
	}
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(id))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// Make returns the row of raw values: the id, one value per column, and the JSON object of
// extra fields or nil. A value that does not fit its column's kind becomes NULL and a
// reject. ok is false when the row as a whole cannot leave; the reject says why. The slice
// becomes the row's.
func (m *Maker) Make(id any, raw []any, extra any) (r Row, rejects []Reject, ok bool) {
	name, why := m.ID(id)
	if why != "" {
		return Row{}, []Reject{{Table: m.Table.Name, ID: printable(id), Reason: why}}, false
	}
	r = Row{ID: name, Values: raw}
	for i, c := range m.Table.Columns {
		v, why := m.value(c, raw[i])
		if why != "" {
			rejects = append(rejects, Reject{Table: m.Table.Name, ID: name, Column: c.Name, Reason: why})
		}
		r.Values[i] = v
	}
	if extra != nil {
		v, why := convert(analyticsapi.JSON, extra)
		if s, is := v.(string); is {
			r.Extra = &s
		} else if why != "" {
			rejects = append(rejects, Reject{Table: m.Table.Name, ID: name, Column: "extra", Reason: why})
		}
	}
	r.Hash = r.hash()
	return r, rejects, true
}

func (m *Maker) value(c analyticsapi.Column, raw any) (any, string) {
	if c.Present {
		return present(raw), ""
	}
	if c.Open && len(m.key) > 0 {
		return nil, ""
	}
	if c.Year {
		return year(raw)
	}
	if s, isText := raw.(string); c.Partial && isText && rePartial.MatchString(s) {
		return nil, ""
	}
	v, why := convert(c.Kind, raw)
	if !c.Patient && len(c.Keys) == 0 {
		return v, why
	}
	s, isText := v.(string)
	switch {
	case why != "" || !isText:
		return v, why
	case c.Patient && len(m.key) > 0:
		return m.pseudonym(s), ""
	case len(c.Keys) > 0:
		return only(s, c.Keys)
	}
	return v, ""
}

// rePartial is a year, or a year and a month.
var rePartial = regexp.MustCompile(`^\d{4}(-\d{2})?$`)

// present reports whether a field holds anything.
func present(raw any) bool {
	if b, ok := raw.([]byte); ok {
		return len(b) > 0
	}
	return raw != nil && raw != ""
}

// year returns the year of a year or of a day that exists, and of anything else why there is
// none: as the clinic's own reports count ages, which take no month for a year.
func year(raw any) (any, string) {
	s, isText := raw.(string)
	switch {
	case raw == nil || s == "" && isText:
		return nil, ""
	case !isText:
	case len(s) == len("2006") && digits(s) >= 0:
		return int64(digits(s)), ""
	case rePartial.MatchString(s):
		return nil, ""
	default:
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return int64(t.Year()), ""
		}
	}
	return nil, "is no year, and no day that exists"
}

// Unusable returns what a reject calls a row whose id cannot leave, "" for one that can.
func (m *Maker) Unusable(id string) string {
	if _, why := m.ID(id); why == "" {
		return ""
	}
	return printable(id)
}

// printable returns something to find an unusable id by, that every database can store.
func printable(id any) string {
	s := fmt.Sprintf("%q", fmt.Sprint(id))
	for len(s) > maxID {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
