package kernel_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// routes adds routes as a clinic's script does; each answers with its own path.
func routes(paths ...string) func(*tests.TestApp) {
	return func(app *tests.TestApp) {
		app.OnServe().BindFunc(func(se *core.ServeEvent) error {
			for _, p := range paths {
				method, path, _ := strings.Cut(p, " ")
				se.Router.Route(method, path, func(e *core.RequestEvent) error { return e.JSON(http.StatusOK, map[string]string{"route": p}) })
			}
			return se.Next()
		})
	}
}

// The path that says more is the one that is taken.
func TestARouteBelowADocumentedPath(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t, routes("GET /api/things/mine", "DELETE /api/things/{id}/label", "POST /api/things/mine/list/{id}", "GET /api/{any}/{thing}", "PATCH /api/things/all"))
	id := s.As(t, alma, "POST", "/api/things", `{"name":"bed"}`).ID(t)
	script := func(p string) []string { return []string{`"route":"` + p} }
	thing := []string{`"name":"bed"`}
	s.On(t, []kerneltest.Scenario{
		{Name: "a word in the place of an id", As: alma, Method: "GET", Path: "/api/things/mine", Want: 200, Has: script("GET /api/things/mine")},
		{Name: "by HEAD", As: alma, Method: "HEAD", Path: "/api/things/mine", Want: 200},
		{Name: "only by its method", As: alma, Method: "DELETE", Path: "/api/things/mine", Want: 404, Has: []string{`"not_found"`}},
		{Name: "by PATCH", As: alma, Method: "PATCH", Path: "/api/things/all", Want: 200, Has: script("PATCH /api/things/all")},
		{Name: "below a record", As: alma, Method: "DELETE", Path: "/api/things/" + id + "/label", Want: 200, Has: script("DELETE /api/things/{id}/label")},
		{Name: "below the word", As: alma, Path: "/api/things/mine/list/1", Want: 200, Has: script("POST /api/things/mine/list/{id}")},
		{Name: "a record", As: alma, Method: "GET", Path: "/api/things/" + id, Want: 200, Has: thing},
		{Name: "a record, with a / behind", As: alma, Method: "GET", Path: "/api/things/" + id + "/", Want: 200, Has: thing},
		{Name: "the list", As: alma, Method: "GET", Path: "/api/things", Want: 200, Has: thing},
		{Name: "a change", As: alma, Method: "PATCH", Path: "/api/things/" + id, Body: `{"note":"x"}`, Want: 200, Has: thing},
		{Name: "an id that is none", As: alma, Method: "GET", Path: "/api/things/a.b", Want: 404},
		{Name: "what says less", As: alma, Method: "GET", Path: "/api/beds/1", Want: 200, Has: script("GET /api/{any}/{thing}")},
	})
}

// A path that the product has cannot be had again: the start says so.
func TestARouteThatIsThereAlready(t *testing.T) {
	for route, taken := range map[string]string{
		"GET /api/things":         "GET /api/things",
		"GET /api/things/{thing}": "GET /api/things/{id}",
		"PATCH /api/things/{x}":   "PATCH /api/things/{id}",
		"PUT /api/{x}/mine":       "", // that of a record, of which neither says more
	} {
		t.Run(route, func(t *testing.T) {
			set, _ := newSet()
			s := set.Start(t)
			routes(route)(s.App)
			r, err := apis.NewRouter(s.App)
			if err != nil {
				t.Fatal(err)
			}
			err = s.App.OnServe().Trigger(&core.ServeEvent{App: s.App, Router: r, Server: &http.Server{}}, func(e *core.ServeEvent) error {
				table, err := e.Router.BuildMux()
				e.Server.Handler = table
				return err
			})
			if err == nil || !strings.Contains(err.Error(), route+" takes requests of "+taken) {
				t.Errorf("got %v", err)
			}
		})
	}
}
