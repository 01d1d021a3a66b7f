package hooks_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// oracles are queries with which PocketBase alone tells a caller about what they cannot see
// (findings 5 to 7), or that make it work for minutes (finding 17).
var oracles = []struct{ name, query string }{
	{"a back-relation in a filter", "filter=labels_via_thingId.text~'hiv'"},
	{"a back-relation of all in a filter", "filter=labels_via_thingId.text?~'hiv'"},
	{"another collection in a filter", "filter=@collection.labels.text~'hiv'"},
	{"the request in a filter", "filter=@request.auth.password~'a'"},
	{"a relation in a filter", "filter=ownerId.email~'a'"},
	{"a field that is not queryable in a filter", "filter=note~'sealed'"},
	{"its length", "filter=note:length>3"},
	{"a hidden field in a filter", "filter=hidden='x'"},
	{"a field of a function in a filter", "filter=geoDistance(note,note,1,1)<1"},
	{"a field that is not queryable deep in a filter", "filter=name='a'%26%26(count>1||(count<9%26%26note='x'))"},
	{"a field that is not queryable to the right", "filter='x'=note"},
	{"two filters", "filter=name='a'&filter=note='x'"},
	{"a field that is not queryable in a sort", "sort=-note"},
	{"a back-relation in a sort", "sort=labels_via_thingId.text"},
	{"a relation in a sort", "sort=ownerId.email"},
	{"another collection in a sort", "sort=@collection.labels.text"},
	{"a back-relation in an expand", "expand=labels_via_thingId"},
	{"a deep expand", "expand=ownerId.ownerId.ownerId.ownerId"},
	{"a long filter", "filter=name='" + strings.Repeat("a", 3000) + "'"},
	{"a filter of many terms", "filter=count=1" + strings.Repeat("||count=1", 40)},
	{"many expands", "expand=" + strings.Repeat("ownerId,", 20) + "ownerId"},
}

func TestAQueryIsNoOracle(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	token := s.Token(t, ada)
	for _, o := range oracles {
		t.Run(o.name, func(t *testing.T) {
			query := strings.ReplaceAll(o.query, " ", "%20")
			paths := []string{
				path, path + "/", collection, "/api/collections/THINGS/records", "/api/collections/" + c.Id + "/records",
			}
			if strings.HasPrefix(o.query, "expand") {
				paths = append(paths, path+"/"+adas, collection+"/"+adas)
			}
			for _, p := range paths {
				r := s.Do(t, "GET", p+"?"+query, token, nil)
				if r.Status != http.StatusBadRequest || !strings.Contains(r.Body, "query_not_allowed") {
					t.Errorf("GET %s: got %d: %s", p, r.Status, r.Body)
				}
			}
			for _, req := range []struct{ method, url string }{
				{"POST", collection}, {"PATCH", collection + "/" + adas}, {"PUT", collection}, {"DELETE", collection + "/" + adas},
				{"PATCH", "/api/collections/THINGS/records/" + adas}, {"PATCH", "/api/collections/" + c.Id + "/records/" + adas},
			} {
				r := s.Do(t, "POST", "/api/batch", token, inBatch(req.method, req.url+"?"+query, map[string]any{"name": "x"}))
				if r.Status != http.StatusBadRequest || !strings.Contains(r.Body, "query_not_allowed") && !strings.Contains(r.Body, "validation_length_too_long") {
					t.Errorf("batch %s %s: got %d: %s", req.method, req.url, r.Status, r.Body)
				}
			}
			st := s.Connect(t)
			options := `{"query":{`
			values, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range values {
				if len(v) > 1 {
					return // JSON has a name once
				}
				options += encode(t, name) + ":" + encode(t, v[0])
			}
			options += "}}"
			for _, topic := range []string{"things/*", "things/" + adas, "things", c.Id + "/*"} {
				r := s.Subscribe(t, st, token, topic+"?options="+url.QueryEscape(options))
				if r.Status != http.StatusBadRequest {
					t.Errorf("subscribe %s: got %d: %s", topic, r.Status, r.Body)
				}
			}
		})
	}
}

