package hooks

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/search"
)

// asked notes what PocketBase looks up while it turns a filter into SQL.
type asked []string

func (a *asked) UpdateQuery(*dbx.SelectQuery) error { return nil }

func (a *asked) Resolve(field string) (*search.ResolverResult, error) {
	if slices.Contains([]string{"true", "false", "null"}, field) {
		return nil, errors.New("a constant")
	}
	*a = append(*a, field)
	return &search.ResolverResult{Identifier: "x"}, nil
}

// FuzzFilter holds of any text: what the guard lets through makes PocketBase, in brackets as
// on a documented path or without, look up the one allowed field and nothing else.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"name='a'", "name ~ 'a' && (name != \"b\" || name ?= 'c')", "name='a') || (secret~'b'", "name='a' // ) || (secret='b'", "other.secret='a'", "things_via_id.secret='a'", "@collection.users.email='a'",
		"@now > name", "name:lower = 'a'", "name:isset = true", "geoDistance(1,2,3,secret) > 1", "strftime('%Y', secret) = '1'", "name='\\' || secret~\\'a'", "(((name=1)))", "secret", "name=null&&name=true", "name=@request.auth.id", "name = 'a'\n// secret\n|| name='b'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		if checkFilter(filter, func(field string) bool { return field == "name" }) != nil {
			return
		}
		for _, text := range []string{filter, "(" + filter + ")", "(" + filter + ") && name = 'b'"} {
			var fields asked
			if strings.TrimSpace(filter) == "" {
				continue
			}
			if _, err := search.FilterData(text).BuildExpr(&fields); err != nil {
				continue // PocketBase answers 400
			}
			for _, name := range fields {
				base, modifier, _ := strings.Cut(name, ":")
				if base != "name" || !slices.Contains([]string{"", "lower", "length", "each"}, modifier) {
					t.Errorf("%q looks up %q", text, name)
				}
			}
		}
	})
}

// FuzzExpand holds of any text: what is let through leads along forward relations, and not far.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"a", "a.b,c", "a_via_b", "a.b.c.d", "@x", strings.Repeat("a,", 9), " a , b", "a._via_"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expand string) {
		if !expandAllowed(expand) {
			return
		}
		paths := strings.Split(expand, ",")
		if len(paths) > maxExpands {
			t.Errorf("%d paths", len(paths))
		}
		for _, p := range paths {
			if steps := strings.Split(p, "."); len(steps) > maxExpandDepth || strings.Contains(p, "_via_") {
				t.Errorf("%q", p)
			}
		}
	})
}

// FuzzBody holds of any bytes: what counts as one JSON object is one, in UTF-8, and nothing
// follows it.
func FuzzBody(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}{"b":2}`, `[]`, `{"a":"\xff"}`, `{"a":` + strings.Repeat("[", 100) + `1`, `{"a":1e400}`, "{}\x00", `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) == 0 || !oneObject(raw) {
			return
		}
		var keys map[string]json.RawMessage
		if err := json.Unmarshal(raw, &keys); err != nil || !utf8.Valid(raw) {
			t.Errorf("%q: %v", raw, err)
		}
	})
}

// FuzzNumber holds of any text: what counts as a number fits a float64 to the last unit.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"1", "-2.5", "abc", "12.5kg", "1e308", "9007199254740993", "NaN", "inf", "0x1p-2", " 1", "١"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(text) == "" || !isNumber(text) {
			return
		}
		var n json.Number = json.Number(text)
		if v, err := n.Float64(); err != nil || v != v || v >= 1<<53 || v <= -1<<53 {
			t.Errorf("%q: %v %v", text, v, err)
		}
	})
}

// PocketBase's own patterns of a batch's requests (apis/batch.go).
var batchPatterns = []*regexp.Regexp{
	regexp.MustCompile(`^PUT /api/collections/(?P<collection>[^\/\?]+)/records(?P<query>\?.*)?$`),
	regexp.MustCompile(`^POST /api/collections/(?P<collection>[^\/\?]+)/records(\?.*)?$`),
	regexp.MustCompile(`^PATCH /api/collections/(?P<collection>[^\/\?]+)/records/(?P<id>[^\/\?]+)(\?.*)?$`),
	regexp.MustCompile(`^DELETE /api/collections/(?P<collection>[^\/\?]+)/records/(?P<id>[^\/\?]+)(\?.*)?$`),
}

// FuzzBatchURL holds of any address that PocketBase carries out in a batch: the guard looks
// at the same collection, or at one that there is not.
func FuzzBatchURL(f *testing.F) {
	for _, s := range []string{"/api/collections/things/records", "/api/collections/things/records/x?filter=a", "/api/collections/%74hings/records", "/api/collections/things/records#?x", "/api/collections/a b/records", "//evil/api/collections/things/records", "/api/collections/things/records\n", "/api/collections/things;x/records"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return // refused
		}
		for _, p := range batchPatterns {
			method, _, _ := strings.Cut(p.String()[1:], " ")
			m := p.FindStringSubmatch(method + " " + text)
			if m == nil {
				continue
			}
			ours := reBatchURL.FindStringSubmatch(u.Path)
			if escaped := url.PathEscape(m[1]) != m[1]; !escaped && (ours == nil || ours[1] != m[1]) {
				t.Errorf("%q: PocketBase takes %q, the guard looks at %q", text, m[1], ours)
			}
		}
	})
}
