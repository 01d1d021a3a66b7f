package kernel_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

func TestAListBelowARecordIsAListLikeAnyOther(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	for i, owner := range []string{adas, bobs, adas, adas} {
		wantStatus(t, "label", s.As(t, alma, "POST", "/api/labels", fmt.Sprintf(`{"thingId":%q,"text":"label %d"}`, owner, i)), 201)
	}
	url := "/api/things/" + adas + "/labels"
	all := []string{`"totalItems":3`, "label 0", "label 2", "label 3"}
	s.On(t, []kerneltest.Scenario{
		{Name: "newest first", As: alma, Method: "GET", Path: url + "?perPage=1", Want: 200, Has: []string{`"totalItems":3`, `"totalPages":3`, "label 3"}, Not: []string{"label 2"}},
		{Name: "sorted", As: alma, Method: "GET", Path: url + "?perPage=1&sort=text", Want: 200, Has: []string{"label 0"}, Not: []string{"label 1"}},
		{Name: "filtered", As: alma, Method: "GET", Path: url + "?filter=text='label%202'", Want: 200, Has: []string{`"totalItems":1`, "label 2"}},
		{Name: "a filter leads to no other's", As: alma, Method: "GET", Path: url + "?filter=text='label%202'||text='label%201'", Want: 200, Has: []string{`"totalItems":1`}, Not: []string{"label 1"}},
		{Name: "searched", As: alma, Method: "GET", Path: url + "?q=3", Want: 200, Has: []string{`"totalItems":1`, "label 3"}},
		{Name: "expanded", As: alma, Method: "GET", Path: url + "?expand=thingId&perPage=1", Want: 200, Has: []string{`"expand":{"thingId":{`}},
		{Name: "not counted", As: alma, Method: "GET", Path: url + "?skipTotal=1", Want: 200, Has: []string{`"totalItems":-1`, "label 0"}},
		{Name: "of some fields", As: alma, Method: "GET", Path: url + "?fields=text", Want: 200, Has: []string{`{"items":[{"text":"label 3"},{"text":"label 2"}`}},
		{Name: "what may not be queried is named", As: alma, Method: "GET", Path: url + "?sort=thingId", Want: 400, Has: []string{`"sort":{"code":"query_not_allowed"`}},
		{Name: "with a slash at the end", As: alma, Method: "GET", Path: url + "/", Want: 200, Has: all},
		{Name: "HEAD has no body", As: alma, Method: "HEAD", Path: url, Want: 200},
		{Name: "below nothing", As: alma, Method: "GET", Path: "/api/things/nosuchthing0000/labels", Want: 404, Has: []string{`"not_found"`}},
		{Name: "below what is no id", As: alma, Method: "GET", Path: "/api/things/" + strings.Repeat("%2e", 2) + "/labels", Want: 404},
		{Name: "no role, no list", As: ada, Method: "GET", Path: url, Want: 403},
		{Name: "a guest signs in first", Method: "GET", Path: url, Want: 401},
		{Name: "it only lists", As: alma, Method: "POST", Path: url, Body: `{"text":"x"}`, Want: 404},
		{Name: "the collection's own list is whole", As: alma, Method: "GET", Path: "/api/collections/labels/records", Want: 200, Has: []string{`"totalItems":4`}},
	})
}