func TestWhatIsDeclaredCanBeQueried(t *testing.T) {
	s := set.Start(t)
	s.On(t, []kerneltest.Scenario{
		{Name: "filter", As: ada, Method: "GET", Path: path + "?filter=" + url.QueryEscape("(name ~ 'CUP' && count >= 1) || kind != ''"), Want: 200, Has: []string{`"totalItems":1`, adas}, Not: []string{bobs}},
		{Name: "lower case", As: ada, Method: "GET", Path: path + "?filter=" + url.QueryEscape("name:lower = 'cup'"), Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "instants", As: ada, Method: "GET", Path: path + "?filter=" + url.QueryEscape("created <= @now && updated > '2020-01-01'"), Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "sort", As: alma, Method: "GET", Path: path + "?sort=-name,count,@rowid", Want: 200, Has: []string{`"totalItems":3`}},
		{Name: "expand shows what the caller may see", As: ada, Method: "GET", Path: path + "/" + adas + "?expand=ownerId", Want: 200, Has: []string{`"expand":{"ownerId":`, "Ada Novak"}},
		{Name: "and not what they may not", As: grace, Method: "GET", Path: path + "/" + adas + "?expand=ownerId", Want: 200, Not: []string{"Ada Novak"}},
		{Name: "fields", As: ada, Method: "GET", Path: path + "?fields=id,name", Want: 200, Has: []string{`"name":"cup"`}, Not: []string{"sealed"}},
		{Name: "without a total", As: ada, Method: "GET", Path: path + "?skipTotal=1", Want: 200, Has: []string{`"totalItems":-1`}},
		{Name: "a page has at most 200", As: ada, Method: "GET", Path: path + "?perPage=100000", Want: 200, Has: []string{`"perPage":200`}},
		{Name: "and 30 unless asked", As: ada, Method: "GET", Path: path, Want: 200, Has: []string{`"perPage":30`}},
		{Name: "search", As: alma, Method: "GET", Path: path + "?q=Cu", Want: 200, Has: []string{`"totalItems":3`}},
		{Name: "search takes text as text", As: alma, Method: "GET", Path: path + "?q=" + url.QueryEscape(`x' || note ~ '`), Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "search and backslash", As: alma, Method: "GET", Path: path + "?q=" + url.QueryEscape(`\' || note ~ \'`), Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "a list below a record for others", As: ada, Method: "GET", Path: "/api/labels/" + adas, Want: 403},
		{Name: "a list below a record, for admins", As: alma, Method: "GET", Path: "/api/labels/" + adas, Want: 200, Has: []string{`"totalItems":1`, "hiv"}},
		{Name: "cannot be widened", As: alma, Method: "GET", Path: "/api/labels/" + adas + "?filter=" + url.QueryEscape("id!='') || (id!=''"), Want: 400, Has: []string{"validation_invalid_filter"}},
		{Name: "nor hidden things be asked so", As: ada, Method: "GET", Path: path + "?filter=" + url.QueryEscape("note~'a') || (note~'s'"), Want: 400},
		{Name: "nor behind a comment", As: ada, Method: "GET", Path: path + "?filter=" + url.QueryEscape("name='jug' // ) || (note~'s'"), Want: 400},
		{Name: "in any way", As: ada, Method: "GET", Path: path + "?filter=" + url.QueryEscape("name='jug' // ) || note~'s' || (name='jug'\n"), Want: 400},
		{Name: "search takes a comment as text", As: alma, Method: "GET", Path: path + "?q=" + url.QueryEscape(`//')`), Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "a comment ends with its line", As: ada, Method: "GET", Path: path + "?filter=" + url.QueryEscape("name='jug' // c\n || name='cup'") + "&q=c", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "below a record that is not there", As: alma, Method: "GET", Path: "/api/labels/nosuchthing0000", Want: 404},
		{Name: "a filter that is none", As: ada, Method: "GET", Path: path + "?filter=((", Want: 400},
		{Name: "a page that is none", As: ada, Method: "GET", Path: path + "?page=abc", Want: 400},
	})
}

func TestACollectionOfItsOwnHasNoQueryList(t *testing.T) {
	s := set.Start(t)
	token := superuser(t, s)
	r := s.Do(t, "POST", "/api/collections", token, `{"name":"site","type":"base","listRule":"","fields":[{"name":"word","type":"text"}]}`)
	wantStatus(t, "a site's own collection", r, http.StatusOK)
	wantStatus(t, "its field", s.As(t, ada, "GET", "/api/collections/site/records?filter=word='a'", nil), http.StatusOK)
	wantStatus(t, "back-relation", s.As(t, ada, "GET", "/api/collections/site/records?filter=x_via_y.z='a'", nil), http.StatusBadRequest)
}

// A field that a site added and hid is for superusers: a query that names it says so.
func TestAHiddenFieldOfASiteCannotBeQueried(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	c.Fields.Add(&core.NumberField{Name: "x_weight", Hidden: true}, &core.NumberField{Name: "x_size"})
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, collection} {
		for _, query := range []string{"filter=x_weight>7", "sort=-x_weight"} {
			if r := s.As(t, ada, "GET", p+"?"+query, nil); r.Status != http.StatusBadRequest || !strings.Contains(r.Body, "query_not_allowed") {
				t.Errorf("%s?%s: %d %s", p, query, r.Status, r.Body)
			}
		}
		wantStatus(t, "one that is shown", s.As(t, ada, "GET", p+"?filter=x_size=0&sort=x_size", nil), http.StatusOK)
	}
}
