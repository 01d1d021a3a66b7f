package main

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// readers make text of what a route answers that is no JSON. A media type that is not here
// fails the test: nobody would look into it.
var readers = map[string]func(t *testing.T, raw string) string{
	"text/html":       func(_ *testing.T, raw string) string { return raw },
	"text/csv":        func(_ *testing.T, raw string) string { return raw },
	"application/pdf": pdfText,
	"application/zip": zipText,
}

// planted is where a word stands that stands nowhere else.
type planted struct {
	collection, id, field string
	hidden                bool
}

// letterhead is the clinic's own name: it is on every paper.
var letterhead = planted{collection: "clinic", id: "clinic000000001", field: "name"}

var reWord = regexp.MustCompile(`Zq\d{5}q`)

// plant writes a word of its own into every text of every row, hidden ones included, past
// all hooks. What triggers keep from being changed is left.
func plant(m *matrix) map[string]planted {
	words := map[string]planted{}
	for _, mod := range m.s.Kernel.Modules {
		for _, a := range mod.Access {
			for _, row := range m.rows(a.Collection) {
				for _, f := range row.Collection().Fields {
					text, is := f.(*core.TextField)
					if !is || text.Pattern != "" || text.PrimaryKey || slices.Contains([]string{core.FieldNameTokenKey, kernel.SearchColumn, "timeZone"}, text.Name) {
						continue
					}
					word := fmt.Sprintf("Zq%05dq", len(words))
					if _, err := m.s.App.DB().Update(a.Collection, dbx.Params{text.Name: word}, dbx.HashExp{"id": row.Id}).Execute(); err == nil {
						words[word] = planted{a.Collection, row.Id, text.Name, text.Hidden}
					}
				}
			}
		}
	}
	if len(words) < 100 {
		m.Errorf("only %d words were planted", len(words))
	}
	return words
}

// TestExportsShowNoMoreThanTheAPI reads all that is not JSON as every role: each text of a
// row that is in it must be shown to the same person by the collection API, too, or be of a
// part that is declared for a patient's export.
func TestExportsShowNoMoreThanTheAPI(t *testing.T) {
	m := &matrix{T: t, s: set.Start(t)}
	words, found := plant(m), map[string]int{}
	for _, mod := range m.s.Kernel.Modules {
		for _, r := range mod.Routes {
			if r.Raw == "" || r.Method != http.MethodGet {
				continue
			}
			read := readers[r.Raw]
			if read == nil {
				t.Errorf("%s answers %s, which this test cannot read", r.Pattern(), r.Raw)
				continue
			}
			for _, role := range m.s.Kernel.Roles() {
				for _, x := range m.exports(r, role) {
					found[r.Raw] += m.shows(words, role, x, read(t, x.text))
				}
			}
		}
	}
	t.Logf("%d requests, %d words, found %v", m.tried, len(words), found)
	for _, media := range []string{"text/csv", "application/pdf", "application/zip"} {
		if found[media] < 3 {
			t.Errorf("only %d texts were found in %s: is it read?", found[media], media)
		}
	}
}

// export is one answer: of what, and, where it is of a row, of which.
type export struct{ path, id, text string }

// exports calls a route for each row that it can be of, and returns what it answered. Who
// does not see a row gets no paper of it, and who gets no JSON gets no sheet.
func (m *matrix) exports(r kernel.Route, role kernel.Role) (list []export) {
	who, want := member[role.Name], cell(r.Allow, role)
	ids := []string{""}
	if r.Record != "" {
		ids = nil
		for _, row := range m.rows(r.Record) {
			ids = append(ids, row.Id)
		}
	}
	for _, id := range ids {
		path := fill(r.Path, id)
		if r.Raw == "text/csv" {
			m.columns(path, who)
			path += "?format=csv"
		}
		got := m.send(who, "GET", path, nil)
		if got.Status != http.StatusOK {
			if want == "any" {
				m.Errorf("%s %s: %d, the matrix says any", role.Name, path, got.Status)
			}
			continue
		}
		if want == "-" || r.Record != "" && m.send(who, "GET", "/api/collections/"+r.Record+"/records/"+id, nil).Status != http.StatusOK {
			m.Errorf("%s has %s, and may not see what it is of (%s)", role.Name, path, want)
		}
		if is := got.Header.Get("Content-Type"); !strings.HasPrefix(is, r.Raw) {
			m.Errorf("%s answers %s, not the declared %s", path, is, r.Raw)
		}
		list = append(list, export{path, id, got.Body})
	}
	return list
}

