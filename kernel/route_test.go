package kernel_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

func TestWhoGetsWhichCode(t *testing.T) {
	set, _ := newSet()
	const polish = path + "/" + adas + "/polish"
	set.Run(t, []kerneltest.Scenario{
		{Name: "route: a guest", As: guest, Path: polish, Body: `{"with":"wax"}`, Want: 401, Has: []string{`"sign_in_required"`}},
		{Name: "route: a role without a grant", As: nia, Path: polish, Body: `{"with":"wax"}`, Want: 403, Has: []string{`"not_allowed"`}},
		{Name: "route: a reader of the record", As: grace, Path: polish, Body: `{"with":"wax"}`, Want: 403},
		{Name: "route: another's record is not there", As: ada, Path: path + "/" + bobs + "/polish", Body: `{"with":"wax"}`, Want: 404},
		{Name: "route: no record", As: ada, Path: path + "/nosuchthing0000/polish", Body: `{"with":"wax"}`, Want: 404},
		{Name: "route: bad input", As: ada, Path: polish, Body: `{}`, Want: 400, Has: []string{`"with":{"code":"validation_required"`}},
		{Name: "route: input of the wrong type", As: ada, Path: polish, Body: `{"with":7}`, Want: 400, Has: []string{`"with":{"code":"validation_invalid_type"`}},
		{Name: "route: no JSON", As: ada, Path: polish, Body: `{"with"`, Want: 400, Has: []string{`"body":{"code":"invalid_json"`}},
		{Name: "route: no body", As: ada, Path: polish, Want: 400},
		{Name: "route: a list", As: ada, Path: polish, Body: `[]`, Want: 400},
		{Name: "route: the owner", As: ada, Path: polish, Body: `{"with":"wax","colour":"red"}`, Want: 200, Has: []string{`"note":"wax"`}, Not: []string{`"hidden"`}},
		{Name: "route: a fault tells nothing", As: ada, Path: path + "/break", Want: 500, Not: []string{"secret"}},

		{Name: "list: a guest", As: guest, Method: "GET", Path: path, Want: 401},
		{Name: "list: a role without a grant", As: nia, Method: "GET", Path: path, Want: 403},
		{Name: "list: what the caller may see", As: ada, Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":1`, `"page":1`, `"totalPages":1`}},
		{Name: "view: a guest", As: guest, Method: "GET", Path: path + "/" + adas, Want: 401},
		{Name: "view: another's is not there", As: ada, Method: "GET", Path: path + "/" + bobs, Want: 404, Has: []string{`"not_found"`}},
		{Name: "view: nothing is not there in the same words", As: ada, Method: "GET", Path: path + "/nosuchthing0000", Want: 404, Has: []string{`"not_found"`}},
		{Name: "create: 201", As: alma, Path: path, Body: `{"name":"jug"}`, Want: 201},
		{Name: "create: a role without a grant", As: grace, Path: path, Body: `{"name":"jug"}`, Want: 403},
		{Name: "create: outside the rule", As: ada, Path: path, Body: `{"name":"jug"}`, Want: 403},
		{Name: "create: invalid", As: alma, Path: path, Body: `{}`, Want: 400, Has: []string{`"name":{"code":"validation_required"`}},
		{Name: "update: 200", As: ada, Method: "PUT", Path: path + "/" + adas, Body: `{"name":"jug"}`, Want: 200},
		{Name: "update: PATCH is the same", As: ada, Method: "PATCH", Path: path + "/" + adas, Body: `{"name":"jug"}`, Want: 200},
		{Name: "update: what one may only see", As: grace, Method: "PUT", Path: path + "/" + adas, Body: `{"name":"jug"}`, Want: 403},
		{Name: "update: another's is not there", As: ada, Method: "PUT", Path: path + "/" + bobs, Body: `{"name":"jug"}`, Want: 404},
		{Name: "delete: what one may only see", As: ada, Method: "DELETE", Path: path + "/" + adas, Want: 403},
		{Name: "delete: 204", As: alma, Method: "DELETE", Path: path + "/" + adas, Want: 204},
		{Name: "a verb that the path has not", As: alma, Method: "DELETE", Path: path, Want: 404},
	})
}

// The collection API answers as PocketBase does, with nothing more to be had.
func TestTheCollectionGivesNoMore(t *testing.T) {
	set, _ := newSet()
	set.Run(t, []kerneltest.Scenario{
		{Name: "a guest lists nothing", As: guest, Method: "GET", Path: collection, Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "a role without a grant too", As: nia, Method: "GET", Path: collection, Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "another's is not there", As: ada, Method: "GET", Path: collection + "/" + bobs, Want: 404},
		{Name: "nor to change", As: ada, Method: "PATCH", Path: collection + "/" + bobs, Body: `{"name":"x"}`, Want: 404},
		{Name: "nor to delete", As: ada, Method: "DELETE", Path: collection + "/" + adas, Want: 404},
		{Name: "a create outside the rule", As: ada, Path: collection, Body: `{"name":"x"}`, Want: 400},
		{Name: "the outbox is nobody's", As: alma, Method: "GET", Path: "/api/collections/outbox/records", Want: 403},
		{Name: "nor are the keys", As: alma, Method: "GET", Path: "/api/collections/idempotency_keys/records", Want: 403},
	})
}

func TestARefusalTakesBackWhatItsHandlerWrote(t *testing.T) {
	set, _ := newSet()
	set.Run(t, []kerneltest.Scenario{{
		Name: "note", As: ada, Path: path + "/" + adas + "/polish", Body: `{"with":"polished"}`, Want: 409, Has: []string{`"error":{"code":"polished"`},
		Then: func(t *testing.T, s *kerneltest.Server, _ kerneltest.Response) {
			r, err := s.App.FindRecordById("things", adas)
			if err != nil || r.GetString("note") != "" {
				t.Errorf("the note is %q, %v", r.GetString("note"), err)
			}
		},
	}})
}

func TestAStaleWriteIs409(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	read := s.As(t, ada, "GET", path+"/"+adas, nil).JSON(t)["updated"].(string)
	first := s.As(t, ada, "PUT", path+"/"+adas, `{"name":"one"}`, "If-Match: \""+read+"\"")
	wantStatus(t, "the version that was read", first, http.StatusOK)
	for _, c := range []struct {
		name, method, url, body string
		headers                 []string
	}{
		{"If-Match", "PUT", path + "/" + adas, `{"name":"two"}`, []string{`If-Match: "` + read + `"`}},
		{"a weak If-Match", "PUT", path + "/" + adas, `{"name":"two"}`, []string{`If-Match: W/"` + read + `"`}},
		{"If-Match on the collection", "PATCH", collection + "/" + adas, `{"name":"two"}`, []string{`If-Match: ` + read}},
		{"updated in the body", "PUT", path + "/" + adas, `{"name":"two","updated":"` + read + `"}`, nil},
		{"updated with a T", "PUT", path + "/" + adas, `{"name":"two","updated":"` + strings.Replace(read, " ", "T", 1) + `"}`, nil},
		{"a list of others", "PUT", path + "/" + adas, `{"name":"two"}`, []string{`If-Match: "` + read + `", W/"x"`}},
		{"what is no version", "PUT", path + "/" + adas, `{"name":"two"}`, []string{"If-Match: garbage"}},
		{"If-Match on a route", "POST", path + "/" + adas + "/polish", `{"with":"wax"}`, []string{`If-Match: "` + read + `"`}},
	} {
		r := s.As(t, ada, c.method, c.url, c.body, c.headers...)
		if r.Status != http.StatusConflict || r.Code("updated") != "stale" {
			t.Errorf("%s: got %d %s", c.name, r.Status, r.Body)
		}
	}
	now := first.JSON(t)["updated"].(string)
	// The same instant, however a client's library writes it.
	for _, written := range []func(string) string{
		func(v string) string { return `"x", W/"` + v + `"` },
		func(v string) string { return `"` + v + `","x"` },
		func(v string) string { return strings.Replace(v, "Z", "+00:00", 1) },
		func(v string) string { return `"` + strings.Replace(v, "Z", "000Z", 1) + `"` },
		func(v string) string {
			at, err := time.Parse(time.RFC3339Nano, v)
			if err != nil {
				t.Fatal(err)
			}
			return at.In(time.FixedZone("", 3600)).Format("2006-01-02T15:04:05.000Z07:00")
		},
	} {
		r := s.As(t, ada, "PUT", path+"/"+adas, `{"name":"one"}`, "If-Match: "+written(now))
		wantStatus(t, written(now), r, http.StatusOK)
		now = r.JSON(t)["updated"].(string)
	}
	for name, r := range map[string]kerneltest.Response{
		"If-Match: *":        s.As(t, ada, "PUT", path+"/"+adas, `{"name":"two"}`, "If-Match: *"),
		"without a version":  s.As(t, ada, "PUT", path+"/"+adas, `{"name":"three"}`),
		"another's, not 409": s.As(t, ada, "PUT", path+"/"+bobs, `{"name":"x"}`, `If-Match: "`+now+`"`),
	} {
		want := http.StatusOK
		if strings.HasPrefix(name, "another's") {
			want = http.StatusNotFound
		}
		wantStatus(t, name, r, want)
	}
}

func TestOfManyWithOneVersionOneWins(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	token := s.Token(t, ada)
	read := s.As(t, ada, "GET", path+"/"+adas, nil).JSON(t)["updated"].(string)
	var won, lost int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			r := s.Do(t, "PUT", path+"/"+adas, token, `{"name":"mine"}`, `If-Match: "`+read+`"`)
			mu.Lock()
			defer mu.Unlock()
			switch r.Status {
			case http.StatusOK:
				won++
			case http.StatusConflict:
				lost++
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != 9 {
		t.Errorf("%d won, %d lost", won, lost)
	}
}

func TestAModuleThatIsOffIsNotThere(t *testing.T) {
	set, _ := newSet()
	set.Disable = []string{"things"}
	s := set.Start(t)
	for _, c := range []struct{ method, path string }{
		{"GET", path}, {"POST", path}, {"GET", path + "/" + adas}, {"PUT", path + "/" + adas}, {"DELETE", path + "/" + adas},
		{"POST", path + "/" + adas + "/polish"}, {"GET", collection}, {"GET", collection + "/" + adas}, {"POST", collection},
	} {
		wantStatus(t, c.method+" "+c.path, s.As(t, alma, c.method, c.path, `{"name":"a"}`), http.StatusNotFound)
	}
	wantStatus(t, "realtime", s.Subscribe(t, s.Connect(t), s.Token(t, alma), "things/*"), http.StatusNotFound)
	if r := s.As(t, alma, "POST", "/api/batch", batchOf("jug")); r.Status < 400 {
		t.Errorf("batch: got %d %s", r.Status, r.Body)
	}
	if n := count(t, s, "things"); n != 2 {
		t.Errorf("%d rows: the data should have stayed", n)
	}
}
