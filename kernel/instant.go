package kernel

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/tools/types"
)

// An instant on the documented paths is RFC 3339 in UTC with milliseconds. PocketBase writes
// a space in the place of the T, and compares instants in filters letter by letter; so the T
// is put in on the way out and taken out of filters on the way in. PocketBase's own paths
// keep its form: its SDK and dashboard know no other.

// stored is an instant as PocketBase writes it, as a whole JSON string.
var stored = regexp.MustCompile(`"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z"`)

// withT puts RFC 3339's T into every instant of a JSON text, in place.
func withT(json []byte) []byte {
	// Most answers have few: looking for "Z\"" first costs a tenth of the expression.
	if !bytes.Contains(json, []byte(`Z"`)) {
		return json
	}
	const space = len(`"2006-01-02`)
	var out []byte
	for _, at := range stored.FindAllIndex(json, -1) {
		if at[0] > 0 && json[at[0]-1] == '\\' {
			continue // a quote within a text
		}
		if out == nil {
			out = bytes.Clone(json) // a writer may not change what it was given
		}
		out[at[0]+space] = 'T'
	}
	if out == nil {
		return json
	}
	return out
}

// instantWriter writes JSON answers with the instants of API.md.
type instantWriter struct{ http.ResponseWriter }

func (w *instantWriter) Write(b []byte) (int, error) {
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		return w.ResponseWriter.Write(b)
	}
	return w.ResponseWriter.Write(withT(b)) // PocketBase writes an answer in one go
}

// Unwrap lets PocketBase and http.ResponseController reach the writer below.
func (w *instantWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// quoted is an RFC 3339 instant as a text of the filter language.
var quoted = regexp.MustCompile(`(['"])\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)(['"])`)

// storedForm writes the instants of a filter as the database has them.
func storedForm(filter string) string {
	return quoted.ReplaceAllStringFunc(filter, func(s string) string {
		t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s[1:len(s)-1]))
		if err != nil || s[0] != s[len(s)-1] {
			return s
		}
		return s[:1] + t.UTC().Format(types.DefaultDateLayout) + s[:1]
	})
}