// columns compares a sheet with the same route's JSON: the same people get it, and its
// columns are fields of the JSON, beside those that say which part of it a row is of.
func (m *matrix) columns(path string, who authapi.Account) {
	asJSON, asCSV := m.send(who, "GET", path, nil), m.send(who, "GET", path+"?format=csv", nil)
	if asJSON.Status != asCSV.Status {
		m.Errorf("%s %s: %d as JSON, %d as CSV", who.Email, path, asJSON.Status, asCSV.Status)
	}
	if asCSV.Status != http.StatusOK {
		return
	}
	head, err := csv.NewReader(strings.NewReader(asCSV.Body)).Read()
	if err != nil {
		m.Fatalf("%s: %v", path, err)
	}
	names := []string{"section", "key", "name"}
	namesIn(asJSON.JSON(m.T), &names)
	for _, name := range head {
		of := func(n string) bool { return name == n || strings.HasSuffix(name, strings.ToUpper(n[:1])+n[1:]) }
		if !slices.ContainsFunc(names, of) {
			m.Errorf("%s has a column %s that its JSON does not have", path, name)
		}
	}
}

// namesIn adds the names of all values: averageMinutes is in waitAverageMinutes.
func namesIn(v any, names *[]string) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			namesIn(x, names)
		}
	case map[string]any:
		for name, x := range v {
			*names = append(*names, name)
			namesIn(x, names)
		}
	}
}

// shows counts the words in an export, each of which the role must be shown elsewhere.
func (m *matrix) shows(words map[string]planted, role kernel.Role, x export, text string) int {
	all := reWord.FindAllString(text, -1)
	slices.Sort(all)
	for _, word := range slices.Compact(all) {
		p, known := words[word]
		if !known {
			continue // a piece of another
		}
		seen := m.send(member[role.Name], "GET", "/api/collections/"+p.collection+"/records/"+p.id, nil)
		if p == letterhead {
			continue
		}
		if p.hidden || !strings.Contains(seen.Body, word) && !m.declared(p, x) {
			m.Errorf("%s is shown %s.%s of %s by %s, and nowhere else", role.Name, p.collection, p.field, p.id, x.path)
		}
	}
	return len(all)
}

// declared holds for a field of a row of the patient whose export it is, in a part that a
// module declares to belong in it.
func (m *matrix) declared(p planted, x export) bool {
	if !strings.HasSuffix(x.path, "/export") {
		return false
	}
	for _, part := range kernel.All[privacyapi.Part](m.s.Kernel) {
		if part.Collection != p.collection || slices.Contains(part.Omit, p.field) {
			continue
		}
		patient, err := m.s.App.FindRecordById("patients", x.id)
		if err != nil {
			m.Fatal(err)
		}
		var n int
		err = m.s.App.DB().Select("count(*)").From(p.collection).Where(dbx.HashExp{"id": p.id}).
			AndWhere(dbx.NewExp("("+part.Where+")", dbx.Params{"patient": x.id, "account": patient.GetString("userId")})).Row(&n)
		if err != nil {
			m.Fatal(err)
		}
		return n == 1
	}
	return false
}

// zipText is all that is in the files of a zip.
func zipText(t *testing.T, raw string) string {
	z, err := zip.NewReader(strings.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&out, in); err != nil {
			t.Fatal(err)
		}
		_ = in.Close() // it was read to its end
	}
	return out.String()
}

var rePDFStream = regexp.MustCompile(`(?s)stream\r?\n(.*?)\r?\nendstream`)

// pdfText is what is printed, of letters that UTF-16 has in one byte.
func pdfText(_ *testing.T, raw string) string {
	var out strings.Builder
	for _, s := range rePDFStream.FindAllStringSubmatch(raw, -1) {
		z, err := zlib.NewReader(strings.NewReader(s[1]))
		if err != nil {
			continue // a font's
		}
		text, _ := io.ReadAll(z) // a stream that is cut off says what it says
		out.Write(bytes.ReplaceAll(text, []byte{0}, nil))
	}
	return out.String()
}