func TestAListOfItsOwnHasItsRowsAndItsPolicy(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	wantStatus(t, "label", s.As(t, alma, "POST", "/api/labels", fmt.Sprintf(`{"thingId":%q,"text":"x"}`, adas)), 201)
	s.On(t, []kerneltest.Scenario{
		{Name: "narrowed, and finished", As: alma, Method: "GET", Path: path + "/unlabelled", Want: 200, Has: []string{`"totalItems":1`, bobs, `"hidden":""`}, Not: []string{adas}},
		{Name: "a filter does not widen it", As: alma, Method: "GET", Path: path + "/unlabelled?filter=id='" + adas + "'", Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "a doctor lists things", As: grace, Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":2`}, Not: []string{`"hidden"`}},
		{Name: "but not these", As: grace, Method: "GET", Path: path + "/unlabelled", Want: 403},
		{Name: "a thing of that name is none", As: alma, Method: "PUT", Path: path + "/unlabelled", Body: `{}`, Want: 404},
	})
}

func TestTheSetIsRefusedWhenAListIsNone(t *testing.T) {
	base := kernel.Module{Name: "shelves", Doc: "Shelves.", Access: []kernel.Access{{Collection: "shelves"}}}
	for want, r := range map[string]kernel.Resource{
		"needs ListBy":             {Path: "/api/shelves/{id}/things", Collection: "shelves", Verbs: []kernel.Verb{kernel.List}},
		"a path that only lists":   {Path: "/api/shelves", Collection: "shelves", Deleted: true},
		"ListBy and no other verb": {Path: "/api/shelves/{id}/things", Collection: "shelves", ListBy: "shelfId"},
	} {
		base.Resources = []kernel.Resource{r}
		if _, err := kernel.New([]kernel.Module{base}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

// An instant is RFC 3339 with a T and milliseconds on every documented path, and may be sent
// back in filters; PocketBase's own paths keep PocketBase's form.
func TestInstantsHaveOneForm(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	odd := `said \"2026-01-02 03:04:05.678Z\" aloud`
	made := s.As(t, alma, "POST", path, `{"name":"clock","due":"2031-05-06T07:08:09+02:00","note":"`+odd+`"}`)
	wantStatus(t, "create", made, 201)
	s.On(t, []kerneltest.Scenario{
		{Name: "what was made", As: alma, Method: "GET", Path: path + "/" + made.ID(t), Want: 200, Has: []string{`"due":"2031-05-06T05:08:09.000Z"`, odd}},
		{Name: "a list and what it expands", As: alma, Method: "GET", Path: path + "?expand=ownerId", Want: 200, Not: []string{`:"20\d\d-\d\d-\d\d \d`}},
		{Name: "a route's answer", As: alma, Path: path + "/" + adas + "/polish", Body: `{"with":"wax"}`, Want: 200, Has: []string{`"created":"20`}, Then: noSpace},
		{Name: "PocketBase's own path", As: alma, Method: "GET", Path: collection + "/" + made.ID(t), Want: 200, Has: []string{`"due":"2031-05-06 05:08:09.000Z"`}},
		{Name: "an instant that was read finds the row", As: alma, Method: "GET", Path: path + "?filter=created%20%3E%3D%20'" + instantOf(t, made, "created") + "'", Want: 200, Has: []string{"clock"}},
		{Name: "in another zone too", As: alma, Method: "GET", Path: path + "?filter=created<'2099-01-01T00:00:00%2B02:00'", Want: 200, Has: []string{"clock"}},
		{Name: "and what was read may be sent back", As: alma, Method: "PUT", Path: path + "/" + made.ID(t), Body: `{"updated":"` + instantOf(t, made, "updated") + `","created":"` + instantOf(t, made, "created") + `","name":"bell"}`, Want: 200, Then: noSpace},
	})
}

var spaced = regexp.MustCompile(`:"\d{4}-\d\d-\d\d \d\d:`)

func noSpace(t *testing.T, _ *kerneltest.Server, r kerneltest.Response) {
	t.Helper()
	if spaced.MatchString(r.Body) {
		t.Errorf("an instant without a T: %s", r.Body)
	}
}

func instantOf(t *testing.T, r kerneltest.Response, field string) string {
	t.Helper()
	v, _ := r.JSON(t)[field].(string)
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(v) {
		t.Fatalf("%s is %q", field, v)
	}
	return v
}

// The same answer again, when a request is repeated with its key.
func TestARepeatedAnswerHasTheSameInstants(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	for url, body := range map[string]string{path: `{"name":"clock"}`, path + "/" + adas + "/polish": `{"with":"wax"}`} {
		var bodies []string
		for range 2 {
			r := s.As(t, alma, "POST", url, body, "Idempotency-Key: "+url)
			instantOf(t, r, "created")
			bodies = append(bodies, strings.TrimSpace(r.Body))
		}
		if bodies[0] != bodies[1] {
			t.Errorf("%s: got\n%s\nand then\n%s", url, bodies[0], bodies[1])
		}
	}
}

func TestARouteNamesWhatOnlyTheServerSets(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	url := path + "/" + adas + "/polish"
	thing, err := s.App.FindRecordById("things", adas)
	if err != nil {
		t.Fatal(err)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "all of them", As: alma, Path: url, Body: `{"with":"wax","serial":"S-1","created":"2020-01-01","id":"other"}`, Want: 400, Has: []string{`"serial":{"code":"server_set"`, `"created":{"code":"server_set"`, `"id":{"code":"server_set"`}, Then: isUnpolished},
		{Name: "what is hidden too", As: alma, Path: url, Body: `{"with":"wax","hidden":""}`, Want: 400, Has: []string{`"hidden":{"code":"server_set"`}},
		{Name: "what is harmless is ignored", As: alma, Path: url, Body: `{"with":"wax","colour":"red"}`, Want: 200},
		{Name: "what was read may be sent back", As: alma, Path: url, Body: sentBack(t, thing), Want: 200},
		{Name: "a list is no body", As: alma, Path: url, Body: `[]`, Want: 400},
		{Name: "no body at all", As: alma, Path: url, Want: 400, Has: []string{`"with":{"code":"validation_required"`}},
	})
}

func isUnpolished(t *testing.T, s *kerneltest.Server, _ kerneltest.Response) {
	t.Helper()
	if r, err := s.App.FindRecordById("things", adas); err != nil || r.GetString("note") != "" {
		t.Errorf("polished all the same: %v", err)
	}
}

func sentBack(t *testing.T, r *core.Record) string {
	t.Helper()
	all := map[string]any{}
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"note", "updated", "collectionId", "collectionName"} { // polished just now
		delete(all, name)
	}
	all["with"] = "wax"
	all["created"] = strings.Replace(r.GetString("created"), " ", "T", 1)
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
