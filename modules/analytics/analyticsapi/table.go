// Package analyticsapi is how a module says what of its data may leave the building for
// the analytics warehouse. What is not declared stays.
package analyticsapi

// Kind is what a column holds. It decides the type in PostgreSQL and the Go type that
// stands for a value on the way there.
type Kind int

// The kinds, with the Go type of a value and the type in PostgreSQL.
const (
	Text    Kind = iota // string, text
	Integer             // int64, bigint
	Number              // float64, double precision
	Money               // int64 in minor units, bigint
	Time                // time.Time in UTC, whole microseconds, timestamptz
	Day                 // time.Time at midnight UTC, date: a civil day, which has no time zone
	Bool                // bool, boolean
	JSON                // string, jsonb
)

// String returns the kind's word, for error texts and docs.
func (k Kind) String() string {
	words := [...]string{"text", "integer", "number", "money", "time", "day", "bool", "json"}
	if k < 0 || int(k) >= len(words) {
		return "unknown"
	}
	return words[k]
}

// Table is one collection in the warehouse: the rows of Collection, with the columns that
// are listed and no others. Modules list theirs in Provides. The warehouse adds to each
// table: site_id, id, extra (the clinic's own x_ fields, if it lets them out) and h (the
// row's hash), the key being (site_id, id).
type Table struct {
	Collection string   // the collection's name, "invoices"
	Name       string   // the table in PostgreSQL, snake_case
	Doc        string   // one sentence, for the catalogue's comment
	Patients   bool     // a row's own id is a patient's id, see Column.Patient
	Withheld   string   // a field: rows in which it holds something stay. Of Patients: their ids stay in other tables too
	Columns    []Column // besides the id
}

// Column is one field that leaves the building.
type Column struct {
	Name    string // in PostgreSQL, snake_case
	Field   string // the collection's field
	Kind    Kind
	Doc     string   // one sentence, for the catalogue's comment
	Patient bool     // it is a patient's id: a keyed pseudonym stands for it where the clinic sets a key
	Present bool     // Bool: only whether the field holds anything leaves, not what
	Year    bool     // Integer: only the year of a date leaves, or of a text that is a year
	Open    bool     // it leaves only where the clinic sets no key for pseudonyms: it would tell who somebody is
	Partial bool     // Day: a year or month alone is no mistake, and leaves as no day
	Keys    []string // JSON: only these keys of its objects leave, nil: all
}
