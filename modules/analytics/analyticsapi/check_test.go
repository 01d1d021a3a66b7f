package analyticsapi

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	good := Column{Name: "status", Field: "status", Doc: "How it stands."}
	table := func(c ...Column) Table {
		return Table{Collection: "visits", Name: "visits", Doc: "Visits.", Columns: c}
	}
	for _, c := range []struct {
		name string
		list []Table
		want string
	}{
		{"a table that holds", []Table{table(good)}, ""},
		{"a name in capitals", []Table{{Collection: "a", Name: "Visits", Doc: "d"}}, "snake_case"},
		{"a name of the sync's", []Table{{Collection: "a", Name: "sync_site", Doc: "d"}}, "sync_"},
		{"two of a name", []Table{table(good), table(good)}, "twice"},
		{"two columns of a name", []Table{table(good, good)}, "twice"},
		{"a column of the warehouse's", []Table{table(Column{Name: "site_id", Field: "x", Doc: "d"})}, "none of"},
		{"no doc", []Table{table(Column{Name: "a", Field: "a"})}, "Doc"},
		{"a password", []Table{table(Column{Name: "a", Field: "password", Doc: "d"})}, "never leaves"},
		{"a token key", []Table{table(Column{Name: "a", Field: "tokenKey", Doc: "d"})}, "never leaves"},
		{"an address", []Table{table(Column{Name: "a", Field: "email", Doc: "d"})}, "never leaves"},
		{"a phone number", []Table{table(Column{Name: "a", Field: "contact", Doc: "d"})}, "never leaves"},
		{"a patient's name", []Table{{Collection: "p", Name: "p", Doc: "d", Patients: true, Columns: []Column{{Name: "name", Field: "name", Doc: "d"}}}}, "names never"},
		{"a whole birth date", []Table{table(Column{Name: "a", Field: "dateOfBirth", Doc: "d"})}, "year"},
		{"a patient's id that is not said to be one", []Table{table(Column{Name: "a", Field: "patientId", Doc: "d"})}, "Patient"},
	} {
		err := Check(c.list)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
